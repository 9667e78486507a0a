"""Where a series changed its level, and where it only looks so."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from bench.judge.changepoint import LEAST, confirmed, last_change, segments, spread

COUNT = 24


def normal(drawn: random.Random) -> list[float]:
    return [drawn.gauss(0, 0.01) for _ in range(COUNT)]


def spiked(drawn: random.Random) -> list[float]:
    """One run of twenty is spoiled."""
    return [one + drawn.choice((0.1, 0.3)) * (drawn.random() < 0.05) for one in normal(drawn)]


def by_lot(drawn: random.Random) -> list[float]:
    """Fast or slow by lot, as processes at 22.5 and 25.5 ms that hardly scatter in themselves."""
    return [drawn.gauss(math.log(drawn.choice((22.5, 25.5))), 0.002) for _ in range(COUNT)]


KINDS = (normal, spiked, by_lot)


def series(kind: Callable[[random.Random], list[float]], count: int) -> Iterator[list[float]]:
    drawn = random.Random(20261123)
    return (kind(drawn) for _ in range(count))


def test_a_step_is_cut_where_it_is():
    assert segments([0.0, 0.012, -0.01, 0.003, 0.011, 0.5, 0.516, 0.49, 0.501]) == [0, 5]


def test_two_steps_are_cut_and_the_last_change_is_between_the_last_two_levels():
    logs = [base + step for base in (0.0, 0.2, 0.1) for step in (0.001, -0.001, 0.0, 0.002, -0.002, 0.0, 0.001, 0.0)]

    assert segments(logs) == [0, 8, 16]
    assert last_change(logs) == (8, 16)


@pytest.mark.parametrize("aside", [1, 2])
def test_so_few_runs_are_a_spike_and_no_level(aside: int):
    calm = next(series(normal, 1))

    assert last_change([*calm[:-aside], *(one + 0.5 for one in calm[-aside:])]) is None
    assert last_change([*calm[:10], *(one + 0.5 for one in calm[10 : 10 + aside]), *calm[10 + aside :]]) is None


@pytest.mark.parametrize("kind", KINDS)
def test_one_level_is_called_two_in_at_most_3_of_100_series(kind: Callable[[random.Random], list[float]]):
    assert sum(last_change(logs) is not None for logs in series(kind, 100)) <= 3


def test_without_shuffling_lots_would_be_taken_for_levels():
    cut = [logs for logs in series(by_lot, 100) if len(segments(logs)) > 1]

    assert len(cut) > 20
    assert sum(confirmed(logs) for logs in cut) <= 2


@pytest.mark.parametrize(("kind", "step", "newest", "least"), [(normal, 0.05, 3, 42), (normal, 0.03, 6, 45),
                                                              (spiked, 0.05, 6, 40)])  # fmt: skip
def test_a_step_beyond_the_scatter_is_found(
    kind: Callable[[random.Random], list[float]], step: float, newest: int, least: int
):
    """Of 50 series."""
    found = 0
    for logs in series(kind, 50):
        changed = last_change([*logs[:-newest], *(one + step for one in logs[-newest:])])
        found += changed is not None and abs(changed[1] - (COUNT - newest)) <= 1

    assert found >= least


@pytest.mark.parametrize("count", [0, 1, 2, 5])
def test_too_few_points_have_one_level(count: int):
    assert last_change([0.0, 1.0, 0.0, 1.0, 1.0][:count]) is None


def test_equal_points_have_one_level_and_divide_nothing_by_zero():
    assert last_change([0.3] * COUNT) is None


def test_a_step_between_equal_points_is_found():
    assert last_change([0.0] * 12 + [0.1] * 6) == (0, 12)


def test_the_spread_notices_neither_a_step_nor_a_spike():
    calm = next(series(normal, 1))

    assert spread([*calm[:12], *(one + 0.3 for one in calm[12:])]) == pytest.approx(spread(calm), rel=0.25)
    assert spread([*calm[:12], 0.4, *calm[12:]]) == pytest.approx(spread(calm), rel=0.25)


def test_every_level_has_enough_points():
    for logs in series(by_lot, 30):
        cuts = [*segments(logs), len(logs)]
        assert min(after - before for before, after in pairwise(cuts)) >= LEAST


def test_the_same_series_gets_the_same_answer():
    (logs,) = series(spiked, 1)

    assert len({confirmed(logs) for _ in range(3)}) == 1
