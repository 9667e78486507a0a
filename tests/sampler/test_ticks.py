"""Seeing a counter move, by a fake clock."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise

import pytest

from bench.errors import Unavailable
from bench.sampler.ticks import Follower, Tick, ticking


class Counter:
    """Moves by ``step`` every ``tick`` seconds of a clock that only this moves on."""

    def __init__(self, tick: float, step: int = 7, stall: tuple[float, float] | None = None) -> None:
        self.seconds, self.tick, self.step, self.looks, self.stall = 0.0, tick, step, 0, stall

    def read(self) -> int:
        self.looks += 1
        self.seconds += 20e-6
        return self.step * math.floor(self.seconds / self.tick + 1e-9)

    def pause(self, seconds: float) -> None:
        self.seconds += seconds
        if self.stall and self.stall[0] <= self.seconds < self.stall[1]:  # this process does not run for a while
            self.seconds = self.stall[1]

    def follower(self, period: float = 0.1) -> Follower:
        return Follower(self.read, lambda: self.seconds, self.pause, period)

    def follow(self, follower: Follower, end: float) -> list[Tick]:
        while self.seconds < end:
            self.seconds = max(self.seconds, follower.due() or 0.0)
            follower.catch()
        return follower.ticks


def test_a_tick_lies_between_the_two_looks_that_saw_it() -> None:
    counter = Counter(0.1)
    tick = counter.follower().catch()

    assert tick is not None
    assert tick.before <= 0.1 <= tick.after
    assert tick.width < 0.003


@pytest.mark.parametrize("tick", [0.004, 0.02, 0.1, 0.3])
def test_the_rhythm_is_the_counters(tick: float) -> None:
    counter = Counter(tick)
    follower = counter.follower()
    counter.follow(follower, 3)

    assert follower.ticking is not None
    assert follower.ticking.median == pytest.approx(tick, abs=0.0015)


def test_a_known_rhythm_is_slept_through() -> None:
    counter = Counter(0.1)
    counter.follow(counter.follower(), 10)

    assert counter.looks / 10 < 200  # one a millisecond until the rhythm is known, then a few around each tick


def test_a_fast_counter_is_looked_at_about_ten_times_a_second() -> None:
    counter = Counter(0.02)

    assert len(counter.follow(counter.follower(), 10)) == pytest.approx(105, abs=8)


def test_a_tick_that_was_slept_through_is_not_taken_for_one_that_was_seen() -> None:
    counter = Counter(0.1, stall=(0.65, 0.93))
    ticks = counter.follow(counter.follower(), 1.5)

    assert all(tick.width < 0.003 for tick in ticks)
    assert not [tick for tick in ticks if 0.65 < tick.at < 0.95]


def test_a_counter_that_stands_still_is_given_up() -> None:
    counter = Counter(0.1, step=0)

    assert counter.follower().catch() is None
    assert counter.seconds < 2


def test_a_counter_that_cannot_be_read_says_why() -> None:
    def refuse() -> int:
        raise Unavailable("Not Supported")

    clock: Callable[[], float] = lambda: 0.0  # noqa: E731
    with pytest.raises(Unavailable, match="Not Supported"):
        Follower(refuse, clock, lambda seconds: None, 0.1).catch()


def test_two_ticks_are_no_rhythm() -> None:
    assert ticking([Tick(1, 0.0, 0.001), Tick(2, 0.1, 0.101)]) is None


class Drifting(Counter):
    """Ticks every 0.1 s, and from 2 s on every 0.09 s."""

    def read(self) -> int:
        self.looks += 1
        self.seconds += 20e-6
        late = max(self.seconds - 2.0, 0.0)
        return self.step * math.floor((self.seconds - late) / 0.1 + late / 0.09 + 1e-9)


def test_a_rhythm_that_changes_is_followed_without_looking_all_the_time() -> None:
    counter = Drifting(0.1)
    ticks = counter.follow(counter.follower(), 12)

    assert len([tick for tick in ticks if tick.at > 2]) > 40
    assert all(tick.width < 0.003 for tick in ticks)
    assert counter.looks / 12 < 300


class Irregular(Counter):
    """Ticks at the sums of ``gaps``, again and again."""

    def __init__(self, gaps: tuple[float, ...]) -> None:
        super().__init__(0.1)
        self.moments = list(accumulate(gaps * 200))

    def read(self) -> int:
        self.looks += 1
        self.seconds += 20e-6
        return self.step * bisect_right(self.moments, self.seconds)


@pytest.mark.parametrize("gaps", [(0.08, 0.12), (0.1, 0.1, 0.2), (0.09, 0.1, 0.13, 0.1, 0.07, 0.11)])
def test_an_irregular_counter_is_followed_as_soon_as_its_jitter_is_known(gaps: tuple[float, ...]) -> None:
    counter = Irregular(gaps)
    ticks = [tick for tick in counter.follow(counter.follower(), 12) if tick.at > 2]

    assert all(any(tick.before <= moment <= tick.after for moment in counter.moments) for tick in ticks)
    assert max(after.at - before.at for before, after in pairwise(ticks)) < 0.35
    assert counter.looks / 12 < 700


def test_a_tick_that_was_overslept_costs_a_look_and_not_a_wait_for_the_next_one() -> None:
    counter = Counter(0.1)
    follower = counter.follower()
    last = counter.follow(follower, 2)[-1]
    counter.seconds, counter.looks = last.at + 0.115, 0

    assert follower.catch() is None
    assert counter.looks == 1
