"""Estimates over replicates. A step is never a unit: steps of one process are not independent samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import fmean, median

# Steps needed before a percentile is told: the least n for which a run without a single step beyond the percentile
# would be an accident of at most 5 %, with one such step allowed. From the early-stopping rule of MLPerf LoadGen
# (inference_rules.adoc, appendix "Early Stopping"), which then claims the second slowest step; ours is an estimate.
STEPS_FOR_PERCENTILE = {50: 8, 90: 46, 95: 93, 99: 473}


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
    logs = min(values) > 0
    scaled = list(map(math.log, values)) if logs else list(values)
    back = math.exp if logs else float
    centre = median(scaled)
    # The median of one or of an odd number of values is one of them: return it untouched by the round trip.
    value = values[scaled.index(centre)] if centre in scaled else back(centre)
    if len(scaled) < 2:
        return Estimate(value, None, None)
    mean = fmean(scaled)
    half = t95(len(scaled) - 1) * deviation(scaled, mean) / math.sqrt(len(scaled))
    try:
        return Estimate(value, min(back(mean - half), value), max(back(mean + half), value))
    except OverflowError:  # replicates so far apart bound nothing
        return Estimate(value, None, None)


def deviation(values: Sequence[float], mean: float | None = None) -> float:
    """The sample's standard deviation. `statistics.stdev` counts in fractions, which takes 50 times as long."""
    centre = fmean(values) if mean is None else mean
    return math.sqrt(math.fsum([(value - centre) ** 2 for value in values]) / (len(values) - 1))


def percentile(values: Sequence[float], rank: int) -> float | None:
    """The ``rank``-th percentile by linear interpolation, or None where too few values can support it."""
    if len(values) < STEPS_FOR_PERCENTILE[rank]:
        return None
    ordered = sorted(values)
    position = (len(ordered) - 1) * rank / 100
    below = math.floor(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def quartile(values: Sequence[float]) -> float:
    """The lower quartile: the smallest value that a quarter of all do not exceed. Of up to four it is the smallest.

    It is one of the values, so telling each of them twice changes nothing.

    >>> quartile([4, 3, 2, 1]), quartile([5, 4, 3, 2, 1])
    (1, 2)
    """
    return sorted(values)[math.ceil(len(values) / 4) - 1]


def t95(degrees: int) -> float:
    """Two-sided 95 % quantile of Student's t."""
    return t_quantile(0.975, degrees)


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """The value that Student's t with so many degrees of freedom stays below with this probability.

    Raises:
        ValueError: the probability is not between 0.5 and 1, or there are no degrees of freedom.
    """
    if not 0.5 <= probability < 1 or degrees < 1:
        raise ValueError(f"no quantile of Student's t at {probability!r} with {degrees!r} degrees of freedom")
    low, high = 0.0, math.pi / 2
    for _ in range(60):  # halvings: to the last bit of a float
        middle = (low + high) / 2
        low, high = (middle, high) if _t_within(middle, degrees) < 2 * probability - 1 else (low, middle)
    return math.sqrt(degrees) * math.tan(low)


def _t_within(angle: float, degrees: int) -> float:
    """The probability that Student's t lies within ± sqrt(degrees) tan(angle): the finite sums of Abramowitz and
    Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4."""
    square = math.cos(angle) ** 2
    term = math.sin(angle) * (math.cos(angle) if degrees % 2 else 1.0)
    total = 0.0
    for k in range(degrees % 2 + 1, degrees, 2):
        total += term
        term *= square * k / (k + 1)
    return (total + angle) * 2 / math.pi if degrees % 2 else total


def at_most(events: int, trials: int, risk: float = 0.05) -> float:
    """The largest rate that ``events`` in ``trials`` leave possible, at a risk of ``risk`` (Clopper and Pearson 1934).

    >>> round(at_most(0, 3000), 4)
    0.001

    Raises:
        ValueError: more events than trials, or no trials.
    """
    if not 0 <= events <= trials or trials < 1:
        raise ValueError(f"{events} events in {trials} trials give no rate")
    low, high = events / trials, 1.0
    while high - low > 1e-9:
        rate = (low + high) / 2
        so_few = sum(
            math.comb(trials, count) * rate**count * (1 - rate) ** (trials - count) for count in range(events + 1)
        )
        low, high = (rate, high) if so_few > risk else (low, rate)
    return high
