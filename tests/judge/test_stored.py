"""Two stores of records: what may be suspected, what is exact, and what must not be compared."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from stored_records import COUNTERS, ENVIRONMENT, GPU_CASE, GPU_ENVIRONMENT, JOULES, altered, record

from bench.case import Case
from bench.gating import Gating
from bench.judge.finding import Finding, Judgement
from bench.judge.keys import COUNTED
from bench.judge.stored import RUNS, judge
from bench.record import Reading, Record

TIME = Gating(metrics=("time",))
ENERGY = Gating(metrics=("energy",))
STEADY = (0.100, 0.101, 0.099)


def findings(base: Sequence[Record], head: Sequence[Record], gating: Gating = TIME) -> list[Finding]:
    return judge(base, head, lambda case: gating)[0]


def notes(base: Sequence[Record], head: Sequence[Record]) -> tuple[str, ...]:
    return judge(base, head, lambda case: TIME)[1]


def only(base: Record | None, head: Record | None, gating: Gating = TIME) -> Finding:
    """The finding on the first gated metric of one case, which comes before the counters."""
    return findings([base] if base else [], [head] if head else [], gating)[0]


def scaled(*seconds: float, by: float) -> tuple[float, ...]:
    return tuple(by * one for one in seconds)


def code(found: Sequence[Finding]) -> int:
    return Judgement("i", "s", "c", "stored", {}, {}, tuple(found)).exit_code


def test_a_step_that_takes_a_fifth_longer_is_suspect_and_no_more():
    finding = only(record(*STEADY), record(*scaled(*STEADY, by=1.2)))

    assert (finding.verdict, finding.metric, finding.unit) == ("suspect", "time.step", "s")
    assert finding.effect == pytest.approx(0.2)
    assert finding.low is not None
    assert 0 < finding.low < 0.2 < (finding.high or 0)
    assert RUNS in finding.reasons
    assert code([finding]) == 3


def test_a_faster_one_is_suspect_too_and_its_effect_says_which_way():
    finding = only(record(*STEADY), record(*scaled(*STEADY, by=0.8)))

    assert finding.verdict == "suspect"
    assert finding.effect == pytest.approx(-0.2)


def test_of_throughput_less_is_worse_and_the_effect_is_heads_over_bases():
    finding = only(record(*STEADY), record(*scaled(*STEADY, by=1.25)), Gating(metrics=("throughput",)))

    assert (finding.verdict, finding.unit) == ("suspect", "image/s")
    assert finding.effect == pytest.approx(-0.2)


@pytest.mark.parametrize("change", [1.0, 1.004, 0.97, 2.0, 50.0])
@pytest.mark.parametrize("replicates", [1, 2, 3, 9])
def test_time_between_stored_runs_is_never_proven_to_have_changed_or_not(change: float, replicates: int):
    drawn = random.Random(replicates)
    base = [0.1 * drawn.uniform(0.999, 1.001) for _ in range(replicates)]

    finding = only(record(*base), record(*scaled(*base, by=change)))

    assert finding.verdict in ("suspect", "inconclusive")
    assert RUNS in finding.reasons


def test_an_interval_that_holds_no_change_tells_nothing_but_what_would_have_been_seen():
    finding = only(record(0.10, 0.11, 0.09), record(0.101, 0.111, 0.092))

    assert (finding.verdict, finding.reasons[0]) == ("inconclusive", "The interval holds no change.")
    # By hand: s = 0.1004 and 0.0939 on the logs of three a side; 6.80 standard errors (2 degrees of freedom).
    assert finding.smallest == pytest.approx(math.expm1(6.80 * 0.07937), abs=0.002)


def test_the_smallest_effect_is_never_below_the_smallest_that_counts():
    finding = only(record(0.1, 0.1, 0.1), record(0.1, 0.1, 0.1), replace(TIME, minimum=0.02))

    assert (finding.verdict, finding.effect, finding.smallest) == ("inconclusive", 0.0, 0.02)


def test_replicates_that_scatter_wildly_are_said_to_show_nothing_instead_of_an_absurd_share():
    finding = only(record(0.1, 0.9), record(0.2, 0.7))

    assert (finding.verdict, finding.smallest) == ("inconclusive", None)
    assert any("doubling" in reason for reason in finding.reasons)
    assert not any("doubling" in reason for reason in only(record(*STEADY), record(*STEADY)).reasons)


def test_a_change_below_the_minimum_is_not_suspected_however_sure_it_is():
    base, head = record(0.1, 0.1, 0.1), record(0.1005, 0.1005, 0.1005)

    assert only(base, head).verdict == "inconclusive"
    assert "1 %" in only(base, head).reasons[0]
    assert only(base, head, replace(TIME, minimum=0.004)).verdict == "suspect"


def test_constant_times_divide_nothing_by_zero_and_a_constant_change_is_seen():
    assert only(record(0.1, 0.1), record(0.1, 0.1)).verdict == "inconclusive"
    assert only(record(0.1, 0.1), record(0.2, 0.2)).verdict == "suspect"


@pytest.mark.parametrize(("base", "head"), [(STEADY, (0.2,)), ((0.1,), (0.2, 0.2, 0.2)), ((0.1,), (0.2,))])
def test_one_replicate_on_a_side_carries_no_suspicion(base: tuple[float, ...], head: tuple[float, ...]):
    finding = only(record(*base), record(*head))

    assert (finding.verdict, finding.low, finding.smallest) == ("inconclusive", None, None)
    assert finding.reasons[0] == "Two replicates a side are needed for an interval."
    assert finding.effect == pytest.approx(1.0)


def test_every_process_is_shown_on_its_side():
    dots = only(record(0.1, 0.2), record(0.3)).dots

    assert [(dot.base, dot.head) for dot in dots] == [
        (pytest.approx(0.1), None), (pytest.approx(0.2), None), (None, pytest.approx(0.3)),
    ]  # fmt: skip


@pytest.mark.parametrize("missing", ["base", "head"])
def test_a_case_that_one_side_lacks_is_not_green(missing: str):
    both = [record(*STEADY), record(*STEADY, case=Case("toys:Mlp", "cpu", "fp32", 8))]
    base, head = (both[:1], both) if missing == "base" else (both, both[:1])

    found = [finding for finding in findings(base, head, Gating(metrics=("memory",))) if finding.case.batch_size == 8]

    assert [finding.verdict for finding in found] == ["incomparable"]
    assert found[0].reasons == (f"The {missing} has no such case.",)
    assert code(found) == 3


def test_two_stores_without_a_common_case_pass_nothing():
    found = findings([record(0.1)], [record(0.1, case=Case("toys:Other", "cpu", "fp32", 4))])

    assert [finding.verdict for finding in found] == ["incomparable", "incomparable"]


def test_a_stale_environment_refuses_time_and_counters_and_names_every_field():
    stale = altered(altered(ENVIRONMENT, "torch.version", "2.12.0"), "torch.threads", 1)

    found = findings([record(*STEADY, environment=stale)], [record(*STEADY)], Gating())

    assert [finding.verdict for finding in found] == ["incomparable"]
    assert set(found[0].reasons) == {
        "Not comparable: torch.version (2.12.0 before, 2.13.0 now).",
        "Not comparable: torch.threads (1 before, 2 now).",
    }
    assert (found[0].effect, found[0].dots) == (None, ())


def test_a_record_without_an_environment_refuses():
    assert only(record(*STEADY, environment={}), record(*STEADY)).verdict == "incomparable"


def test_a_soft_difference_is_noted_once_for_all_cases_and_refuses_nothing():
    newer = altered(ENVIRONMENT, "libraries.transformers", "5.24.0")
    cases = [Case("toys:Mlp", "cpu", "fp32", batch) for batch in (4, 8)]
    base, head = ([record(*STEADY, case=case, environment=where) for case in cases] for where in (ENVIRONMENT, newer))

    assert {finding.verdict for finding in findings(base, head) if finding.metric == "time.step"} == {"inconclusive"}
    assert notes(base, head) == (
        "Differs in 2 cases, which may matter: libraries.transformers (5.23.0 before, 5.24.0 now).",
    )


def test_of_several_runs_the_newest_counts_whatever_the_order_and_it_is_said():
    old, new = record(0.2, 0.2, 0.2, number=1), record(*STEADY, number=2)
    head = record(*STEADY, number=3)

    for base in ([old, new], [new, old]):
        assert only(new, head).effect == findings(base, [head])[0].effect
        assert notes(base, [head]) == ("The base has several runs of 1 case; the newest counts.",)
    assert notes([new], [head]) == ()


def test_a_newest_run_that_failed_is_not_replaced_by_an_older_good_one():
    crashed = record(number=2, status="crashed", reason="died of signal 11")

    assert findings([record(0.1)], [record(0.1), crashed])[0].verdict == "regressed"


@pytest.mark.parametrize("status", ["oom", "timeout", "crashed", "failed", "unsupported"])
def test_a_case_that_ended_badly_only_now_is_a_regression_with_its_cause(status: Any):
    finding = only(record(*STEADY), record(status=status, reason="because of this"))

    assert (finding.verdict, finding.reasons) == ("regressed", (f"Head {status}: because of this.",))
    assert finding.base == pytest.approx(0.1)
    assert finding.head is None
    assert code([finding]) == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("interrupted", "1 of 3 replicates measured"),
        ("failed", "--exclusive: python (pid 4711) is on the GPU"),
        ("failed", "implausible: twice the peak"),
    ],
)
def test_what_the_machine_or_the_user_ended_is_no_regression_and_not_green(status: Any, reason: str):
    assert only(record(*STEADY), record(*STEADY, status=status, reason=reason)).verdict == "incomparable"


def test_a_case_that_ended_badly_elsewhere_is_incomparable_with_both_causes():
    elsewhere = altered(ENVIRONMENT, "cpu.model", "EPYC")

    finding = only(record(*STEADY), record(status="oom", reason="out of memory", environment=elsewhere))

    assert finding.verdict == "incomparable"
    assert finding.reasons == ("Not comparable: cpu.model (Xeon before, EPYC now).", "Head oom: out of memory.")


@pytest.mark.parametrize(("cpu", "verdict"), [("Xeon", "regressed"), ("EPYC", "incomparable")])
def test_what_another_cpu_emulates_is_no_regression_of_the_code_and_what_the_same_one_now_does_is(
    cpu: str, verdict: str
):
    emulated = {"status": "unsupported", "reason": "emulated: a product in bf16 takes 5 times as long as in fp32"}
    head = record(environment=altered(ENVIRONMENT, "cpu.model", cpu), **emulated)

    found, _ = judge([record(*STEADY)], [head], lambda case: TIME, COUNTED)

    assert [finding.verdict for finding in found] == [verdict]


def test_a_baseline_that_failed_has_nothing_to_compare_with():
    finding = only(record(status="failed", reason="boom"), record(*STEADY))

    assert (finding.verdict, finding.reasons) == ("incomparable", ("Base failed: boom.",))


@pytest.mark.parametrize("status", ["oom", "unsupported"])
def test_the_same_answer_on_both_sides_is_no_change_and_is_told(status: Any):
    both = [record(status=status, reason="as ever")]

    assert findings(both, both) == []
    assert notes(both, both) == (f"Not gated, since both sides end alike: {both[0].case} ({status}).",)
    assert code(findings(both, both)) == 3  # and nothing else was gated


def test_the_same_crash_on_both_sides_is_not_green():
    crashed = record(status="crashed", reason="died of signal 11")

    assert only(crashed, crashed).verdict == "incomparable"


def test_what_was_seen_beside_the_timing_is_told_with_it():
    busy = record(*STEADY)
    window = replace(busy.replicates[1].samples[0], covariates={"foreign_share": 0.4})
    replicates = (busy.replicates[0], replace(busy.replicates[1], samples=(window,)), busy.replicates[2])

    finding = only(replace(busy, replicates=replicates), record(*STEADY))

    assert any(reason.startswith("Base: other programs used up to 40%") for reason in finding.reasons)
    assert not any(reason.startswith("Head:") for reason in finding.reasons)


@pytest.mark.parametrize(("clock", "told"), [(1.41e9, True), (1.97e9, False)])
def test_a_clock_that_was_lower_is_named_beside_a_change(clock: float, told: bool):
    base, head = (
        replace(
            one, replicates=tuple(replace(r, readings={"clock.sm": Reading(hertz, "NVML")}) for r in one.replicates)
        )
        for one, hertz in ((record(*STEADY), 1.98e9), (record(*STEADY), clock))
    )

    assert ("The SM clock was 1980 MHz in the base and 1410 MHz in the head." in only(base, head).reasons) is told


def test_counters_are_exact_even_where_time_tells_nothing():
    more = {**COUNTERS, "operators": {"value": 13, "source": "torch dispatch", "histogram": {"aten::mm": 9}}}

    found = {one.metric: one for one in findings([record(*STEADY)], [record(*STEADY, counters=more)], Gating())}

    assert {name: one.verdict for name, one in found.items()} == {
        "time.step": "inconclusive", "operators": "regressed", "memory.peak": "unchanged",
    }  # fmt: skip
    assert code(list(found.values())) == 1


def test_where_only_memory_is_gated_and_is_equal_the_gate_passes():
    found = findings([record(*STEADY)], [record(*scaled(*STEADY, by=3))], Gating(metrics=("memory",)))

    assert {finding.verdict for finding in found} == {"unchanged"}
    assert code(found) == 0


def test_records_from_before_there_were_counters_are_not_green():
    found = findings([record(*STEADY, counters=None)], [record(*STEADY)], Gating(metrics=("memory",)))

    assert [(finding.verdict, finding.reasons) for finding in found] == [
        ("incomparable", ("Nothing was counted on base.",))
    ]


def with_energy(watts: float, *seconds: float, **reading: Any) -> Record:
    """A case that drew so much in each replicate."""
    joules = tuple(replace(JOULES, value=watts * 10 * one, **reading) for one in seconds)
    return record(*seconds, energy=joules, case=GPU_CASE, environment=GPU_ENVIRONMENT)


def test_energy_is_suspect_beyond_its_interval_and_both_errors():
    finding = only(with_energy(300, 0.1, 0.1, 0.1), with_energy(330, 0.1, 0.1, 0.1), ENERGY)

    assert (finding.verdict, finding.metric, finding.unit) == ("suspect", "energy.item", "J/image")
    # By hand: 1.1, off by 1 % either way on both sides; the replicates agree.
    assert (finding.low, finding.high) == pytest.approx((1.1 * 0.99 / 1.01 - 1, 1.1 * 1.01 / 0.99 - 1))
    assert "The interval holds the meters' errors of 1 % and 1 %." in finding.reasons


def test_energy_within_the_errors_of_its_meters_is_not_suspect():
    finding = only(with_energy(300, 0.1, 0.1, error=0.05), with_energy(324, 0.1, 0.1, error=0.05), ENERGY)

    assert (finding.verdict, finding.reasons[0]) == ("inconclusive", "The interval holds no change.")
    assert finding.effect == pytest.approx(0.08)


def test_energy_by_a_meter_that_states_no_error_is_not_suspect():
    finding = only(with_energy(300, 0.1, 0.1, error=None), with_energy(600, 0.1, 0.1), ENERGY)

    assert (finding.verdict, finding.low) == ("inconclusive", None)
    assert "does not say" in finding.reasons[0]


@pytest.mark.parametrize("change", [{"scope": "module"}, {"source": "integrated power"}])
def test_energies_of_other_scopes_and_methods_are_incomparable(change: dict[str, str]):
    finding = only(with_energy(300, 0.1, 0.1), with_energy(600, 0.1, 0.1, **change), ENERGY)

    assert (finding.verdict, finding.effect) == ("incomparable", None)
    assert "NVML energy counter" in finding.reasons[0] or "GPU before, module now" in finding.reasons[0]


def test_energy_that_was_not_measured_is_incomparable_with_the_reason():
    finding = only(record(0.1, 0.1), record(0.1, 0.1), ENERGY)

    assert finding.verdict == "incomparable"
    assert "this kernel counts no energy" in finding.reasons[0]


def test_each_case_is_gated_by_its_own_settings():
    cases = [Case("toys:Mlp", "cpu", "fp32", batch) for batch in (4, 8)]
    records = [record(*STEADY, case=case) for case in cases]

    found, _ = judge(
        records, records, lambda case: TIME if case.batch_size == 4 else Gating(metrics=("throughput",), minimum=0.05)
    )

    by_case = [(one.case.batch_size, one.metric) for one in found if one.metric in ("time.step", "throughput")]
    assert by_case == [(4, "time.step"), (8, "throughput")]


def test_findings_survive_being_written_and_read():
    found = findings([record(*STEADY)], [record(*STEADY), record(0.1, case=GPU_CASE)], Gating())
    judgement = Judgement("i", "s", "c", "stored", {}, {}, tuple(found))

    assert Judgement.from_json(judgement.to_json()) == judgement
