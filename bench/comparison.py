"""A candidate against a baseline: the ratio of a metric with its interval, and whether two energies may be compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, median

from bench.rates import alone, value
from bench.record import Record
from bench.statistics import Estimate, deviation, t95

# How many standard errors an effect must have to be told from none at 5 % (two-sided t) with 90 % probability, for 1 to
# 30 degrees of freedom: from the noncentral t distribution (scipy.stats.nct); beyond that, the normal's 3.24 is within
# 4 %.
_FOUND = (
    20.96, 6.80, 5.01, 4.40, 4.09, 3.91, 3.80, 3.71, 3.65, 3.60, 3.57, 3.54, 3.51, 3.49, 3.47,
    3.46, 3.44, 3.43, 3.42, 3.41, 3.40, 3.39, 3.39, 3.38, 3.37, 3.37, 3.36, 3.36, 3.35, 3.35,
)  # fmt: skip
_ROUNDING = 1e-9  # share by which a whole number of degrees of freedom may come out below itself


@dataclass(frozen=True)
class Ratio(Estimate):
    """Candidate over baseline with its 95 % interval. ``smallest`` is the smallest change, as a share, that replicates
    which scatter like these tell from none with a probability of at least 90 %."""

    smallest: float | None = None


def ratio(below: Record, above: Record, metric: str) -> Ratio | None:
    """A metric of ``above`` over that of ``below``, or None where one of them has none.

    The value is the ratio of what `bench.rates` gives for each, so it is what a reader would divide. The interval is
    Welch's two-sample t on the logs of the replicates' values: replicates are the unit, and the two sides may
    scatter differently. The degrees of freedom are rounded down and the interval holds the value, which widens it.
    """
    down, up = levels(below, metric), levels(above, metric)
    if not down or not up:
        return None
    down, up = [math.log(level) for level in down], [math.log(level) for level in up]
    quotient = math.exp(median(up) - median(down))
    if len(down) < 2 or len(up) < 2:
        return Ratio(quotient, None, None)
    parts = [(deviation(logs) ** 2 / len(logs), len(logs) - 1) for logs in (down, up)]
    total = sum(part for part, _ in parts)
    # Welch and Satterthwaite; without any scatter there is nothing to weigh.
    degrees = total**2 / sum(part**2 / n for part, n in parts) if total else sum(n for _, n in parts)
    freedom = max(1, math.floor(degrees * (1 + _ROUNDING)))
    half = t95(freedom) * math.sqrt(total)
    centre = fmean(up) - fmean(down)
    return Ratio(
        quotient,
        min(quotient, math.exp(centre - half)),
        max(quotient, math.exp(centre + half)),
        # Welch's degrees of freedom are by chance as few as this, so at least 9 of 10 are found.
        math.expm1(_found(min(len(down), len(up)) - 1) * math.sqrt(total)),
    )


def throughput_ratio(below: Record, above: Record) -> Ratio | None:
    """The throughput of ``above`` over that of ``below``; see `ratio`."""
    return ratio(below, above, "throughput")


def levels(record: Record, metric: str) -> list[float]:
    """The metric of each replicate that ended well and has it: positive numbers, in SI units."""
    if not record.publishes:
        return []
    found = (alone(record, replicate, metric) for replicate in record.measured)
    return [level for level in found if level is not None and level > 0]


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


def _found(degrees: int) -> float:
    return _FOUND[degrees - 1] if degrees <= len(_FOUND) else 3.24
