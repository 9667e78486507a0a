"""The paired gate: what is measured next, and what the pairs say."""

import math
import random

import pytest

from bench.gating import Gating
from bench.judge.paired import detectable, judge, needs
from bench.record import Reading

TIME = Gating(metrics=("time",))
LOOKED_AT = Gating(metrics=("time",), sequential=True)


@pytest.fixture
def name(case):
    return case().id


@pytest.fixture
def noisy(pair):
    """Makes a measurement for `gate` of equal arms that scatter."""

    def make(spread, seed):
        lot = random.Random(seed)
        return lambda name, stage, index: pair(
            head=(0.4 * math.exp(lot.gauss(0, spread)),) * 8, stage=stage, index=index
        )

    return make


def only(findings):
    assert len(findings) == 1
    return findings[0]


def test_every_case_is_screened_first(case):
    other = case("toys:Other")

    assert needs({}, {case().id: TIME, other.id: Gating(metrics=("time",), pairs=4)}) == {
        case().id: ("screen", 6),
        other.id: ("screen", 4),
    }


def test_what_is_counted_and_not_timed_needs_no_pairs(name):
    assert needs({}, {name: Gating(metrics=("memory",))}) == {}
    assert judge({}, {name: Gating(metrics=("memory",))}) == []


def test_equal_arms_are_proven_unchanged_by_the_screening_alone(gate, steady, name):
    findings, pairs = gate({name: TIME}, steady(0.0))

    assert only(findings).verdict == "unchanged"
    assert [pair.stage for pair in pairs[name]] == ["screen"] * 6
    assert (only(findings).pairs, only(findings).dropped, only(findings).p) == (6, 0, None)


@pytest.mark.parametrize(("effect", "verdict"), [(0.05, "regressed"), (-0.05, "improved")])
def test_what_is_suspected_is_confirmed_on_fresh_pairs(gate, steady, name, effect, verdict):
    findings, pairs = gate({name: TIME}, steady(effect))
    found = only(findings)

    assert found.verdict == verdict
    assert [pair.stage for pair in pairs[name]] == ["screen"] * 6 + ["confirm"] * 13
    assert found.effect == pytest.approx(effect)
    assert (found.pairs, found.p) == (13, 2**-13)
    assert (found.base, found.unit) == (pytest.approx(0.1), "s")
    assert found.head == pytest.approx(0.1 * (1 + effect))
    assert {dot.stage for dot in found.dots} == {"screen", "confirm"}
    assert len(found.dots) == 19


def test_a_throughput_that_falls_is_a_regression(gate, steady, name):
    found = only(gate({name: Gating(metrics=("throughput",))}, steady(0.05))[0])

    assert (found.verdict, found.metric, found.unit) == ("regressed", "throughput", "sequence/s")
    assert found.effect == pytest.approx(1 / 1.05 - 1)


def test_more_energy_is_a_regression_though_the_time_is_unchanged(gate, steady, name):
    gating = Gating(metrics=("time", "energy"))
    time, energy = gate({name: gating}, steady(0.0, energy={"base": 2.0, "head": 2.2}))[0]

    assert (time.verdict, energy.verdict) == ("unchanged", "regressed")
    assert (energy.metric, energy.unit, energy.base) == ("energy.item", "J/sequence", 2.0)


def test_the_confirmation_counts_fresh_pairs_only(pairs_of, name):
    pairs = pairs_of([0.2] * 6) + pairs_of([0.0] * 13, stage="confirm", index=6)
    found = only(judge({name: pairs}, {name: TIME}))

    assert (found.verdict, found.effect, found.pairs) == ("unchanged", 0, 13)
    assert found.reasons == ("6 pairs looked like +20.0 %, 13 fresh ones did not confirm it",)


def test_the_more_cases_are_suspected_the_more_pairs_confirm(case, pairs_of):
    names = [case(f"toys:Case{number}").id for number in range(6)]
    pairs = {name: pairs_of([0.05] * 6, case=f"toys:Case{number}") for number, name in enumerate(names)}

    assert set(needs(pairs, dict.fromkeys(names, TIME)).values()) == {("confirm", 16)}
    assert needs({names[0]: pairs[names[0]]}, {names[0]: TIME}) == {names[0]: ("confirm", 13)}


def test_no_case_is_confirmed_before_the_last_one_is_screened(case, pairs_of):
    slow, other = case("toys:Slow").id, case("toys:Other").id
    pairs = {slow: pairs_of([0.05] * 6, case="toys:Slow"), other: pairs_of([0.0] * 5, case="toys:Other")}
    gatings = {slow: TIME, other: TIME}

    assert needs(pairs, gatings) == {other: ("screen", 1)}
    assert [finding.verdict for finding in judge(pairs, gatings)] == ["inconclusive", "inconclusive"]
    assert "not finished: other cases were still to be measured" in judge(pairs, gatings)[0].reasons
    assert "not finished: 1 more pair was to be measured" in judge(pairs, gatings)[1].reasons


