"""Stopping rules, fed with numbers."""

import pytest

from bench.stopping import Narrow, Steady


def fed(blocks):
    rule = Steady()
    for seconds in blocks:
        rule.add(seconds)
    return rule.reached


@pytest.mark.parametrize("blocks", [[2.0, 1.0, 1.0, 1.0], [1.0, 1.0], [2.0, 1.0, 1.0, 1.4], [1.0, 1.3, 1.3]])
def test_warm_up_is_over_when_blocks_no_longer_get_faster(blocks):
    assert fed(blocks)


@pytest.mark.parametrize("blocks", [[], [1.0], [2.0, 1.0], [2.0, 1.0, 1.0], [4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 2.5]])
def test_warm_up_goes_on_while_blocks_get_faster_or_are_too_few(blocks):
    assert not fed(blocks)


def sampled(rule, windows, steps=10):
    for seconds in windows:
        if rule.ended_by is None:
            rule.add(steps, seconds)
    return rule.ended_by


def test_sampling_ends_when_the_interval_is_narrow():
    assert sampled(Narrow(budget_seconds=100), [1.0, 1.001, 0.999, 1.0, 1.0]) == "precise"


def test_sampling_is_not_called_precise_before_five_windows():
    assert sampled(Narrow(budget_seconds=100), [1.0, 1.0, 1.0, 1.0]) is None


def test_wide_windows_end_by_the_budget_and_not_as_precise():
    assert sampled(Narrow(budget_seconds=5), [0.5, 1.5] * 5) == "budget"


def test_a_single_window_longer_than_the_budget_ends_it():
    assert sampled(Narrow(budget_seconds=1), [7.0]) == "budget"


def test_steps_run_out():
    assert sampled(Narrow(budget_seconds=1e9, most_steps=30), [0.5, 1.5, 1.0, 2.0]) == "steps"


def test_nothing_measured_is_not_an_end():
    assert Narrow(budget_seconds=1).ended_by is None
