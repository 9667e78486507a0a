"""When a change, or that there is none, is proven."""

import pytest

from bench.judge.effects import flip_p, hodges_lehmann
from bench.judge.proofs import ALPHA, LOOKS, changed, looks, suspicion, unchanged


def test_a_large_effect_of_a_few_pairs_is_no_suspicion():
    assert suspicion([0.5] * 3, 0.01) == 0
    assert [suspicion([sign * 0.5] * 4, 0.01) for sign in (1, -1)] == [1, -1]


def test_an_effect_below_the_minimum_is_no_suspicion():
    assert suspicion([0.0099] * 6, 0.01) == 0
    assert suspicion([0.01] * 6, 0.01) == 1


def test_one_spoiled_pair_hides_no_suspicion():
    assert suspicion([0.02, 0.021, 0.019, 0.022, 0.018, -0.5], 0.005) == 1


def test_a_change_below_the_minimum_is_none_however_certain():
    assert not changed([0.005] * 13, 0.01, 1, 2**-13)
    assert changed([0.005] * 13, 0.004, 1, 2**-13)


def test_a_change_needs_a_small_p_value():
    assert changed([0.05] * 13, 0.01, 1, ALPHA)
    assert not changed([0.05] * 13, 0.01, 1, ALPHA * 1.01)


def test_a_change_has_the_sign_that_was_asked_for():
    assert changed([-0.05] * 13, 0.01, -1, 2**-13)
    assert not changed([-0.05] * 13, 0.01, 1, 2**-13)


def test_a_change_whose_interval_holds_none_is_not_proven():
    effects = [0.02] * 14 + [-0.5] * 2

    assert 2 * flip_p(effects) <= ALPHA
    assert hodges_lehmann(effects) == pytest.approx(0.02)
    assert not changed(effects, 0.01, 1, 2 * flip_p(effects))


def test_unchanged_is_proven_by_the_whole_interval():
    assert unchanged([0.01, -0.01] * 3, 0.03)
    assert not unchanged([0.01, -0.01] * 3, 0.01)
    assert not unchanged([0.028 + one for one in (0.002, -0.002) * 3], 0.03)


def test_no_margin_is_wide_enough_for_three_pairs_and_none_is_proven_within_nothing():
    assert not unchanged([0.0] * 3, 0.5)
    assert not unchanged([0.0] * 6, 0.0)


def test_five_looks_are_stricter_than_one():
    effects = [0.014, -0.014] * 2

    assert unchanged(effects, 0.03)
    assert not looks(effects, 0.01, 0.03, family=1).unchanged


def test_what_looks_like_a_change_gets_all_pairs_before_it_is_called_none():
    almost = [0.010, 0.010, -0.006] * 6  # within the margin at every look, and never proven to be a change

    assert looks(almost, 0.0015, 0.03, family=1).pairs == LOOKS[-1]
    assert looks(almost, 0.0015, 0.03, family=1).unchanged
    assert looks(almost, 0.01, 0.03, family=1).pairs < LOOKS[-1]


def test_pairs_without_the_metric_are_looked_at_and_prove_nothing():
    look = looks([None] * 16, 0.01, 0.03, family=1)

    assert (look.pairs, look.unchanged, look.change, look.p, look.settled) == (16, False, 0, None, True)
