"""The cases by workload and device, with what is alike in all of them told once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from reports.cases import CaseRow
from reports.cell import Cell, Table
from reports.details import METRICS_TABLE


@dataclass(frozen=True)
class CaseGroup:
    """Cases of one workload on one device; ``alike`` has by their titles the tables with what they share, of the
    ``measured`` ones all."""

    title: str
    measured: int
    alike: Mapping[str, Table]
    cases: tuple[CaseRow, ...]

    @property
    def told(self) -> tuple[Table, ...]:
        """The tables that all measured cases share."""
        return tuple(table for table in self.alike.values() if table.rows or table.remarks)

    def tables(self, row: CaseRow) -> tuple[Table, ...]:
        """The tables of a case less what is told of all."""
        if not row.ok:
            return row.details
        rest = (_rest(table, self.alike[table.title]) if table.title in self.alike else table for table in row.details)
        return tuple(table for table in rest if table.rows or table.remarks)


def case_groups(rows: Sequence[CaseRow]) -> tuple[CaseGroup, ...]:
    """The groups in the order of their first cases."""
    groups: dict[str, list[CaseRow]] = {}
    for row in rows:
        groups.setdefault(f"{row.workload} · {row.device_words}", []).append(row)
    return tuple(_group(title, group) for title, group in groups.items())


def _group(title: str, rows: Sequence[CaseRow]) -> CaseGroup:
    measured = [row for row in rows if row.ok]
    return CaseGroup(title, len(measured), _alike(measured) if len(measured) > 1 else {}, tuple(rows))


def _alike(rows: Sequence[CaseRow]) -> dict[str, Table]:
    """The tables of the first case with what all others share of them."""
    common = _sayings(rows[0])
    for row in rows[1:]:
        other = _sayings(row)
        for title, sayings in common.items():
            sayings &= other.get(title, set())
    return {
        table.title: replace(
            table,
            rows=tuple(row for row in table.rows if row in common[table.title]),
            remarks=tuple(remark for remark in table.remarks if remark in common[table.title]),
            groups=(),
        )
        for table in rows[0].details
        if table.title in common
    }


def _sayings(row: CaseRow) -> dict[str, set[tuple[Cell, ...] | str]]:
    """By the titles of its tables what says the same wherever it stands: rows of facts, and all remarks."""
    found: dict[str, set[tuple[Cell, ...] | str]] = {METRICS_TABLE: set(row.absences)}
    for table in row.facts:
        found[table.title] = {*table.rows, *table.remarks}
    return found


def _rest(table: Table, alike: Table) -> Table:
    rows = tuple(row for row in table.rows if row not in alike.rows)
    return replace(table, rows=rows, remarks=tuple(remark for remark in table.remarks if remark not in alike.remarks))
