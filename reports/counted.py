"""What one step of a case comes to, counted exactly: the same on any machine that runs the same code."""

from __future__ import annotations

from bench.counted import COUNTERS
from bench.metric import METRICS
from bench.record import Record
from reports.cell import Cell, Column, Table, plain
from reports.number import count, quantity
from reports.text import line


def counted_table(record: Record) -> Table:
    """A row for each counter that has a value; those that have none are gathered by reason."""
    counters = (record.counters or {}).items()
    # What is a metric too stands among the metrics.
    found = {name: one for name, one in counters if name not in METRICS}
    known = {name: value for name, one in found.items() if (value := one.get("value")) is not None}
    of_reason: dict[str, list[str]] = {}
    for name in found.keys() - known.keys():
        of_reason.setdefault(line(found[name].get("reason") or "not counted"), []).append(line(name))
    rows = tuple(
        (Cell(line(name)), _shown(name, value), plain(found[name].get("source"))) for name, value in known.items()
    )
    columns = (Column("Counted in a step"), Column("Value", numeric=True), Column("Method"))
    told = sorted((", ".join(sorted(names)), why) for why, names in of_reason.items())
    return Table("Counted", columns, rows, remarks=tuple(f"Not counted: {names} ({why})." for names, why in told))


def _shown(name: str, value: float) -> Cell:
    """Bytes and FLOPs in a unit that can be read, all else as it was counted."""
    unit = COUNTERS[name].unit if name in COUNTERS else "1"
    return Cell(count(value) if unit == "1" else quantity(value, unit), raw=value)