def test_what_is_suspected_by_two_metrics_is_one_family(gate, steady, name):
    time, throughput = gate({name: Gating(metrics=("time", "throughput"))}, steady(0.05))[0]

    assert (time.verdict, throughput.verdict) == ("regressed", "regressed")
    assert (time.p, time.pairs) == (2 * 2**-14, 14)


def test_what_is_neither_proven_nor_suspected_gets_as_many_pairs_again(name, pairs_of):
    noisy = [0.03, -0.03, 0.04, -0.04, 0.02, -0.02]
    pairs = {name: pairs_of(noisy)}

    assert needs(pairs, {name: TIME}) == {name: ("extend", 6)}

    pairs[name] += pairs_of([0.001] * 6, stage="extend", index=6)
    found = only(judge(pairs, {name: TIME}))

    assert needs(pairs, {name: TIME}) == {}
    assert (found.verdict, found.pairs) == ("unchanged", 12)


def test_a_margin_of_nothing_is_never_proven_and_costs_no_pairs(gate, steady, name):
    findings, pairs = gate({name: Gating(metrics=("time",), margin={"time": 0.0})}, steady(0.001))

    assert (only(findings).verdict, len(pairs[name])) == ("inconclusive", 6)


def test_silence_says_how_much_it_could_have_missed(gate, noisy, name):
    found = only(gate({name: TIME}, noisy(0.1, 1))[0])

    assert found.verdict == "inconclusive"
    assert f"could have missed up to {found.high * 100:+.1f} %" in found.reasons
    assert found.low < 0 < found.high
    assert found.smallest > found.margin


def test_the_smallest_change_that_is_found_shrinks_with_the_noise():
    lot = random.Random(2)
    effects = [lot.gauss(0, 1) for _ in range(50)]
    at = [detectable([one * spread for one in effects], TIME) for spread in (0.001, 0.01, 0.03)]

    assert at == sorted(at)
    assert at[0] == pytest.approx(0.0105, abs=1e-3)
    assert 0.012 < at[1] < 0.03 < at[2]
    assert detectable([0.01], TIME) is None
    assert detectable(effects, LOOKED_AT) < detectable(effects, TIME)


def test_sequential_cases_stop_as_soon_as_they_are_proven_unchanged(gate, steady, name):
    findings, pairs = gate({name: LOOKED_AT}, steady(0.0))

    assert (only(findings).verdict, len(pairs[name])) == ("unchanged", 4)


@pytest.mark.parametrize(("effect", "verdict"), [(0.05, "regressed"), (-0.05, "improved")])
def test_sequential_cases_find_changes_after_twelve_pairs(gate, steady, name, effect, verdict):
    findings, pairs = gate({name: LOOKED_AT}, steady(effect))

    assert (only(findings).verdict, only(findings).p, len(pairs[name])) == (verdict, 2 * 2**-12, 12)
    assert {pair.stage for pair in pairs[name]} == {"sequential"}


def test_each_metric_of_a_sequential_case_rests_on_the_pairs_that_settled_it(gate, steady, name):
    gating = Gating(metrics=("time", "energy"), sequential=True)
    time, energy = gate({name: gating}, steady(0.0, energy={"base": 2.0, "head": 2.2}))[0]

    assert (time.verdict, time.pairs) == ("unchanged", 4)
    assert (energy.verdict, energy.pairs) == ("regressed", 12)


def test_sequential_cases_share_their_risk(case, gate, pair):
    cases = {made.id: made for made in (case(f"toys:Case{number}") for number in range(3))}

    def measure(name, stage, index):
        return pair(cases[name], head=(0.42,) * 8, stage=stage, index=index)

    assert {finding.p for finding in gate(dict.fromkeys(cases, LOOKED_AT), measure)[0]} == {3 * 2 * 2**-12}


def test_sequential_cases_end_without_a_verdict(gate, noisy, name):
    findings, pairs = gate({name: LOOKED_AT}, noisy(0.2, 3))

    assert (only(findings).verdict, len(pairs[name])) == ("inconclusive", 16)


def test_pairs_beyond_the_plan_are_not_used(pairs_of, name):
    pairs = pairs_of([0.0] * 6) + pairs_of([0.5] * 20, index=6)
    mixed = random.Random(5).sample(pairs, len(pairs))

    for read in (pairs, mixed):
        assert needs({name: read}, {name: TIME}) == {}
        assert (only(judge({name: read}, {name: TIME})).pairs, only(judge({name: read}, {name: TIME})).effect) == (6, 0)


