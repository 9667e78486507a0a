"""What was measured, as a plan needs it: every case with its raw numbers, or the reasons why there are none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from reports.cases import CaseRow
from reports.plan.inputs import Quantities, Quantity

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
    "mfu": "mfu",
    "throttled": "throttle.share",
    "temperature": "temperature",
}
NO_CAVEAT = "none"
SUPERSEDED = "measured again by a newer run"


@dataclass(frozen=True)
class Candidate:
    """A case, in row ``target`` of the plan, with what is known of it: numbers, or the reasons why there are none."""

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
    """Raw numbers, SI; a text is the reason for its absence, or for all of them. As of throughput the lower end of the
    interval counts, of memory it is the upper one."""
    fixed: dict[str, Quantity] = {
        "setting": row.name_without("device"),
        "precision": row.precision,
        "batch_size": row.batch_size,
        "item": row.item,
        "started": days(row.record.run.started),
        "measured_parameters": _parameters(row),
        "caveats": "; ".join(row.caveats) or NO_CAVEAT,
    }
    if unusable := _unusable(row):
        names = (*METRICS, "low", "memory_high", "flop_item", "token_item")
        return {**fixed, **dict.fromkeys(names, unusable), "method": None, "scope": None, "error": None}
    found: dict[str, Quantity] = {
        name: row.values[metric].value if row.values[metric].value is not None else row.cells[metric].note
        for name, metric in METRICS.items()
    }
    for name in ("throughput", "time", "memory"):
        found[name] = found[name] or "measured as 0"  # which no plan divides by
    found["low"] = row.values["throughput"].low or "no interval"
    found["memory_high"] = row.values[METRICS["memory"]].high or found["memory"]
    found["flop_item"] = _each(row, "flop.rate")
    found["token_item"] = _tokens(row)
    return {**fixed, **found, **_origin(row)}


def _unusable(row: CaseRow) -> str:
    """Why no plan can be made from a case, or nothing."""
    if not row.ok:
        return row.status.text
    if row.record.case.devices > 1:  # its throughput is that of all, its memory and watts are those of one
        return f"of {row.record.case.devices} devices together"
    return "" if row.current else SUPERSEDED


def _environment(row: CaseRow) -> str:
    return json.dumps(row.record.environment, sort_keys=True, default=str)


def _parameters(row: CaseRow) -> Quantity:
    found = (row.record.model or {}).get("parameters")
    return found if isinstance(found, (int, float)) and found > 0 else "not recorded"


def _each(row: CaseRow, metric: str) -> Quantity:
    """A rate for one item: both rates are of the same windows."""
    rate, items = row.values[metric].value, row.values["throughput"].value
    return rate / items if rate and items else row.cells[metric].note


def _tokens(row: CaseRow) -> Quantity:
    """The tokens of an item, without padding where it is told apart: from padding nothing is learnt."""
    found = _each(row, "throughput.real_token")
    return found if isinstance(found, float) else _each(row, "throughput.token")


def _origin(row: CaseRow) -> Quantities:
    """Where the watts and joules come from: the method's error is a share."""
    energy = row.values[METRICS["energy"]]
    if energy.value is None:
        return {"method": None, "scope": "unavailable", "error": None}
    error = "unknown" if energy.error is None else energy.error
    return {"method": energy.source or "unknown", "scope": energy.scope or "unknown", "error": error}
