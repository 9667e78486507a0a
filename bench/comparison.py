"""A candidate against a baseline: one ratio with its interval, or why the two cannot be compared."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from statistics import fmean, median, variance
from typing import Any, Literal

from bench.rates import value
from bench.record import Record
from bench.statistics import Estimate, t95

Verdict = Literal["faster", "slower", "cannot tell", "not comparable"]


@dataclass(frozen=True)
class Comparison:
    """``ratio`` is candidate over baseline (above 1 is faster); ``reason`` says why there is none, or no verdict."""

    verdict: Verdict
    ratio: Estimate | None = None
    reason: str | None = None


def compare(baseline: Record, candidate: Record) -> Comparison:
    """The throughput of one case on two occasions."""
    field = _difference(baseline, candidate)
    if field:
        return Comparison("not comparable", reason=field)
    ratio = throughput_ratio(baseline, candidate)
    if ratio is None:
        return Comparison("not comparable", reason="nothing was measured")
    if ratio.low is None or ratio.high is None:
        return Comparison("cannot tell", ratio, "two replicates a side are needed for an interval")
    if ratio.low <= 1 <= ratio.high:
        return Comparison("cannot tell", ratio)
    return Comparison("faster" if ratio.low > 1 else "slower", ratio)


def throughput_ratio(below: Record, above: Record) -> Estimate | None:
    """The throughput of ``above`` over that of ``below``, or None where one of them has none.

    The value is the ratio of what `bench.rates` gives for each, so it is what a reader would divide. The interval is
    Welch's two-sample t on the logs of the replicates' throughputs: replicates are the unit, and the two sides may
    scatter differently. The degrees of freedom are rounded down and the interval holds the value, which widens it.
    """
    down, up = _logs(below), _logs(above)
    if not down or not up:
        return None
    ratio = math.exp(median(up) - median(down))
    if len(down) < 2 or len(up) < 2:
        return Estimate(ratio, None, None)
    parts = [(variance(logs) / len(logs), len(logs) - 1) for logs in (down, up)]
    total = sum(part for part, _ in parts)
    # Welch and Satterthwaite; without any scatter there is nothing to weigh.
    degrees = total**2 / sum(part**2 / n for part, n in parts) if total else sum(n for _, n in parts)
    half = t95(max(1, math.floor(degrees))) * math.sqrt(total)
    centre = fmean(up) - fmean(down)
    return Estimate(ratio, min(ratio, math.exp(centre - half)), max(ratio, math.exp(centre + half)))


def comparable_energy(baseline: Record, candidate: Record) -> str | None:
    """Why the energies of two records must not be compared, or None where they may be: of one scope, by one method."""
    before, after = (value(record, "energy.item") for record in (baseline, candidate))
    for side, energy in (("the baseline", before), ("the candidate", after)):
        if energy.value is None:
            return f"{side} has no energy ({energy.reason})"
    for what, old, new in (("scope", before.scope, after.scope), ("method", before.source, after.source)):
        if old != new:
            return f"energy {what} ({old or 'unknown'} before, {new or 'unknown'} now)"
    return None


def _logs(record: Record) -> list[float]:
    """The log of the throughput of each replicate that ended well."""
    alone = (replace(record, replicates=(replicate,)) for replicate in record.measured)
    rates = (value(one, "throughput").value for one in alone)
    return [math.log(rate) for rate in rates if rate]


def _difference(baseline: Record, candidate: Record) -> str | None:
    """The first thing that must be equal and is not, with both sides; throughput may change for that alone."""
    for side, record in (("the baseline", baseline), ("the candidate", candidate)):
        if record.status != "ok":
            return f"status ({side} is {record.status})"
    before, after = _identity(baseline), _identity(candidate)
    for field, old in before.items():
        if old != after[field]:
            return f"{field} ({old} before, {after[field]} now)"
    return None


def _identity(record: Record) -> dict[str, Any]:
    device, torch = (record.environment.get(part) for part in ("device", "torch"))
    return {
        "workload": record.case.workload,
        "device label": device.get("label") if isinstance(device, Mapping) else device,
        "torch version": torch.get("version") if isinstance(torch, Mapping) else torch,
        "precision": record.case.precision,
        "parameters": dict(record.case.parameters),
        "batch size": record.case.batch_size,
        "effective precision": next((_settings(one.precision) for one in record.measured), {}),
        "workload version": record.version,
        "inputs hash": (record.inputs or {}).get("sha256"),
    }


def _settings(precision: Mapping[str, Any] | None) -> dict[str, Any]:
    """The settings without the probe's error, a float that is never the same twice."""
    return {name: setting for name, setting in (precision or {}).items() if not isinstance(setting, float)}
