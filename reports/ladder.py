"""The memory ladder of one case: what each layer, from the tensors to the driver, says is in use."""

from __future__ import annotations

from collections.abc import Mapping

from bench.rates import Value
from reports.cell import Cell
from reports.chart import Chart, Point, Series

# Each rung holds the one before it.
_RUNGS = {
    "memory.requested": "requested by tensors",
    "memory.allocated": "allocated in blocks",
    "memory.reserved": "reserved by torch",
    "memory.process": "used by the process",
    "memory.device": "used on the device",
}
# What explains the steps between them.
_BESIDE = {
    "memory.context": "outside torch's allocator",
    "memory.fragmentation": "free in blocks that cannot be given back",
    "memory.pinned": "pinned on the host",
}


def ladder(subject: str, values: Mapping[str, Value], cells: Mapping[str, Cell]) -> Chart | None:
    """A bar for each rung that was measured; None where they are too few to compare."""
    there = {name: title for name, title in _RUNGS.items() if values[name].value is not None}
    if len(there) < 2:
        return None
    series = tuple(Series(title, 0, (_point(values[name], cells[name]),)) for name, title in there.items())
    told = "; ".join(f"{title} {cells[name].full}" for name, title in there.items())
    beside = "; ".join(f"{title} {cells[name].full}" for name, title in _BESIDE.items() if not cells[name].absent)
    note = f"Beside these: {beside}." if beside else ""
    return Chart("Memory ladder", subject, f"Peaks: {told}. {note}".strip(), "B", "", series, note=note)


def _point(value: Value, cell: Cell) -> Point:
    assert value.value is not None
    return Point(0, value.value, cell, value.low, value.high)
