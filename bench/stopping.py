"""When to stop: rules that are fed numbers and know no clock, so that tests feed them numbers too."""

from __future__ import annotations

import math
from statistics import fmean, stdev

from bench.statistics import t95


class Steady:
    """Warm-up is over when blocks of steps no longer get faster.

    Fed each block's seconds per step, without the very first step, which is slow in its own way. Steady: the best of
    the last two blocks (of two in all: the last) is not more than ``gain`` faster than the best before. The best, for
    other load can only lengthen a block; two, so that one slow block is no proof. The rule never waits for a process
    to be as fast as another: that is the replicates' affair.
    """

    def __init__(self, gain: float = 0.05) -> None:
        self._gain = gain
        self._blocks: list[float] = []

    def add(self, seconds_per_step: float) -> None:
        self._blocks.append(seconds_per_step)

    @property
    def reached(self) -> bool:
        """Whether the rule is met."""
        recent = 2 if len(self._blocks) > 2 else 1
        before, last = self._blocks[:-recent], self._blocks[-recent:]
        return bool(before) and min(last) >= (1 - self._gain) * min(before)


class Narrow:
    """Sampling is over when the mean step time is known to ``target``, its budget is used, or steps run out.

    Fed each window's steps and seconds. The half-width of a 95 % t interval over windows is compared with the mean.
    Windows of one process are not independent, so this says only that more windows *of this process* would not help;
    the published interval is over replicates.
    """

    def __init__(
        self, budget_seconds: float, target: float = 0.01, least_windows: int = 5, most_steps: int = 5000
    ) -> None:
        self._budget = budget_seconds
        self._target = target
        self._least = least_windows
        self._most_steps = most_steps
        self._windows: list[float] = []
        self._spent = 0.0
        self._steps = 0

    def add(self, steps: int, seconds: float) -> None:
        self._windows.append(seconds / steps)
        self._spent += seconds
        self._steps += steps

    @property
    def ended_by(self) -> str | None:
        """``precise``, ``budget`` or ``steps`` when sampling is over, else None."""
        if self._precise():
            return "precise"
        if self._steps >= self._most_steps:
            return "steps"
        # One more window of the usual length would overrun the budget by more than half of it.
        usual = self._spent / len(self._windows) if self._windows else 0.0
        if self._windows and self._spent + usual / 2 > self._budget:
            return "budget"
        return None

    def _precise(self) -> bool:
        count = len(self._windows)
        if count < max(self._least, 2):
            return False
        half_width = t95(count - 1) * stdev(self._windows) / math.sqrt(count)
        return half_width <= self._target * fmean(self._windows)