def test_the_order_in_which_pairs_are_read_means_nothing(pairs_of, name):
    pairs = pairs_of([0.02, 0.01, -0.01, 0.04, 0.03, 0.02]) + pairs_of([0.03] * 13, stage="confirm", index=6)
    mixed = random.Random(4).sample(pairs, len(pairs))

    assert judge({name: mixed}, {name: TIME}) == judge({name: pairs}, {name: TIME})


def test_a_gate_that_was_cut_off_goes_on_where_it_was(gate, name, pair):
    def measure(_, stage, index):
        return pair(head=(0.4 * (1.03 + 0.002 * (index % 5)),) * 8, stage=stage, index=index)

    findings, pairs = gate({name: TIME}, measure)
    for count in range(len(pairs[name])):
        known = {name: pairs[name][:count]}
        while needed := needs(known, {name: TIME}):
            known[name].append(measure(name, needed[name][0], len(known[name])))

        assert known == pairs
        assert judge(known, {name: TIME}) == findings


def test_what_comes_next_is_known_from_earlier_stages_alone(pairs_of, name):
    screen = pairs_of([0.03] * 6)
    for effects in ([0.5] * 5, [-0.5] * 5, [0.0] * 5):
        pairs = screen + pairs_of(effects, stage="confirm", index=6)

        assert needs({name: pairs}, {name: TIME}) == {name: ("confirm", 8)}
        assert only(judge({name: pairs}, {name: TIME})).verdict == "inconclusive"


def test_half_a_confirmation_is_none(pairs_of, name):
    pairs = pairs_of([0.03] * 6) + pairs_of([0.0] * 12, stage="confirm", index=6)
    found = only(judge({name: pairs}, {name: TIME}))

    assert (found.verdict, found.p) == ("inconclusive", None)
    assert "not finished: 1 more pair was to be measured" in found.reasons


def test_what_was_not_confirmed_to_its_end_still_counts_in_the_family(case, pairs_of):
    done, cut = case("toys:Done").id, case("toys:Cut").id
    effects = [0.05] * 13 + [-0.05]
    pairs = {
        done: pairs_of([0.05] * 6, "toys:Done") + pairs_of(effects, "toys:Done", stage="confirm", index=6),
        cut: pairs_of([0.05] * 6, "toys:Cut") + pairs_of([0.05] * 13, "toys:Cut", stage="confirm", index=6),
    }
    found = judge(pairs, {done: TIME, cut: TIME})

    assert [finding.verdict for finding in found] == ["regressed", "inconclusive"]
    assert found[0].p == 2 * 15 / 2**14


def test_spoiled_pairs_are_replaced_within_the_budget(gate, pair, name):
    def measure(_, stage, index):
        return pair(stage=stage, index=index, covariates={"foreign_share": 0.34 if index < 3 else 0.0})

    findings, pairs = gate({name: TIME}, measure)
    found = only(findings)

    assert (found.verdict, found.pairs, found.dropped, len(pairs[name])) == ("unchanged", 6, 3, 9)
    assert found.reasons == ("3 of 9 pairs dropped: other processes took 34 % of the CPUs",)
    assert [dot.status for dot in found.dots] == ["contaminated"] * 3 + ["ok"] * 6


@pytest.mark.parametrize("gating", [TIME, LOOKED_AT])
def test_a_machine_that_is_never_quiet_ends_the_gate_without_a_verdict(gate, steady, name, gating):
    findings, pairs = gate({name: gating}, steady(0.05, covariates={"foreign_share": 0.34}))
    found = only(findings)

    assert found.verdict == "inconclusive"
    assert (found.pairs, found.dropped, found.effect) == (0, len(pairs[name]), None)
    assert found.reasons[0] == "0 good pairs, 4 are needed"


def test_a_pair_at_another_clock_than_the_others_is_replaced(gate, pair, name):
    def measure(_, stage, index):
        clock = {"clock.sm": 1.5e9 if index == 2 else 1.98e9}
        return pair(stage=stage, index=index, chunk_covariates={"base": clock, "head": clock})

    findings, pairs = gate({name: TIME}, measure)

    assert (only(findings).dropped, len(pairs[name])) == (1, 7)


def test_a_failed_pair_is_tried_once_more(pair, pairs_of, name):
    failed = pair(status="crashed", reason="head: signal 11", failed=("head",), base=(), head=(), index=0)

    assert needs({name: [failed]}, {name: TIME}) == {name: ("screen", 6)}
    assert needs({name: [failed, failed]}, {name: TIME}) == {}

    found = only(judge({name: [failed, *pairs_of([0.0] * 6, index=1)]}, {name: TIME}))

    assert (found.verdict, found.reasons) == ("unchanged", ("1 of 7 pairs failed: head: signal 11",))


