"""What a planner comes for, as tables: devices, power and money of each workload on each device."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reports.cell import Cell, Column, Table, absent
from reports.number import count, number
from reports.plan.inputs import Quantities
from reports.plan.plan import Plan
from reports.text import line


@dataclass(frozen=True)
class Answer:
    """A quantity of serving and the one of training that answers the same question, each by its name in the plan; a
    ``yearly`` one of serving is for a year, and of training in all."""

    title: str
    unit: str
    format: str
    serving: str
    training: str
    yearly: bool = False
    minor: bool = False

    @property
    def units(self) -> str:
        """The unit where serving and training stand in one column."""
        return f"{self.unit} a year, of training in all" if self.yearly else self.unit


ANSWERED = (
    Answer("Devices", "", "#,##0", "devices", "training_devices"),
    Answer("Nodes", "", "#,##0", "nodes", "training_nodes", minor=True),
    Answer("Racks", "", "#,##0", "racks", "training_racks", minor=True),
    Answer("Facility", "kW", "#,##0.0", "facility_power", "run_facility_power"),
    Answer("Energy", "kWh", "#,##0", "energy", "training_energy", yearly=True),
    Answer("Carbon", "t CO2e", "#,##0.00", "carbon", "training_carbon", yearly=True, minor=True),
    Answer("Rented", "{currency}", "#,##0", "rented", "training_rent", yearly=True),
    Answer("Bought", "{currency}", "#,##0", "owned", "training_owned", yearly=True),
    Answer("Cheapest", "{currency}", "#,##0", "cheapest", "training_cheapest", yearly=True, minor=True),
    Answer("Days", "d", "#,##0.0", "days", "days"),
)


def summary(plan: Plan) -> Iterator[Table]:
    """A table of what serves and one of what trains, if there is any; what is missing has a footnote that says why."""
    for title, training in (("Serving", False), ("Training", True)):
        rows = [row for row in plan.rows if (row["mode"] == "training") == training]
        if rows:
            yield _table(title, rows, training, plan)


def _table(title: str, rows: list[Quantities], training: bool, plan: Plan) -> Table:
    notes: dict[str, int] = {}
    asked = [one for one in ANSWERED if training or one.training != one.serving]
    columns = [Column("Workload"), Column("Device"), Column("Operating point"), Column("Throughput", "items/s", True)]
    for one in asked:
        unit = f"{one.unit} a year" if one.yearly and not training else one.unit
        columns.append(Column(one.title, plan.inputs.in_currency(unit), True, minor=one.minor))
    found = []
    for row in rows:
        cells = [Cell(line(row["problem"])), Cell(line(row["device"])), _point(row), _cell(row, "point")]
        cells += [_cell(row, one.training if training else one.serving) for one in asked]
        found.append(tuple(c._replace(mark=notes.setdefault(c.note, len(notes) + 1)) if c.absent else c for c in cells))
    return Table(title, tuple(columns), tuple(found), notes=tuple(notes))


def _point(row: Quantities) -> Cell:
    if not isinstance(row["place"], (int, float)):
        return absent(str(row["place"]))
    return Cell(line(row["setting"]))


def _cell(row: Quantities, name: str) -> Cell:
    value = row[name]
    if not isinstance(value, (int, float)):
        return absent(str(value))
    return Cell(count(value) if isinstance(value, int) else number(value), raw=value)
