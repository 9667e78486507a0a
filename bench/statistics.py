"""Estimates over replicates. A step is never a unit: steps of one process are not independent samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

# Steps needed before a percentile may be claimed at 95 % confidence: the least n for which a run without a single
# step beyond the percentile would be an accident of at most 5 %, with one such step allowed. From the early-stopping
# rule of MLPerf LoadGen (inference_rules.adoc, appendix "Early Stopping").
STEPS_FOR_PERCENTILE = {50: 8, 90: 46, 95: 93, 99: 473}

# Two-sided 95 % quantiles of Student's t for 1 to 30 degrees of freedom (any statistics table); beyond that, the
# normal 1.960 is within 4 %.
_T95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131,
    2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval; the bounds are None where fewer than two replicates carry them."""

    value: float
    low: float | None
    high: float | None


def estimate(values: Sequence[float]) -> Estimate:
    """The location of a positive quantity from one value per replicate.

    The value is the median on the log scale, so that the estimate of a rate is exactly the inverse of the estimate of
    a time, and one spoiled replicate of three does not move it. The interval is Student's t on the logs, widened where
    needed to hold the value. Zeros and negative values (a temperature) fall back to the plain scale.

    Raises:
        ValueError: no values.
    """
    if not values:
        raise ValueError("an estimate needs at least one replicate")
    logs = all(value > 0 for value in values)
    scaled = [math.log(value) for value in values] if logs else list(values)
    back = math.exp if logs else float
    centre = median(scaled)
    # The median of one or of an odd number of values is one of them: return it untouched by the round trip.
    value = next((original for original, s in zip(values, scaled, strict=True) if s == centre), back(centre))
    if len(scaled) < 2:
        return Estimate(value, None, None)
    half = t95(len(scaled) - 1) * stdev(scaled) / math.sqrt(len(scaled))
    return Estimate(value, min(back(fmean(scaled) - half), value), max(back(fmean(scaled) + half), value))


def percentile(values: Sequence[float], rank: int) -> float | None:
    """The ``rank``-th percentile by linear interpolation, or None where too few values can support it."""
    if len(values) < STEPS_FOR_PERCENTILE[rank]:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * rank / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def t95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t."""
    return _T95[degrees - 1] if degrees <= len(_T95) else 1.960
