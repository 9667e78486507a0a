"""Where a series of levels changed: exact segmentation on the log scale, confirmed by shuffling."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from itertools import accumulate, pairwise
from statistics import median

LEAST = 3  # points on each side of a change: a single spike, or two, is none

# A point further than so many times the spread from its segment's middle costs no more than one at that distance.
# Without it, one spoiled run buys itself a segment: outliers in 5 % of the points made 16 % of 24 long series change.
_BOUND = 3.0
# A change must explain more than so many times the logarithm of the number of points, in units of the variance.
_PENALTY = 3.0
# No two runs agree better than to a hundredth of a per cent, but for chance.
_CALMEST = 1e-4
_SHUFFLES = 999
_LEVEL = 0.01


def last_change(logs: Sequence[float]) -> tuple[int, int] | None:
    """Where the newest level begins, after where the one before it began; None where there was one level all along.

    A cut that shuffling does not confirm is none, and its two segments are one.
    """
    begins = segments(logs)
    while len(begins) > 1:
        if confirmed(logs[begins[-2] :]):
            return begins[-2], begins[-1]
        begins.pop()
    return None


def segments(logs: Sequence[float]) -> list[int]:
    """Where segments of one level begin, from 0 on: the cuts with the least cost of all possible ones.

    The cost is the sum of squared distances from each segment's median, bounded (`_BOUND`), in units of the variance
    between neighbours, plus a penalty for each cut. The spread between neighbours does not notice the changes
    themselves.
    """
    count, scale = len(logs), spread(logs)
    penalty = _PENALTY * math.log(max(count, 2))
    best: list[float] = [-penalty] + [math.inf] * count
    begun = [0] * (count + 1)
    for end in range(LEAST, count + 1):
        for begin in (0, *range(LEAST, end - LEAST + 1)):
            cost = best[begin] + _cost(logs[begin:end], scale) + penalty
            if cost < best[end]:
                best[end], begun[end] = cost, begin
    cuts = [count]
    while cuts[-1]:
        cuts.append(begun[cuts[-1]])
    return cuts[:0:-1]


def spread(logs: Sequence[float]) -> float:
    """The standard deviation of a point about its level, from the differences between neighbours: robust to changes of
    level and to single spikes."""
    steps = [after - before for before, after in pairwise(logs)]
    middle = median(steps) if steps else 0.0
    # 1.4826 makes the median absolute deviation of a normal distribution its standard deviation; a difference of two
    # points scatters by the square root of 2 more than a point.
    return max(1.4826 * median([abs(step - middle) for step in steps] or [0.0]) / math.sqrt(2), _CALMEST)


def confirmed(logs: Sequence[float]) -> bool:
    """Whether points in any order would seldom show so clear a change somewhere: a permutation test at 1 %.

    It holds for whatever distribution, as for runs that are fast or slow by lot; it does not hold where neighbours are
    alike for other reasons than a change, as on a machine that drifts.
    """
    middle, most = median(logs), _BOUND * spread(logs)
    shuffled = [min(max(one - middle, -most), most) for one in logs]
    seen = _clearest(shuffled)
    drawn = random.Random(0)
    as_clear = 1
    for _ in range(_SHUFFLES):
        drawn.shuffle(shuffled)
        as_clear += _clearest(shuffled) >= seen * (1 - 1e-9)
        if as_clear > _LEVEL * (_SHUFFLES + 1):
            return False
    return True


def _cost(logs: Sequence[float], scale: float) -> float:
    middle = median(logs)
    return sum(min(abs(one - middle) / scale, _BOUND) ** 2 for one in logs)


def _clearest(logs: Sequence[float]) -> float:
    """The most that a single cut explains of the sum of squares."""
    count, sums = len(logs), list(accumulate(logs))
    mean = sums[-1] / count
    gains = ((sums[cut - 1] - cut * mean) ** 2 / (cut * (count - cut)) for cut in range(LEAST, count - LEAST + 1))
    return max(gains, default=0.0)
