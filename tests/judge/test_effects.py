"""What pairs say together."""

import itertools
import math
import random

import pytest

from bench.judge.effects import (
    effect,
    flip_p,
    hodges_lehmann,
    holm,
    interval,
    level,
    pairs_to_confirm,
    smallest,
)

NORMAL = [0.021, 0.034, 0.018, 0.042, 0.027, 0.030, 0.025, 0.038, 0.022, 0.031, 0.029, 0.026, 0.035]


def test_the_effect_is_the_log_of_head_over_base(pair):
    assert effect(pair(head=(0.42,) * 8), "time") == pytest.approx(math.log(1.05))
    assert effect(pair(head=(0.42,) * 8), "throughput") == pytest.approx(-math.log(1.05))


def test_exchanging_the_arms_changes_only_the_sign(pair):
    base, head = (0.4, 0.41, 0.39, 0.5), (0.42, 0.40, 0.44, 0.41)

    assert effect(pair(base=base, head=head), "time") == pytest.approx(-effect(pair(base=head, head=base), "time"))


def test_drift_that_both_arms_share_is_no_effect(pair):
    drift = [0.4 * 1.1**number for number in range(8)]

    assert effect(pair(base=drift, head=drift), "time") == 0


def test_two_disturbed_rounds_of_eight_do_not_move_a_pair(pair):
    assert effect(pair(head=(0.4,) * 6 + (4.0, 4.0)), "time") == 0


def test_rounds_with_one_arm_missing_do_not_count(pair):
    uneven = pair(base=(0.4, None, 0.4, 0.4, 0.4), head=(0.44, 9.0, 0.44, 0.44))

    assert effect(uneven, "time") == pytest.approx(math.log(1.1))


def test_neighbours_are_compared_and_no_others(pair):
    drift = [0.4 * 1.5**number for number in range(8)]
    base = [None if number == 1 else seconds for number, seconds in enumerate(drift)]

    assert effect(pair(base=base, head=[1.1 * seconds for seconds in drift]), "time") == pytest.approx(math.log(1.1))


def test_a_pair_of_two_rounds_has_no_effect(pair):
    assert effect(pair(base=(0.4,) * 8, head=(0.44, 0.44)), "time") is None
    assert effect(pair(base=(0.4,) * 8, head=(0.44, 0.44, 0.44)), "time") is not None


def test_a_round_that_an_arm_has_twice_tells_nothing(pair):
    first, second = pair(base=(0.4,) * 3, head=(0.44,) * 3), pair(base=(0.4,) * 3, head=(0.8,) * 3)

    assert effect(type(first)(**{**vars(first), "chunks": first.chunks + second.chunks}), "time") is None


@pytest.mark.parametrize("impossible", [0.0, -0.4, math.nan, math.inf])
def test_a_chunk_that_cannot_be_is_left_out(pair, impossible):
    assert effect(pair(head=(0.44, 0.44, 0.44, impossible)), "time") == pytest.approx(math.log(1.1))
    assert effect(pair(head=(0.44, 0.44, impossible, impossible)), "time") is None


def test_arms_whose_chunks_have_different_numbers_of_steps_are_compared_by_the_step(pair):
    short, long = pair(base=(0.4,) * 8, head=()), pair(base=(), head=(0.8,) * 8, steps=8)

    assert effect(type(short)(**{**vars(short), "chunks": short.chunks + long.chunks}), "time") == 0


def test_energy_is_joules_per_item_and_absent_where_one_arm_has_none(pair):
    assert effect(pair(energy={"base": 2.0, "head": 2.2}), "energy") == pytest.approx(math.log(1.1))
    assert effect(pair(energy={"base": 2.0}), "energy") is None
    assert effect(pair(), "energy") is None


def test_levels_have_the_units_of_their_metrics(pair):
    made = pair(base=(0.4,) * 8, steps=4, energy={"base": 3.0})

    assert level(made, "base", "time") == pytest.approx(0.1)  # s a step
    assert level(made, "base", "throughput") == pytest.approx(20)  # 8 sequences in 0.4 s
    assert level(made, "base", "energy") == 3.0
    assert level(pair(head=()), "head", "time") is None


def test_hodges_and_lehmann_by_hand():
    # 1 2 9 give the means 1 1.5 5 2 5.5 9
    assert hodges_lehmann([1, 2, 9]) == 3.5
    assert hodges_lehmann([0.01, 0.012, 0.008, 0.011, 0.009, 5.0]) < 0.013