def fails(pair, arms, count=2):
    return [
        pair(status="oom", reason=f"{arms[-1]}: no room", failed=arms, base=(), head=(), index=number)
        for number in range(count)
    ]


def test_a_head_that_fails_where_base_runs_is_a_regression_with_its_cause(pair, name):
    found = only(judge({name: fails(pair, ("head",))}, {name: TIME}))

    assert (found.verdict, found.effect, found.pairs) == ("regressed", None, 0)
    assert found.reasons == ("head did not run in 2 of 2 pairs (oom): head: no room; base in none",)


def test_a_head_that_begins_to_fail_is_a_regression_though_some_pairs_ran(pair, pairs_of, name):
    found = only(judge({name: pairs_of([0.0] * 3, index=5) + fails(pair, ("head",))}, {name: TIME}))

    assert found.verdict == "regressed"
    assert found.reasons[0].startswith("head did not run in 2 of 5 pairs (oom)")


@pytest.mark.parametrize("arms", [("base",), ("base", "head")])
def test_a_base_that_fails_leaves_nothing_to_compare(pair, name, arms):
    assert only(judge({name: fails(pair, arms)}, {name: TIME})).verdict == "incomparable"


def test_a_head_that_failed_once_proves_nothing(pair, name):
    assert only(judge({name: fails(pair, ("head",), 1)}, {name: TIME})).verdict == "inconclusive"


def test_pairs_that_are_too_short_are_as_good_as_none(pair, name):
    short = [pair(base=(0.4,) * 2, head=(0.8,) * 2, index=number) for number in range(2)]
    found = only(judge({name: short}, {name: TIME}))

    assert (found.verdict, found.reasons) == ("inconclusive", ("2 of 2 pairs have fewer than 3 rounds of both arms",))


def test_an_interrupted_pair_is_as_if_it_had_not_been(pair, name):
    interrupted = pair(status="interrupted", reason="Ctrl-C", base=(), head=())

    assert needs({name: [interrupted] * 5}, {name: TIME}) == {name: ("screen", 6)}
    assert only(judge({name: [interrupted]}, {name: TIME})).verdict == "inconclusive"


def test_energy_that_was_not_measured_is_no_verdict_and_costs_no_pairs(gate, steady, name):
    findings, pairs = gate({name: Gating(metrics=("energy",))}, steady(0.0))

    assert (only(findings).verdict, only(findings).effect, len(pairs[name])) == ("inconclusive", None, 6)
    assert only(findings).reasons == ("energy was not measured: no meter was asked",)


def test_joules_of_different_things_are_not_compared(pair, name):
    made = pair(energy={"base": 2.0, "head": 2.0})
    apart = {**made.energy, "head": Reading(2.0, "fake counter", scope="module")}
    pairs = [type(made)(**{**vars(made), "energy": apart, "index": number}) for number in range(6)]
    found = only(judge({name: pairs}, {name: Gating(metrics=("energy",))}))

    assert found.verdict == "incomparable"
    assert found.reasons == ("the scope of energy is GPU in base and module in head",)


def test_a_case_that_this_machine_cannot_see_is_shown_and_not_gated(gate, steady, name):
    assert only(gate({name: TIME}, steady(0.05), {name: 0.02})[0]).gateable

    found = only(gate({name: TIME}, steady(0.05), {name: 0.042})[0])

    assert not found.gateable
    assert found.reasons == ("only changes from 4.2 % on can be seen here, and the margin is 3.0 %",)


def test_a_calibration_of_the_time_says_nothing_of_energy(gate, steady, name):
    measure = steady(0.0, energy={"base": 2.0, "head": 2.0})
    time, energy = gate({name: Gating(metrics=("time", "energy"))}, measure, {name: 0.2})[0]

    assert (time.gateable, energy.gateable) == (False, True)


def test_a_head_that_fails_is_red_on_any_machine(pair, name):
    assert only(judge({name: fails(pair, ("head",))}, {name: TIME}, {name: 0.5})).gateable


def test_a_case_without_a_pair_or_a_description_is_refused(case, name):
    with pytest.raises(ValueError, match=name):
        judge({}, {name: TIME})

    assert only(judge({}, {name: TIME}, cases=[case()])).verdict == "incomparable"


def test_pairs_of_a_case_that_is_not_gated_are_not_passed_over(pairs_of, name):
    with pytest.raises(ValueError, match="not gated"):
        needs({name: pairs_of([0.0])}, {})


def test_what_a_case_cost_is_the_time_of_all_of_its_pairs(gate, steady, name):
    assert only(gate({name: TIME}, steady(0.0, seconds=2.5))[0]).seconds == 15
    assert only(gate({name: TIME}, steady(0.0))[0]).seconds is None
