"""The machines behind the records, side by side, with what differs marked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench.judge.keys import is_hard
from bench.record import Record
from reports.cell import Cell, Column, Table, absent, plain
from reports.text import line


def environment_table(records: Sequence[Record]) -> Table:
    """What the records say of their environments, each of which stands once."""
    return side_by_side(*_different(records))


def comparability(records: Sequence[Record], baseline: Sequence[Record] = ()) -> tuple[Table, ...]:
    """For each device whose records come from several environments: only what differs, what blocks a comparison first.

    Records are compared on one device; that a CPU is no GPU is no difference to tell of.
    """
    found = []
    for device in dict.fromkeys(record.case.device for record in (*records, *baseline)):
        here, before = ([one for one in side if one.case.device == device] for side in (records, baseline))
        titles, environments = _different(here, before)
        if len(environments) > 1:
            found.append(_differing(device, side_by_side(titles, environments)))
    return tuple(found)


def _different(records: Sequence[Record], baseline: Sequence[Record] = ()) -> tuple[list[str], list[Mapping[str, Any]]]:
    """The different environments, each under the names of those who had it."""
    found: dict[str, Mapping[str, Any]] = {}
    used: dict[str, dict[str, None]] = {}
    keys: dict[int, str] = {}  # records of one run may share one object
    sides = [("baseline: ", record) for record in baseline] + [("", record) for record in records]
    for side, record in sides:
        key = keys.get(id(record.environment)) or json.dumps(record.environment, sort_keys=True, default=str)
        keys[id(record.environment)] = key
        found[key] = record.environment
        used.setdefault(key, {})[f"{side}{record.case.device}, run {record.run.id}"] = None
    return [line("; ".join(users), 120) for users in used.values()], list(found.values())


def _differing(device: str, table: Table) -> Table:
    rows = [row for tone in ("bad", "warn") for row in table.rows if row[0].tone == tone]
    return replace(table, title=f"Environments of {line(device)}", rows=tuple(rows))


def side_by_side(titles: Sequence[str], environments: Sequence[Mapping[str, Any]]) -> Table:
    """One column for each environment under its title, one row for each fact; rows that differ come with a tone."""
    flat = [dict(flatten(environment)) for environment in environments]
    names = dict.fromkeys(name for facts in flat for name in facts)
    nothing = absent("not recorded here")
    rows = tuple(_row(name, [facts.get(name, nothing) for facts in flat]) for name in names)
    blocking = sum(row[0].tone == "bad" for row in rows)
    differing = blocking + sum(row[0].tone == "warn" for row in rows)
    remark = f"{len(flat)} environments differ in {differing} of {len(rows)} facts, which are marked ≠."
    if blocking:
        remark += f" {blocking} of them are marked ✕: records that differ so are not judged against each other."
    columns = (Column("What"), *map(Column, titles))
    return Table("Environment", columns, rows, remarks=(remark,) if len(flat) > 1 else ())


def flatten(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    """Nested facts as dotted names with cells; lists of plain values are joined, ``{value: None, reason}`` is absent.

    >>> [(name, cell.text) for name, cell in flatten({"torch": {"version": "2.13"}, "flags": ["a", "b"]})]
    [('torch.version', '2.13'), ('flags', 'a, b')]
    """
    for name, value in facts.items():
        full = f"{prefix}{line(name)}"
        if value is None or isinstance(value, (str, int, float)):
            yield full, plain(value)
        elif isinstance(value, Mapping) and set(value) == {"value", "reason"} and value["value"] is None:
            yield full, absent(str(value["reason"]))
        elif isinstance(value, Mapping):
            yield from flatten(value, f"{full}.")
        elif isinstance(value, (list, tuple)):
            if any(isinstance(part, (Mapping, list, tuple)) for part in value):
                yield from flatten({str(index): part for index, part in enumerate(value)}, f"{full}.")
            else:
                yield full, plain(", ".join(map(str, value)))
        else:
            yield full, plain(value)


def _row(name: str, cells: list[Cell]) -> tuple[Cell, ...]:
    texts = list(dict.fromkeys(cell.text for cell in cells))
    label = Cell(name)
    if len(texts) > 1 and any(is_hard(name, texts[0], text) for text in texts[1:]):
        label = Cell(f"{name} ≠ ✕", tone="bad", note="differs, and keeps records from being compared")
    elif len(texts) > 1:
        label = Cell(f"{name} ≠", tone="warn", note="differs between environments")
    return (label, *(cell._replace(under=cell.note) if cell.absent else cell for cell in cells))
