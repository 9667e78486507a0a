"""The plan: every quantity of every workload on every device, computed in Python as the workbook's formulas do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.plan.budget import BUDGET
from reports.plan.candidates import Candidate, Target, candidates, targets
from reports.plan.checks import COMPARED, Check, checks
from reports.plan.cost import COST, RANK
from reports.plan.fleet import FLEET
from reports.plan.inputs import Inputs, Quantities, Quantity
from reports.plan.point import judged, operating_point
from reports.plan.power import POWER
from reports.plan.scenarios import DEMANDS, SCENARIOS, UTILISATIONS, what_if
from reports.plan.step import Step, evaluate, number
from reports.plan.totals import totals
from reports.plan.training import TRAINING, TRAINING_RANK
from reports.report import Report

# The sheets that have a row for each workload and device, in the order in which they follow from each other.
SHEETS: dict[str, tuple[Step, ...]] = {
    "Fleet": FLEET,
    "Power": POWER,
    "Cost": (*COST, RANK),
    "Training": (*TRAINING, TRAINING_RANK, *BUDGET),
    "Scenarios": SCENARIOS,
}
COLUMNS = {step.name: step for steps in SHEETS.values() for step in steps}
# What each is the order of, and the devices that are ordered.
RANKS = {RANK.name: ("cheapest", "devices"), TRAINING_RANK.name: ("training_cheapest", "training_devices")}


@dataclass(frozen=True)
class Plan:
    """What was measured, what was given, and what follows: of each candidate what it could serve, of each row of the
    plan its quantities by name, of what if the devices of the first row, of all workloads together the ``totals``."""

    report: Report
    inputs: Inputs
    candidates: tuple[Candidate, ...]
    targets: tuple[Target, ...]
    rows: tuple[Quantities, ...]
    grid: tuple[tuple[Quantity, ...], ...]
    totals: Quantities
    checks: tuple[Check, ...]


def build(report: Report, inputs: Inputs) -> Plan:
    """Follow the plan from the measured cases of a report to the last check."""
    cases = tuple(judged(case, inputs) for case in candidates(report.cases))
    wanted = targets(report.cases)
    rows = _compared([_row(target, cases, inputs) for target in wanted], cases)
    grid = tuple(tuple(what_if(rows[0], demand, share) for demand in DEMANDS) for share in UTILISATIONS)
    return Plan(report, inputs, cases, wanted, rows, grid, totals(rows, inputs), checks(cases, rows, inputs))


def _row(target: Target, cases: Sequence[Candidate], inputs: Inputs) -> dict[str, Quantity]:
    known: dict[str, Quantity] = {
        "number": target.number,
        "problem": target.problem,
        "device": target.device,
        "item": target.item,
        **inputs.of(target.problem, target.device),
        **operating_point(target, cases),
    }
    for steps in SHEETS.values():
        for step in steps:
            if step.name not in RANKS:
                known[step.name] = evaluate(step, known)
    return known


def _compared(rows: list[dict[str, Quantity]], cases: Sequence[Candidate]) -> tuple[Quantities, ...]:
    """The rows with what follows only from all of them."""

    def ranked(row: Quantities) -> Quantities:
        found = {}
        for sheet in SHEETS.values():
            for step in sheet:
                if step.name in RANKS:
                    of, devices = RANKS[step.name]
                    same = [one for one in rows if one["problem"] == row["problem"]]
                    peers = [(one["number"], one[of]) for one in same if number(one[of])]
                    found[step.name] = evaluate(step, row, peers=peers, able=sum(number(one[devices]) for one in same))
        return found

    return tuple(
        {**row, **ranked(row), **{step.name: evaluate(step, row, rows=rows, cases=cases) for step in COMPARED}}
        for row in rows
    )
