"""What to look at before a plan is believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from reports.plan.candidates import NO_CAVEAT, Candidate, serial
from reports.plan.inputs import SECTIONS, Inputs, Quantities, Quantity, Source
from reports.plan.power import TOO_MUCH
from reports.plan.step import Step, number

OK = "ok"
WAITING = "enter "  # how a text begins that asks for an input

# What a planner comes for.
ANSWERS = ("devices", "facility_power", "cheapest", "training_devices", "days")

# Beside each operating point. They compare rows.
COMPARED = (
    Step(
        "others", "Operating points of this device from other environments", "", "0",
        ("environment",),
        "SUMPRODUCT(EXACT(plan_device,{device})*ISNUMBER(plan_environment)*(plan_environment<>{environment}))",
        lambda k: sum(
            row["device"] == k.device and number(row["environment"]) and row["environment"] != k.environment
            for row in k.rows
        ),
    ),
    Step(
        "units", "Cases that count other items", "", "0",
        (),
        'SUMPRODUCT((measured_target={number})*(measured_status="ok")*(1-EXACT(measured_item,{item})))',
        lambda k: sum(case.target == k.number and case.row.ok and case.row.item != k.item for case in k.cases),
    ),
)  # fmt: skip


@dataclass(frozen=True)
class Check:
    """One check, and what it says: ``ok`` or what is wrong."""

    name: str
    title: str
    result: str


def checks(cases: Sequence[Candidate], rows: Sequence[Quantities], inputs: Inputs) -> tuple[Check, ...]:
    """All checks of a plan. A workbook says the same of its own cells."""
    chosen = [row for row in rows if number(row["place"])]
    measured = [case for case in cases if case.row.ok]
    asked = list(_sourced(inputs))
    priced = [source for kind, source in asked if kind == "price" and source]

    def told(name: str, title: str, found: Sequence[bool], what: str) -> Check:
        return Check(name, title, f"{sum(found)} of {len(found)} {what}" if any(found) else OK)

    return (
        told("points", "Operating points", [not number(row["place"]) for row in rows], POINTS),
        told("edge", "Batch sizes", [row["batch_size"] == row["largest"] for row in chosen], EDGE),
        told("caveats", "Caveats", [row["caveats"] != NO_CAVEAT for row in chosen], CAVEATS),
        told("age", "Age of the measurements", [_old(case, inputs) for case in measured], AGE),
        told("mixed", "Environments", [number(row["others"]) and row["others"] != 0 for row in rows], MIXED),
        told("units", "Units", [row["units"] != 0 for row in rows], UNITS),
        told("racks", "Racks", [row["in_rack"] == TOO_MUCH for row in rows], RACKS),
        Check("limits", "Inputs", OK),  # a file with such an input is refused
        told("sources", "Sources of prices and figures", [source is None for _, source in asked], SOURCES),
        told("prices", "Age of prices", [_stale(source.date, inputs) for source in priced], PRICES),
        told("lacking", "Answers", [_lacking(row[name]) for row in rows for name in ANSWERS], LACKING),
        Check("errors", "Formulas", OK),  # Python would have raised one
    )


# What the checks say, after how many of how many it is so.
POINTS = "without one"
EDGE = "at the largest that was tried: a larger one may do better"
CAVEATS = "operating points were measured with caveats: see README"
AGE = "older than allowed"
MIXED = "beside one from another environment"
UNITS = "rows compare cases that count other items"
RACKS = f"rows where {TOO_MUCH}"
LIMITS = "outside their limits, or texts in the place of numbers"
SOURCES = "without a date or a source"
PRICES = "older than allowed"
LACKING = "wait for an input"
ERRORS = "end in an error"


def _old(case: Candidate, inputs: Inputs) -> bool:
    started, oldest = case.known["started"], inputs.general["oldest"]
    if not isinstance(started, (int, float)) or not isinstance(oldest, (int, float)):
        return False
    return serial(inputs.today) - started > oldest


def _stale(found: date, inputs: Inputs) -> bool:
    oldest = inputs.general["oldest_price"]
    return isinstance(oldest, (int, float)) and serial(inputs.today) - serial(found) > oldest


def _lacking(value: Quantity) -> bool:
    return isinstance(value, str) and value.startswith(WAITING)


def _sourced(inputs: Inputs) -> Iterator[tuple[str, Source | None]]:
    """The kind and the source of every sourced input that was given."""
    for section, owners in inputs.sections.items():
        for owner, values in owners.items():
            for entry in SECTIONS[section]:
                if entry.sourced and number(values[entry.name]):
                    yield entry.sourced, inputs.sources.get((section, owner, entry.name))
