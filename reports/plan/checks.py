"""What to look at before a plan is believed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.plan.candidates import Candidate, serial
from reports.plan.inputs import SECTIONS, Inputs, Quantities, Quantity
from reports.plan.step import number

OK = "ok"


@dataclass(frozen=True)
class Check:
    """One check, and what it says: ``ok`` or what is wrong."""

    name: str
    title: str
    result: str


def checks(cases: Sequence[Candidate], rows: Sequence[Quantities], inputs: Inputs) -> tuple[Check, ...]:
    """All checks of a plan. A workbook says the same of its own cells."""
    none = sum(not number(row["place"]) for row in rows)
    edge = sum(number(row["place"]) and row["batch_size"] == row["largest"] for row in rows)
    old = sum(_old(case, inputs) for case in cases if case.row.ok)
    unsourced = len(_unsourced(inputs))
    lacking = sum(_lacking(value) for row in rows for name, value in row.items() if name in ANSWERS)
    mixed = sum(isinstance(row["others"], int) and row["others"] > 0 for row in rows)
    return (
        Check("points", "Operating points", _told(none, len(rows), "without one")),
        Check("edge", "Batch sizes", _told(edge, len(rows), "at the largest measured: a larger one may do better")),
        Check("age", "Age of the measurements", _told(old, sum(case.row.ok for case in cases), "older than allowed")),
        Check("mixed", "Environments", _told(mixed, len(rows), "beside one from another environment")),
        Check("sources", "Prices and carbon", _told(unsourced, _sourced(inputs), "without a date or a source")),
        Check("lacking", "Answers", _told(lacking, len(rows) * len(ANSWERS), "wait for an input")),
        Check("errors", "Formulas", OK),  # Python would have raised one
    )


# What a planner comes for.
ANSWERS = ("devices", "facility_power", "cheapest", "training_devices", "days")


def _told(count: int, of: int, what: str) -> str:
    return OK if not count else f"{count} of {of} {what}"


def _old(case: Candidate, inputs: Inputs) -> bool:
    started, oldest = case.known["started"], inputs.general["oldest"]
    if not isinstance(started, (int, float)) or not isinstance(oldest, (int, float)):
        return False
    return serial(inputs.today) - started > oldest


def _lacking(value: Quantity) -> bool:
    return isinstance(value, str) and value.startswith("enter ")


def _places(inputs: Inputs) -> list[tuple[tuple[str, str, str], Quantity]]:
    """Every sourced input that was given, by its place."""
    values = {"general": {"": inputs.general}, "workload": inputs.workload, "device": inputs.device}
    return [
        ((section, owner, entry.name), own[entry.name])
        for section, owners in values.items()
        for owner, own in owners.items()
        for entry in SECTIONS[section]
        if entry.sourced and number(own[entry.name])
    ]


def _sourced(inputs: Inputs) -> int:
    return len(_places(inputs))


def _unsourced(inputs: Inputs) -> list[tuple[str, str, str]]:
    return [place for place, _ in _places(inputs) if place not in inputs.sources]