def test_flips_are_counted_exactly():
    lot = random.Random(1)
    for count in range(1, 11):
        effects = [lot.gauss(0.5, 1) for _ in range(count)]
        most = sorted(map(abs, effects))
        most = (most[(count - 1) // 2] + most[count // 2]) / 2
        sizes = [round(min(abs(one) / most, 1) * 1000) for one in effects]
        seen = sum(math.copysign(size, one) for size, one in zip(sizes, effects, strict=True))
        flips = itertools.product((1, -1), repeat=count)
        extreme = sum(sum(sign * size for sign, size in zip(flip, sizes, strict=True)) >= seen for flip in flips)

        assert flip_p(effects) == extreme / 2**count


def test_a_single_flip_p_is_never_below_one_in_two_to_the_number_of_pairs():
    for count in (1, 2, 6, 13, 64):
        assert flip_p([0.5 + number / 1000 for number in range(count)]) >= 2**-count
        assert flip_p([0.05] * count) == 2**-count


def test_where_base_and_head_are_equal_the_p_value_is_as_often_small_as_it_says():
    lot = random.Random(2)
    found = [flip_p([lot.gauss(0, 1) * lot.choice((1, 1, 10)) for _ in range(8)]) for _ in range(4000)]

    for limit in (0.01, 0.05, 0.2):
        share = sum(p <= limit for p in found) / len(found)
        assert share <= limit + 3 * math.sqrt(limit / len(found))


def test_one_pair_far_off_the_other_way_does_not_hide_a_change():
    assert flip_p([*NORMAL[:-1], -5.0]) <= 0.005 < flip_p([*NORMAL[:-3], -5.0, -5.0, -5.0])


def test_one_pair_far_off_makes_no_change():
    assert flip_p([5.0] + [0.001, -0.001] * 6) > 0.2


def test_equal_arms_to_the_last_bit_are_no_evidence():
    assert flip_p([0.0] * 13) == 1
    assert flip_p([0.0] * 7 + [0.1] * 6) == 1


@pytest.mark.parametrize("effects", [[], [0.01, math.nan], [math.inf]])
def test_flips_of_what_is_no_number_are_refused(effects):
    with pytest.raises(ValueError, match="finite effects"):
        flip_p(effects)


def test_holm_by_hand():
    # sorted .005 .01 .03 .04, times 4 3 2 1, and never falling
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.6]) == [1.0, 1.0]
    assert holm([0.004]) == [0.004]
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -0.1, 1.1])
def test_holm_refuses_what_is_no_probability(wrong):
    with pytest.raises(ValueError, match="probabilities"):
        holm([0.001, wrong, 0.02])


def test_the_interval_of_few_pairs_is_students_t():
    found = interval([0.01, 0.02, 0.03])

    assert (found.low + found.high) / 2 == pytest.approx(0.02)
    assert found.high - 0.02 == pytest.approx(4.303 * 0.01 / math.sqrt(3), rel=1e-3)


def test_from_ten_pairs_on_a_spoiled_one_does_not_blind_the_interval():
    nine, ten = interval([*NORMAL[:8], -2.0]), interval([*NORMAL[:9], -2.0])

    assert nine.low < -0.5
    assert ten.low > 0


def test_the_interval_holds_the_truth_as_often_as_it_says():
    lot = random.Random(3)
    for count in (6, 12, 16):
        found = [interval([lot.gauss(0.02, 0.01) for _ in range(count)]) for _ in range(2000)]
        held = sum(one.low < 0.02 < one.high for one in found) / len(found)

        assert abs(held - 0.95) < 3 * math.sqrt(0.05 * 0.95 / len(found))


def test_one_pair_has_no_interval_and_no_smallest_effect():
    assert interval([0.01]) is None
    assert smallest([0.01], 0.01, 0.005, 13) is None


def test_the_smallest_effect_is_found_nine_times_of_ten():
    lot = random.Random(4)
    effects = [lot.gauss(0, 0.015) for _ in range(4000)]
    least = math.log1p(smallest(effects, 0.01, 0.005, 13))
    found = 0
    for _ in range(2000):
        pairs = [lot.gauss(least, 0.015) for _ in range(13)]
        found += flip_p(pairs) <= 0.005 and hodges_lehmann(pairs) >= math.log(1.01)

    assert found / 2000 == pytest.approx(0.90, abs=0.03)


def test_noise_is_not_the_only_limit_of_what_is_found():
    assert smallest([1e-9, -1e-9] * 6, 0.01, 0.005, 13) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("family", [1, 2, 6, 50])
def test_a_confirmation_has_room_for_one_spoiled_pair(family):
    count = pairs_to_confirm(family, 0.005)

    assert flip_p([0.03] * (count - 1) + [-9.0]) * family <= 0.005
    assert pairs_to_confirm(1, 0.005) == 13
