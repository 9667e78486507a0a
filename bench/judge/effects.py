"""What pairs say together: the effect of each, their common effect with its interval, and exact tests on them.

An effect is a natural logarithm of head over base, so that exchanging the arms changes nothing but its sign. Every
function here takes one effect for each pair of processes: steps and chunks are never a unit (`bench.pair`).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from statistics import fmean, median, stdev

from bench.pair import Arm, Chunk, Pair
from bench.statistics import quartile, t_quantile

# A pair with fewer has no effect: the median of two rounds is moved by each of them.
ROUNDS = 3
# One in so many of the effects is set aside at each end before the interval is made (Tukey and McLaughlin), so that
# from 10 pairs on a single spoiled one does not blind it.
TRIMMED = 10
# How finely the sign-flip test tells sizes apart: the largest size that counts is so many.
SIZES = 1000
POWER = 0.90
# What limiting the sizes costs: with normal scatter an effect has to be larger than for Student's t by so much to be
# found as often (1.065 to 1.074 for 12 to 16 pairs, simulated).
LIMITED = 1.07


@dataclass(frozen=True)
class Interval:
    """The 95 % interval of a common effect, and the standard error and degrees of freedom that it is made of."""

    low: float
    high: float
    error: float
    degrees: int

    def within(self, margin: float, tail: float = 0.025) -> bool:
        """Whether two one-sided tests at ``tail`` each prove the effect to be smaller than ``margin`` either way."""
        middle, half = (self.low + self.high) / 2, t_quantile(1 - tail, self.degrees) * self.error
        return -margin < middle - half and middle + half < margin


def effect(pair: Pair, metric: str) -> float | None:
    """The effect of one pair on ``time``, ``throughput`` or ``energy``; None where it was not measured.

    Of times and rates it is the median over the rounds: the chunks of a round are neighbours, so what drifts more
    slowly than that falls on both. (On 144 pairs of equal arms it scattered by 1.0 to 1.7 %, the difference of the
    arms' medians by 1.0 to 2.4 %.) A chunk counts by the lower quartile of its steps, which what interrupts a step does
    not move (means of chunks scattered half as much again); so a change that only slows some steps down is not seen.
    """
    if metric == "energy":
        joules = [_joules(pair, arm) for arm in ("base", "head")]
        return None if None in joules else math.log(joules[1] / joules[0])  # type: ignore[operator]
    of = _QUICK[metric]
    base, head = ({chunk.round: of(chunk) for chunk in _once(pair, arm)} for arm in ("base", "head"))
    rounds = [math.log(head[number] / level) for number, level in base.items() if number in head]
    return median(rounds) if len(rounds) >= ROUNDS else None


def level(pair: Pair, arm: Arm, metric: str) -> float | None:
    """The level of one arm of a pair in the metric's own unit and meaning (`bench.metric`): the median over its chunks
    of their wall time per step, or of work over it; or the joules of an item."""
    if metric == "energy":
        return _joules(pair, arm)
    levels = [math.log(_LEVELS[metric](chunk)) for chunk in _once(pair, arm)]
    return math.exp(median(levels)) if levels else None


def hodges_lehmann(effects: Sequence[float]) -> float:
    """The median of the means of all twos: as efficient as the mean, and one spoiled pair of six hardly moves it."""
    return median((one + other) / 2 for one, other in combinations_with_replacement(effects, 2))


def interval(effects: Sequence[float]) -> Interval | None:
    """The 95 % interval by Student's t, from 10 pairs on of the trimmed mean; None for fewer than 2 pairs."""
    count = len(effects)
    if count < 2:
        return None
    aside = count // TRIMMED
    ordered = sorted(effects)
    kept = ordered[aside : count - aside]
    drawn_in = [kept[0]] * aside + kept + [kept[-1]] * aside
    error = stdev(drawn_in) * math.sqrt((count - 1) / (len(kept) * (len(kept) - 1)))
    half = t_quantile(0.975, len(kept) - 1) * error
    return Interval(fmean(kept) - half, fmean(kept) + half, error, len(kept) - 1)


def flip_p(effects: Sequence[float]) -> float:
    """The one-sided p-value of "head is not above base", by exact sign flips.

    Were the arms the same, every effect could as well have had the other sign. The p-value is the share of all 2^n
    flips whose sum is at least the one seen, so it is never below 2^-n. An effect counts for at most the median size,
    so that a single pair, however far off, weighs no more than another. Sizes are functions of the sizes alone, which
    no flip changes: that keeps the test exact.

    Raises:
        ValueError: no effects, or one that is not finite.
    """
    if not effects or not all(map(math.isfinite, effects)):
        raise ValueError(f"the sign-flip test needs finite effects, not {list(effects)!r}")
    most = median(map(abs, effects))
    if most == 0:
        return 1.0
    sizes = [round(min(abs(one) / most, 1.0) * SIZES) for one in effects]
    below = sum(size for size, one in zip(sizes, effects, strict=True) if one < 0)
    # How many flips have which sum below 0 are the coefficients of the product of (1 + x^size). One large integer
    # holds them side by side, each in n + 1 bits, which is room for all 2^n of them together.
    room = len(effects) + 1
    product: int = 1
    for size in sizes:
        product += product << size * room
    extreme = product & ((1 << (below + 1) * room) - 1)
    # The sum of an integer's digits is its remainder by one less than the base.
    return extreme % ((1 << room) - 1) / (1 << len(effects))


def holm(values: Sequence[float]) -> list[float]:
    """The p-values of a family, adjusted by Holm: those at most alpha may be called so with a risk of alpha in all.

    Raises:
        ValueError: a value is no probability. Sorting a NaN would put the others in any order.
    """
    if not all(0 <= value <= 1 for value in values):
        raise ValueError(f"Holm's family needs probabilities, not {list(values)!r}")
    adjusted, largest = [0.0] * len(values), 0.0
    for place, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        largest = max(largest, min(1.0, values[index] * (len(values) - place)))
        adjusted[index] = largest
    return adjusted


def pairs_to_confirm(family: int, alpha: float) -> int:
    """Pairs that a confirmation needs in a family of so many.

    With all others of one sign, a single pair of the other sign leaves at least n + 1 flips at least as extreme,
    however far off it is; so many of 2^n must still be alpha over the family. One more pair is for power.
    """
    count = 1
    while (count + 1) * family > alpha * 2**count:
        count += 1
    return count + 1


def smallest(effects: Sequence[float], minimum: float, alpha: float, pairs: int) -> float | None:
    """The smallest effect (head over base, minus 1) that is found with 90 % probability, from the spread of effects.

    It is found where the common effect of ``pairs`` pairs is above both the limit of `flip_p` at ``alpha`` and the
    ``minimum``. None for fewer than 2 effects, which have no spread.
    """
    found = interval(effects)
    if found is None:
        return None
    error = found.error * math.sqrt(len(effects) / pairs)
    limit = max(t_quantile(1 - alpha, pairs - 1) * LIMITED * error, math.log1p(minimum))
    return math.expm1(limit + t_quantile(POWER, pairs - 1) * LIMITED * error)


def _once(pair: Pair, arm: Arm) -> list[Chunk]:
    """An arm's chunks that can be used; a round that it has twice tells no pairs of neighbours."""
    chunks = [chunk for chunk in pair.chunks if chunk.arm == arm]
    often = Counter(chunk.round for chunk in chunks)
    return [chunk for chunk in chunks if often[chunk.round] == 1 and _sound(chunk)]


def _sound(chunk: Chunk) -> bool:
    """Time passed, steps ran and work was done; written so that NaN fails."""
    passed = 0 < chunk.seconds < math.inf and len(chunk.step_seconds) > 0
    return passed and 0 < quartile(chunk.step_seconds) < math.inf and 0 < _work(chunk) < math.inf


def _work(chunk: Chunk) -> float:
    """In the workload's own item, which is the first."""
    return next(iter(chunk.work.values()), 0.0)


def _joules(pair: Pair, arm: Arm) -> float | None:
    reading = pair.energy.get(arm)
    return reading.value if reading is not None and reading.value is not None and reading.value > 0 else None


def _step(chunk: Chunk) -> float:
    return chunk.seconds / len(chunk.step_seconds)


def _rate(chunk: Chunk) -> float:
    return _work(chunk) / chunk.seconds


def _quick_step(chunk: Chunk) -> float:
    return quartile(chunk.step_seconds)


def _quick_rate(chunk: Chunk) -> float:
    return _work(chunk) / (len(chunk.step_seconds) * quartile(chunk.step_seconds))


_QUICK: dict[str, Callable[[Chunk], float]] = {"time": _quick_step, "throughput": _quick_rate}
_LEVELS: dict[str, Callable[[Chunk], float]] = {"time": _step, "throughput": _rate}
