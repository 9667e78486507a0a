"""When a change, or that there is none, is proven. The numbers were chosen on pairs of equal arms (docs/gating.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.judge.effects import flip_p, hodges_lehmann, interval

# The risk that anything at all is falsely called changed for the worse: of all cases that are screened together, and
# once more of all cases that are looked at sequentially. Together 1 % for a whole gate.
ALPHA = 0.005
# The risk of each one-sided test, of which there are two in each of two looks: 5 % that a change of the margin's size
# is called none. An interval of 95 % inside the margin says the same.
TAIL = 0.025
# Two or three pairs agree by luck now and then, and Student's t then proves anything.
LEAST = 4
# Good pairs after which a sequential case is looked at. Before 12 the sign flips cannot prove a change with one pair
# spoiled, so no risk is spent on it.
LOOKS = (4, 6, 9, 12, 16)
CHANGE_LOOKS = (12, 16)


@dataclass(frozen=True)
class Look:
    """What one look at a sequential case says of one metric.

    ``pairs`` were looked at; ``change`` is the sign of the proven effect, 0 where none is; ``p`` is adjusted.
    """

    pairs: int
    change: int = 0
    unchanged: bool = False
    p: float | None = None

    @property
    def settled(self) -> bool:
        """Whether more pairs are not needed."""
        return self.unchanged or self.change != 0 or self.pairs == LOOKS[-1]


def suspicion(effects: Sequence[float], minimum: float) -> int:
    """The sign of an effect that is large enough to be worth confirming; 0 where there is none.

    No test is asked: with six pairs, a single spoiled one blinds Student's t.
    """
    if len(effects) < LEAST:
        return 0
    common = hodges_lehmann(effects)
    return 0 if abs(common) < math.log1p(minimum) else int(math.copysign(1, common))


def changed(effects: Sequence[float], minimum: float, sign: int, p: float) -> bool:
    """Whether a change of that sign is proven, given the adjusted p-value of the sign flips."""
    turned = [sign * one for one in effects]
    found = interval(turned)
    return p <= ALPHA and found is not None and hodges_lehmann(turned) >= math.log1p(minimum) and found.low > 0


def unchanged(effects: Sequence[float], margin: float, tail: float = TAIL) -> bool:
    """Whether it is proven, by two one-sided tests, that the effect is within the margin (a factor either way)."""
    found = interval(effects)
    return len(effects) >= LEAST and found is not None and found.within(math.log1p(margin), tail)


def looks(effects: Sequence[float | None], minimum: float, margin: float, family: int) -> Look:
    """The look that settles a sequential case, or the last one that its pairs allow.

    ``effects`` are of the good pairs in their order; ``family`` is the number of cases and metrics that are looked at
    so. The risks are shared out evenly: of a false change over `CHANGE_LOOKS` and the family, of a false "unchanged"
    over `LOOKS`.
    """
    last = Look(0)
    for count in LOOKS:
        if len(effects) < count:
            break
        last = _look([one for one in effects[:count] if one is not None], count, minimum, margin, family)
        if last.settled:
            break
    return last


def _look(effects: Sequence[float], count: int, minimum: float, margin: float, family: int) -> Look:
    sign = suspicion(effects, minimum)
    p = None
    if sign and count in CHANGE_LOOKS:
        p = min(1.0, flip_p([sign * one for one in effects]) * len(CHANGE_LOOKS) * family)
        if changed(effects, minimum, sign, p):
            return Look(count, change=sign, p=p)
    # What looks like a change is given all the pairs to be proven one before it may be called none.
    proven = unchanged(effects, margin, 2 * TAIL / len(LOOKS)) and (sign == 0 or count == LOOKS[-1])
    return Look(count, unchanged=proven, p=p)
