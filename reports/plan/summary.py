"""What a planner comes for, as one table: devices, power and money of each workload on each device."""

from __future__ import annotations

from collections.abc import Sequence

from reports.cell import Cell, Column, Table, absent
from reports.number import count, number
from reports.plan.inputs import Quantities
from reports.plan.plan import Plan
from reports.text import line

# The quantities of serving and of training that stand in one column, which of both has them.
_SHOWN: dict[str, tuple[str, tuple[str, ...]]] = {
    "Devices": ("", ("devices", "training_devices")),
    "Nodes": ("", ("nodes", "training_nodes")),
    "Facility": ("kW", ("facility_power",)),
    "Energy": ("kWh per year, of training in all", ("energy", "training_energy")),
    "Rented": ("per year, of training in all", ("rented", "training_rent")),
    "Bought": ("per year", ("owned",)),
    "Days": ("d", ("days",)),
}


def summary(plan: Plan) -> Table:
    """A row for each workload and device; what is missing has a footnote that says why."""
    notes: dict[str, int] = {}
    columns = [Column("Workload"), Column("Device"), Column("Operating point"), Column("Throughput", "items/s", True)]
    columns += [Column(title, unit, True) for title, (unit, _) in _SHOWN.items()]
    rows = []
    for row in plan.rows:
        cells = [Cell(line(row["problem"])), Cell(line(row["device"])), _point(row), _cell(row, ("point",))]
        cells += [_cell(row, names) for _, names in _SHOWN.values()]
        rows.append(tuple(c._replace(mark=notes.setdefault(c.note, len(notes) + 1)) if c.absent else c for c in cells))
    return Table("Plan", tuple(columns), tuple(rows), notes=tuple(notes))


def _point(row: Quantities) -> Cell:
    if not isinstance(row["place"], (int, float)):
        return absent(str(row["place"]))
    return Cell(line(f"{row['precision']} · batch {row['batch_size']}"))


def _cell(row: Quantities, names: Sequence[str]) -> Cell:
    """The one of the quantities that is for this kind of workload."""
    name = names[-1] if row["mode"] == "training" else names[0]
    value = row[name]
    if not isinstance(value, (int, float)):
        return absent(str(value))
    return Cell(count(value) if isinstance(value, int) else number(value), raw=value)
