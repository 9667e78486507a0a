"""The plan: every quantity of every workload on every device, computed in Python as the workbook's formulas do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.plan.candidates import OTHERS, USABLE, WHY_NOT, Candidate, Target, candidates, targets
from reports.plan.checks import Check, checks
from reports.plan.cost import COST, RANK
from reports.plan.fleet import FLEET
from reports.plan.inputs import Inputs, Quantities, Quantity
from reports.plan.power import POWER
from reports.plan.scenarios import DEMANDS, SCENARIOS, UTILISATIONS, what_if
from reports.plan.sheet import FIRST_ROW
from reports.plan.step import NO_POINT, Step, evaluate
from reports.plan.training import TRAINING
from reports.report import Report

# The sheets that have a row for each workload and device, in the order in which they follow from each other.
SHEETS: dict[str, tuple[Step, ...]] = {
    "Fleet": FLEET,
    "Power": POWER,
    "Cost": (*COST, RANK),
    "Training": TRAINING,
    "Scenarios": SCENARIOS,
}

# What an operating point takes over from the row of what was measured.
TAKEN = (
    "precision", "batch_size", "throughput", "low", "time", "memory", "power", "maximum", "idle", "scope", "flop_item",
    "token_item", "measured_parameters", "environment", "largest",
)  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """What was measured, what was given, and what follows. ``rates`` are the throughputs to plan with, or the reasons
    against it, of each candidate; ``rows`` the quantities of each target by name."""

    report: Report
    inputs: Inputs
    candidates: tuple[Candidate, ...]
    targets: tuple[Target, ...]
    rates: tuple[Quantity, ...]
    rows: tuple[Quantities, ...]
    grid: tuple[tuple[Quantity, ...], ...]
    checks: tuple[Check, ...]


def build(report: Report, inputs: Inputs) -> Plan:
    """Follow the plan from the measured cases of a report to the last check."""
    cases, wanted = candidates(report.cases), targets(report.cases)
    rates = tuple(usable(case, inputs) for case in cases)
    rows = _compared([_row(target, cases, rates, inputs) for target in wanted])
    grid = tuple(
        tuple(what_if(rows[0]["peak_demand"], rows[0]["point"], demand, share, inputs.general) for demand in DEMANDS)
        for share in UTILISATIONS
    )
    return Plan(report, inputs, cases, wanted, rates, rows, grid, checks(cases, rows, inputs))


def usable(candidate: Candidate, inputs: Inputs) -> Quantity:
    """The throughput to plan with, or why the case is no candidate."""
    return evaluate(USABLE, {**candidate.known, **_inputs(inputs, candidate.row.problem, candidate.row.device_label)})


def _row(target: Target, cases: Sequence[Candidate], rates: Sequence[Quantity], inputs: Inputs) -> dict[str, Quantity]:
    known: dict[str, Quantity] = {
        "number": target.number,
        "problem": target.problem,
        "device": target.device,
        "item": target.item,
        **_inputs(inputs, target.problem, target.device),
        **_operating_point(target, cases, rates),
    }
    for steps in SHEETS.values():
        for step in steps:
            if step is not RANK:
                known[step.name] = evaluate(step, known)
    return known


def _inputs(inputs: Inputs, problem: str, device: str) -> Quantities:
    return {**inputs.general, **inputs.workload[problem], **inputs.device[device]}


def _operating_point(target: Target, cases: Sequence[Candidate], rates: Sequence[Quantity]) -> Quantities:
    """The fastest usable case: its place among the candidates, counted from 1, and what it measured."""
    own = [index for index, case in enumerate(cases) if case.target == target.number]
    fit = {index: rate for index in own if isinstance(rate := rates[index], (int, float))}
    if not fit:
        why = _why_none([cases[index] for index in own], [rates[index] for index in own])
        return {"place": why, "point": NO_POINT, **dict.fromkeys(TAKEN, NO_POINT)}
    best = max(fit, key=lambda index: fit[index])
    row = cases[best].row
    largest = max(case.row.batch_size for case in cases if case.target == target.number and case.row.ok)
    known = {**cases[best].known, "precision": row.precision, "batch_size": row.batch_size, "largest": largest}
    return {"place": best + 1 + FIRST_ROW, "point": fit[best], **{name: known[name] for name in TAKEN}}


def _why_none(cases: Sequence[Candidate], rates: Sequence[Quantity]) -> str:
    failed = sum(not case.row.ok for case in cases)
    counted = {words: rates.count(why) for why, words in WHY_NOT.items()}
    rest = len(cases) - failed - sum(counted.values())
    told = ", ".join(f"{count} {words}" for words, count in counted.items())
    return f"none of the {len(cases)} qualifies: {failed} not measured, {told}, {rest} without what it takes"


def _compared(rows: list[dict[str, Quantity]]) -> tuple[Quantities, ...]:
    """The rows with what follows only from all of them."""

    def alike(row: Quantities, by: str, name: str) -> list[Quantity]:
        return [other[name] for other in rows if other[by] == row[by]]

    return tuple(
        {
            **row,
            RANK.name: evaluate(RANK, row, peers=alike(row, "problem", "cheapest")),
            OTHERS.name: evaluate(OTHERS, row, peers=alike(row, "device", "environment")),
        }
        for row in rows
    )
