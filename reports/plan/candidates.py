"""What was measured, as a plan needs it: a candidate for an operating point, or the reason why it is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from reports.cases import CaseRow
from reports.plan.inputs import Quantities, Quantity
from reports.plan.step import Step, number

# The metrics that a plan is made from, by their names in the formulas.
METRICS = {
    "throughput": "throughput",
    "time": "time.step",
    "p50": "latency.p50",
    "p95": "latency.p95",
    "p99": "latency.p99",
    "memory": "memory.planning",
    "power": "power.mean",
    "maximum": "power.max",
    "idle": "power.idle",
    "energy": "energy.item",
    "net": "energy.item.net",
}
_TOO_LARGE, _TOO_SLOW = "does not fit the memory", "slower than the objective"
WHY_NOT = {  # what a candidate may lack, in the order in which it is looked at
    _TOO_LARGE: "do not fit the memory",
    _TOO_SLOW: "are slower than the objective",
}


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
    environments: dict[str, int] = {}
    return tuple(
        Candidate(
            row,
            numbers[row.problem, row.device_label],
            {**_known(row), "environment": environments.setdefault(_environment(row), len(environments) + 1)},
        )
        for row in rows
    )


def _qualified(k: Any) -> Quantity:
    if k.memory > k.device_memory * 1_000_000_000 * (1 - k.memory_headroom):
        return _TOO_LARGE
    if k.mode == "online" and number(k.slo):
        latency = getattr(k, k.percentile)
        if not number(latency):
            return f"{k.percentile} not measured"
        if latency * 1000 > k.slo:
            return _TOO_SLOW
    if k.confidence == "mean":
        return k.throughput
    return k.low if number(k.low) else "no lower bound"


_LATENCY = 'IF({percentile}="p50",{p50},IF({percentile}="p95",{p95},{p99}))'
_RATE = 'IF({confidence}="mean",{throughput},IF(ISNUMBER({low}),{low},"no lower bound"))'

# Beside each operating point: how many of its device are from an environment of another kind. Compares rows.
OTHERS = Step(
    "others",
    "Operating points of this device from other environments",
    "",
    "0",
    ("environment",),
    "SUMPRODUCT((plan_device={device})*ISNUMBER(plan_environment)*(plan_environment<>{environment}))",
    lambda k: sum(number(other) and other != k.environment for other in k.peers),
)

# Beside each measured row: its throughput to plan with, or why it is no candidate.
USABLE = Step(
    "usable",
    "To plan with",
    "items/s",
    "#,##0.00",
    ("throughput", "memory", "device_memory", "memory_headroom"),
    f'IF({{memory}}>{{device_memory}}*1000000000*(1-{{memory_headroom}}),"{_TOO_LARGE}",'
    'IF(AND({mode}="online",ISNUMBER({slo})),'
    f'IF(ISNUMBER({_LATENCY}),IF({_LATENCY}*1000>{{slo}},"{_TOO_SLOW}",{_RATE}),{{percentile}}&" not measured"),'
    f"{_RATE}))",
    _qualified,
)


def days(moment: str) -> Quantity:
    """A moment in ISO 8601 as a spreadsheet counts days; a text where it is none.

    >>> days("2026-11-20T12:00:00+00:00")
    46346
    """
    try:
        return serial(datetime.fromisoformat(moment).date())
    except ValueError:
        return "no date"


def serial(day: date) -> int:
    """The number of a date in a spreadsheet: days since 1899-12-30."""
    return (day - date(1899, 12, 30)).days


def _known(row: CaseRow) -> dict[str, Quantity]:
    """Raw numbers, SI; a text is the reason for its absence, or the status of a case that was not measured."""
    fixed: dict[str, Quantity] = {"started": days(row.record.run.started), "measured_parameters": _parameters(row)}
    if not row.ok:
        names = (*METRICS, "low", "flop_item", "token_item")
        return {**fixed, **dict.fromkeys(names, row.status.text), "method": None, "scope": None, "error": None}
    found: dict[str, Quantity] = {
        name: row.values[metric].value if row.values[metric].value is not None else row.cells[metric].note
        for name, metric in METRICS.items()
    }
    found["low"] = row.values["throughput"].low or "no interval"
    found["flop_item"] = _each(row, "flop.rate")
    found["token_item"] = _each(row, "throughput.token")
    return {**fixed, **found, **_origin(row)}


def _environment(row: CaseRow) -> str:
    return json.dumps(row.record.environment, sort_keys=True, default=str)


def _parameters(row: CaseRow) -> Quantity:
    found = (row.record.model or {}).get("parameters")
    return found if isinstance(found, (int, float)) else "not recorded"


def _each(row: CaseRow, metric: str) -> Quantity:
    """A rate for one item: both rates are of the same windows."""
    rate, items = row.values[metric].value, row.values["throughput"].value
    return row.cells[metric].note if rate is None or not items else rate / items


def _origin(row: CaseRow) -> Quantities:
    """Where the watts and joules come from: the method's error is a share."""
    energy = row.values[METRICS["energy"]]
    if energy.value is None:
        return {"method": None, "scope": "unavailable", "error": None}
    error = "unknown" if energy.error is None else energy.error
    return {"method": energy.source or "unknown", "scope": energy.scope or "unknown", "error": error}
