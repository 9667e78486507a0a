"""When a counter moves: one that is published in ticks is exact at the tick, and stale by up to a tick elsewhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

POLL = 0.001  # s between looks at a counter that is about to move
# A moved counter that was last looked at longer ago than this was not seen moving, unless looking takes that long here.
SEEN = 0.01  # s
EARLY = 1.5 * POLL  # s; the least that looking begins before the expected moment


@dataclass(frozen=True)
class Tick:
    """The counter moved to ``value`` at some moment between ``before`` and ``after`` (s)."""

    value: int
    before: float
    after: float

    @property
    def at(self) -> float:
        """The middle of the two moments. Units: s."""
        return (self.before + self.after) / 2

    @property
    def width(self) -> float:
        """The time between the two moments. Units: s."""
        return self.after - self.before


@dataclass(frozen=True)
class Ticking:
    """How a counter ticks: the time between two ticks (s), over the ticks that were followed one by one."""

    median: float
    least: float
    most: float
    ticks: int


def ticking(ticks: Sequence[Tick]) -> Ticking | None:
    """How the counter ticked; None where fewer than three ticks were seen."""
    gaps = [after.at - before.at for before, after in pairwise(ticks)]
    return Ticking(median(gaps), min(gaps), max(gaps), len(ticks)) if len(gaps) >= 2 else None


class Follower:
    """Sees a counter move, first tick by tick until it knows the rhythm, then about every ``period`` seconds.

    ``read`` gives the counter, ``clock`` seconds, and ``pause`` waits for so many seconds.
    """

    RHYTHM = 6  # ticks from which the rhythm is taken
    PATIENCE = 1.5  # s without a move after which a counter counts as standing still

    def __init__(
        self,
        read: Callable[[], int],
        clock: Callable[[], float],
        pause: Callable[[float], None],
        period: float,
    ) -> None:
        self._read = read
        self._clock = clock
        self._pause = pause
        self._period = period
        self.ticks: list[Tick] = []
        self.ticking: Ticking | None = None
        self._fastest = math.inf  # s between two looks
        self._anchor = 0.0  # s; when the counter moved last, as far as known
        self._value = 0  # what it said then
        self._early = EARLY  # s before the expected moment to begin looking

    def due(self) -> float | None:
        """When to look again, a little before the next wanted tick; None means now."""
        return None if self.ticking is None else self._expected() - self._early

    def catch(self) -> Tick | None:
        """Look until the counter is seen moving; None where it stands still, or moved unseen.

        Raises:
            Unavailable: the counter cannot be read.
        """
        begin = seen = self._clock()
        value = self._read()
        if self._stride() == 1 and value != self._value:
            self._missed(value)
            return None
        while True:
            self._pause(POLL)
            began = self._clock()
            now, after = self._read(), self._clock()
            self._fastest = min(self._fastest, after - seen)
            if now != value and after - seen <= max(SEEN, 2 * self._fastest):
                return self._seen(Tick(now, seen, after))
            if now != value and self.ticking is not None:  # this process did not run for a while
                self._missed(now)
                return None
            if after - begin > self._patience():
                return None
            value, seen = now, began

    def _stride(self) -> int:
        """How many ticks lie between two that are looked for; 0 as long as the rhythm is not known."""
        return 0 if self.ticking is None else max(1, math.ceil(self._period / self.ticking.median - 0.5))

    def _expected(self) -> float:
        assert self.ticking is not None
        return self._anchor + self._stride() * self.ticking.median

    def _patience(self) -> float:
        return self.PATIENCE if self.ticking is None else max(3 * self.ticking.most, 0.05)

    def _seen(self, tick: Tick) -> Tick:
        """Keep a tick, and look for the next ones as early as this one was off, or little later than for this one."""
        if self.ticking is not None:
            off = abs(tick.at - self._expected())
            self._early = min(max(2 * off, 0.9 * self._early, EARLY), self.ticking.median / 2)
        self.ticks.append(tick)
        self._anchor, self._value = tick.at, tick.value
        if self.ticking is None and len(self.ticks) >= self.RHYTHM:
            self.ticking = ticking(self.ticks)
        return tick

    def _missed(self, value: int) -> None:
        """The tick came while nobody looked: do not look all the time until the next one, but begin earlier then."""
        assert self.ticking is not None
        self._anchor, self._value = self._clock(), value
        self._early = min(4 * self._early, self.ticking.median / 2)
