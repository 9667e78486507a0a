"""From measured cases to a fleet: the candidates for each workload and device, their operating point and its plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from reports.capacity import DEMAND, DEVICE, NO_POINT, PLAN, POLICY, USABLE, Quantities, Quantity, evaluate
from reports.cases import CaseRow

# The metrics that a plan is made from, by their names in the formulas.
METRICS = {
    "throughput": "throughput",
    "time": "time.step",
    "memory": "memory.planning",
    "power": "power.mean",
    "idle": "power.idle",
    "energy": "energy.item",
    "net": "energy.item.net",
}


@dataclass(frozen=True)
class Inputs:
    """What the user decides: for everything, for each workload and for each device, by their places in the plan."""

    policy: Quantities = field(default_factory=lambda: {entry.name: entry.example for entry in POLICY})
    demand: Mapping[str, Quantity] = field(default_factory=dict)
    device: Mapping[str, Quantities] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """A measured case, in row ``target`` of the plan, with its raw numbers or the reasons why there are none."""

    row: CaseRow
    target: int
    known: Quantities


@dataclass(frozen=True)
class Target:
    """A workload on a kind of device: one row of the plan."""

    number: int
    problem: str
    device: str
    item: str


def targets(rows: Sequence[CaseRow]) -> tuple[Target, ...]:
    """The rows of the plan. Devices are told apart by their product, not by torch's name of them."""
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        key = row.problem, row.device_label
        if found.get(key, "item") == "item":  # a case without samples does not know the workload's item
            found[key] = row.item
    return tuple(
        Target(number, problem, device, item) for number, ((problem, device), item) in enumerate(found.items(), start=1)
    )


def candidates(rows: Sequence[CaseRow]) -> tuple[Candidate, ...]:
    """Every case with what a plan needs of it."""
    numbers = {(target.problem, target.device): target.number for target in targets(rows)}
    return tuple(Candidate(row, numbers[row.problem, row.device_label], _known(row)) for row in rows)


def examples(rows: Sequence[CaseRow]) -> Inputs:
    """Placeholders for all inputs; the memory of a device is what its environment said."""
    return Inputs(
        demand={row.problem: DEMAND.example for row in rows}, device={row.device_label: _device(row) for row in rows}
    )


def _device(row: CaseRow) -> Quantities:
    memory = row.device_memory / 1e9 if row.device_memory else None
    values: dict[str, Quantity] = {"device_memory": memory, **{entry.name: entry.example for entry in DEVICE}}
    return values | ({"devices_per_node": 1} if row.device == "cpu" else {})  # torch's cpu is the whole machine


def usable(candidate: Candidate, inputs: Inputs) -> Quantity:
    """The throughput to plan with, or why the case is no candidate."""
    return evaluate(USABLE, {**candidate.known, **inputs.policy, **inputs.device[candidate.row.device_label]})


def plan(
    target: Target, cases: Sequence[Candidate], rates: Sequence[Quantity], inputs: Inputs, first: int = 1
) -> Quantities:
    """The operating point of a target, the fastest usable case, and everything that follows from it.

    Args:
        rates: what `usable` says of each case.
        first: what to call the first case's place.
    """
    own = [index for index, case in enumerate(cases) if case.target == target.number]
    fit = {index: rate for index in own if isinstance(rate := rates[index], (int, float))}
    known: dict[str, Quantity] = {
        **inputs.policy,
        **inputs.device[target.device],
        "demand": inputs.demand[target.problem],
    }
    if fit:
        best = max(fit, key=lambda index: fit[index])
        row = cases[best].row
        known |= {"place": best + first, "precision": row.precision, "batch_size": row.batch_size, "point": fit[best]}
        known |= {name: cases[best].known[name] for name in ("memory", "power", "scope")}
    else:
        known |= dict.fromkeys(("precision", "batch_size", "point", "memory", "power", "scope"), NO_POINT)
        known["place"] = _why_none([cases[index] for index in own], [rates[index] for index in own])
    for step in PLAN:
        known[step.name] = evaluate(step, known)
    return known


def _why_none(cases: Sequence[Candidate], rates: Sequence[Quantity]) -> str:
    failed = sum(not case.row.ok for case in cases)
    large = rates.count("does not fit the memory")
    rest = len(cases) - failed - large
    return (
        f"none of the {len(cases)} qualifies: {failed} not measured, {large} do not fit the memory, "
        f"{rest} without memory or lower bound"
    )


def _known(row: CaseRow) -> Quantities:
    """Raw numbers, SI; a text is the reason for its absence, or the status of a case that was not measured."""
    if not row.ok:
        return {**dict.fromkeys((*METRICS, "low"), row.status.text), "method": None, "scope": None, "error": None}
    found: dict[str, Quantity] = {
        name: row.values[metric].value if row.values[metric].value is not None else row.cells[metric].note
        for name, metric in METRICS.items()
    }
    return {**found, "low": row.values["throughput"].low or "no interval", **_origin(row)}


def _origin(row: CaseRow) -> Quantities:
    """Where the watts and joules come from: the method's error is a share."""
    energy = row.values[METRICS["energy"]]
    if energy.value is None:
        return {"method": None, "scope": "unavailable", "error": None}
    error = "unknown" if energy.error is None else energy.error
    return {"method": energy.source or "unknown", "scope": energy.scope or "unknown", "error": error}
