"""The cases by workload and device, with what is alike in all of them told once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from reports.cases import CaseRow
from reports.cell import Table
from reports.counted import COUNTED
from reports.details import WHAT_RAN
from reports.meters import METERS

_FACTS = (WHAT_RAN, METERS, COUNTED)  # tables of which a row says the same wherever it stands


@dataclass(frozen=True)
class CaseGroup:
    """Cases of one workload on one device, each with its tables less what ``alike`` tells of all that were measured."""

    title: str
    measured: int
    alike: tuple[Table, ...]
    cases: tuple[tuple[CaseRow, tuple[Table, ...]], ...]


def case_groups(rows: Sequence[CaseRow]) -> tuple[CaseGroup, ...]:
    """The groups in the order of their first cases."""
    groups: dict[str, list[CaseRow]] = {}
    for row in rows:
        groups.setdefault(f"{row.workload} · {row.device_words}", []).append(row)
    return tuple(_group(title, group) for title, group in groups.items())


def _group(title: str, rows: Sequence[CaseRow]) -> CaseGroup:
    measured = [row for row in rows if row.ok]
    several = len(measured) > 1
    alike = {table.title: _alike(table, measured[1:]) for table in measured[0].details} if several else {}
    told = tuple(table for table in alike.values() if table.rows or table.remarks)
    cases = tuple((row, _without(row.details, alike) if row.ok else row.details) for row in rows)
    return CaseGroup(title, len(measured), told, cases)


def _alike(table: Table, others: Sequence[CaseRow]) -> Table:
    """What a table of the first case shares with the tables of that title of all others."""
    rows = set(table.rows) if table.title in _FACTS else set()
    remarks = set(table.remarks)
    for row in others:
        same = next((one for one in row.details if one.title == table.title), None)
        rows.intersection_update(same.rows if rows and same else ())
        remarks.intersection_update(same.remarks if same else ())
    return replace(
        table,
        rows=tuple(row for row in table.rows if row in rows),
        remarks=tuple(remark for remark in table.remarks if remark in remarks),
        groups=(),
    )


def _without(details: Sequence[Table], alike: dict[str, Table]) -> tuple[Table, ...]:
    rest = (_rest(table, alike[table.title]) if table.title in alike else table for table in details)
    return tuple(table for table in rest if table.rows or table.remarks)


def _rest(table: Table, alike: Table) -> Table:
    rows = tuple(row for row in table.rows if row not in alike.rows)
    return replace(table, rows=rows, remarks=tuple(remark for remark in table.remarks if remark not in alike.remarks))
