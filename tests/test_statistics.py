"""Estimates over replicates."""

import math

import pytest

from bench.statistics import STEPS_FOR_PERCENTILE, estimate, percentile, t_quantile


def test_the_estimate_of_a_rate_is_the_inverse_of_the_estimate_of_a_time():
    times = [0.11, 0.13, 0.29, 0.12]

    assert 1 / estimate(times).value == pytest.approx(estimate([1 / t for t in times]).value, rel=1e-12)


def test_one_spoiled_replicate_of_three_does_not_move_the_value_but_widens_the_interval():
    clean, spoiled = estimate([1.0, 1.01, 1.02]), estimate([1.0, 1.01, 10.0])

    assert spoiled.value == clean.value == 1.01
    assert spoiled.high > 10 * clean.high


def test_the_interval_is_students_t_on_the_logs():
    low, high = math.exp(-0.1), math.exp(0.1)
    found = estimate([low, 1.0, high])

    assert found.high == pytest.approx(math.exp(4.303 * 0.1 / math.sqrt(3)), rel=1e-3)
    assert found.low == pytest.approx(1 / found.high)


def test_one_replicate_carries_no_interval():
    assert (estimate([2.0]).low, estimate([2.0]).high) == (None, None)


def test_no_replicates_are_no_estimate():
    with pytest.raises(ValueError, match="at least one"):
        estimate([])


def test_the_interval_holds_the_value_even_with_an_outlier():
    found = estimate([1.0, 1.0, 1.0, 1.0, 1.0, 1e9])

    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("rank", "least"), STEPS_FOR_PERCENTILE.items())
def test_a_percentile_is_claimed_only_with_enough_steps(rank, least):
    assert percentile([1.0] * (least - 1), rank) is None
    assert percentile([1.0] * least, rank) == 1.0


def test_the_median_percentile_is_the_median_and_not_the_mean():
    assert percentile([1.0] * 6 + [100.0] * 3, 50) == 1.0


@pytest.mark.parametrize(
    ("probability", "degrees", "quantile"),
    [
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.99, 10, 2.764),
        (0.90, 5, 1.476),
        (0.995, 30, 2.750),
        (0.975, 500, 1.965),
    ],
)
def test_quantiles_of_students_t_are_those_of_the_tables(probability, degrees, quantile):
    assert t_quantile(probability, degrees) == pytest.approx(quantile, abs=6e-4)


@pytest.mark.parametrize(("probability", "degrees"), [(0.4, 3), (1.0, 3), (math.nan, 3), (0.9, 0)])
def test_a_quantile_that_cannot_be_is_refused(probability, degrees):
    with pytest.raises(ValueError, match="no quantile"):
        t_quantile(probability, degrees)
