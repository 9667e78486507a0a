"""The utilisation that an objective allows, held against queues that are played through."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from reports.plan.queueing import allowed, busy

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
STEP = 0.1  # s


def bound(percentile: str, slack: float, batch_size: int) -> float:
    """What is allowed where the objective leaves so many steps to wait."""
    slo = 1000 * STEP * (1 + slack)
    return allowed(SimpleNamespace(percentile=percentile, slo=slo, step=STEP, batch_size=batch_size))


def kept(utilisation: float, slack: float, batch_size: int) -> float:
    """The share of requests that wait no longer."""
    return played(utilisation, slack, batch_size)[0]


def played(utilisation: float, slack: float, batch_size: int, requests: int = 40_000) -> tuple[float, float]:
    """The share of requests that wait no longer, and of the time that steps run: of requests at random and steps that
    take what waits."""
    lot = random.Random(batch_size)
    moment, arrivals = 0.0, []
    for _ in range(requests):
        moment += lot.expovariate(utilisation * batch_size / STEP)
        arrivals.append(moment)
    first, free, in_time, steps = 0, 0.0, 0, 0
    while first < requests:
        begin = max(free, arrivals[first])
        last = first
        while last < min(first + batch_size, requests) and arrivals[last] <= begin:
            in_time += begin - arrivals[last] <= slack * STEP
            last += 1
        first, free, steps = last, begin + STEP, steps + 1
    return in_time / requests, steps * STEP / free


@pytest.mark.parametrize("batch_size", [1, 4, 32])
@pytest.mark.parametrize("slack", [0.3, 0.95, 1.5, 4.0, 20.0])
@pytest.mark.parametrize("percentile", SHARES)
def test_at_the_utilisation_allowed_the_objective_is_kept(percentile: str, slack: float, batch_size: int):
    busy = min(0.97, bound(percentile, slack, batch_size))  # nearer to 1 a queue takes too long to show itself

    assert kept(busy, slack, batch_size) > SHARES[percentile] - 0.01


@pytest.mark.parametrize("slack", [2.0, 5.0, 20.0])
@pytest.mark.parametrize("percentile", ["p95", "p99"])
def test_halfway_from_there_to_all_of_the_time_it_is_not(percentile: str, slack: float):
    assert kept((1 + bound(percentile, slack, 1)) / 2, slack, 1) < SHARES[percentile]


@pytest.mark.parametrize(("full", "batch_size"), [(0.1, 1), (0.6, 1), (0.3, 8), (0.1, 32), (0.02, 32), (0.7, 4)])
def test_steps_run_for_as_long_as_they_do_when_the_queue_is_played(full: float, batch_size: int):
    share = played(full, 0.0, batch_size)[1]

    assert busy(full, batch_size) == pytest.approx(share, abs=0.02)
    assert busy(full, batch_size) < share + 0.01  # a bound from below


def test_a_step_for_each_request_runs_for_as_long_as_full_steps_do():
    assert busy(0.3, 1) == 0.3
    assert busy(0.0, 8) == 0
    assert busy(1.0, 10**9) == 1


def test_by_hand():
    # x = -ln(0.05) / 2 = 1.4979 at batch 1 and two steps to wait.
    assert bound("p95", 2.0, 1) == pytest.approx(1.4979 / (2.71828**1.4979 - 1), rel=1e-4)
    # At batch 8 the backlog is 8 * (2 - 1).
    assert bound("p95", 2.0, 8) == pytest.approx(0.37447 / (2.71828**0.37447 - 1), rel=1e-4)
    # Less than a step to wait: who comes while one runs is late.
    assert bound("p99", 0.5, 8) == pytest.approx(0.01 / 8)
    assert bound("p99", 0.01, 1) == pytest.approx(0.01)


def test_no_objective_is_too_near_or_too_far_to_be_computed():
    assert bound("p50", 1e12, 10**9) == pytest.approx(1)
    assert bound("p99", 1 + 1e-12, 4) == pytest.approx(0.01 / 4)
    assert bound("p99", 0.0, 1) == pytest.approx(0.01)
