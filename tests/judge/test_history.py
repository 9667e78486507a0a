"""Many runs of a case: since when it is slower, and when a history may call it unchanged."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from stored_records import CASE, ENVIRONMENT, altered, record, run

from bench.case import Case
from bench.gating import Gating
from bench.judge.finding import Finding, Judgement
from bench.judge.history import BLOCK, LEAST_BLOCKS, LEAST_RUNS, NEWEST, judge
from bench.record import Record

TIME = Gating(metrics=("time",), margin={"time": 0.05})
PROCESSES = json.loads((Path(__file__).parent / "data/processes.json").read_text())["processes"]
CALM, RESTLESS = PROCESSES["bert_fwd@t1"], PROCESSES["resnet_fwd@t2"]
RUNS = 24


def history(levels: Sequence[float], **more: Any) -> list[Record]:
    """A run a day, each with two replicates about its level."""
    return [record(0.999 * level, 1.001 * level, number=day, **more) for day, level in enumerate(levels, 1)]


def only(records: Sequence[Record], gating: Gating = TIME) -> Finding:
    (finding,), _ = judge(records, lambda case: gating)
    return finding


def steady(count: int, seed: int = 0, level: float = 0.1) -> list[float]:
    drawn = random.Random(seed)
    return [level * drawn.uniform(0.995, 1.005) for _ in range(count)]


def windows(processes: Sequence[float]) -> Iterator[list[float]]:
    """Runs of three processes each, in the order in which they were measured."""
    runs = [median(processes[at : at + 3]) for at in range(0, len(processes) - 2, 3)]
    return (runs[at : at + RUNS] for at in range(len(runs) - RUNS + 1))


def shuffled(processes: Sequence[float], count: int) -> Iterator[list[float]]:
    drawn = random.Random(1)
    return ([median(drawn.sample(processes, 3)) for _ in range(RUNS)] for _ in range(count))


def slower(levels: Sequence[float], step: float, newest: int) -> list[float]:
    return [*levels[:-newest], *((1 + step) * level for level in levels[-newest:])]


def suspects(histories: Iterator[list[float]], step: float = 0.0, newest: int = 3) -> tuple[int, int]:
    """How many of the histories are suspected, and of how many."""
    verdicts = [only(history(slower(levels, step, newest))).verdict for levels in histories]
    return verdicts.count("suspect"), len(verdicts)


def test_since_when_a_case_is_slower_is_told_with_the_run_and_both_levels():
    finding = only(history([*steady(15), *steady(5, seed=1, level=0.11)]))

    assert (finding.verdict, finding.metric, finding.unit) == ("suspect", "time.step", "s")
    assert (finding.base, finding.head) == (pytest.approx(0.1, rel=0.01), pytest.approx(0.11, rel=0.01))
    assert finding.effect == pytest.approx(0.1, abs=0.01)
    assert finding.reasons[0] == "Worse since run run-16 of 2026-10-16T10:15: 15 runs before it, 5 since."
    assert [dot.base is not None for dot in finding.dots] == [True] * 15 + [False] * 5


def test_of_throughput_less_is_worse():
    gating = Gating(metrics=("throughput",))
    levels = [*steady(15), *steady(5, seed=1, level=0.11)]

    assert only(history(levels), gating).verdict == "suspect"
    assert only(history([1 / level for level in levels]), gating).verdict != "suspect"


def test_the_same_code_in_the_order_of_measuring_is_not_suspected():
    assert suspects(windows(CALM)) == (0, 14)
    assert suspects(windows(RESTLESS)) == (0, 14)


@pytest.mark.parametrize("processes", [CALM, RESTLESS], ids=["calm", "restless"])
def test_the_same_code_is_suspected_in_at_most_2_of_100_histories(processes: list[float]):
    assert suspects(shuffled(processes, 100))[0] <= 2


@pytest.mark.parametrize(("step", "newest", "least"), [(0.05, 6, 34), (0.1, 3, 34), (0.2, 3, 34)])
def test_a_step_is_found_on_a_calm_machine(step: float, newest: int, least: int):
    """Of 40 histories of 24 runs; 5 % is found in about 40 of 100 after 3 runs, and in about 90 of 100 after 6."""
    found, _ = suspects(shuffled(CALM, 40), step, newest)

    assert found >= least


def test_on_a_restless_machine_a_fifth_is_found_within_six_runs_in_about_half_of_all_histories():
    found, _ = suspects(shuffled(RESTLESS, 40), 0.2, 6)

    assert found >= 14  # of 40


def test_runs_of_one_level_are_unchanged_within_a_margin_that_they_support():
    finding = only(history(steady(24)))

    assert finding.verdict == "unchanged"
    assert finding.low is not None
    assert -0.05 < finding.low < 0 < (finding.high or 0) < 0.05
    assert finding.reasons[0] == "No change in 24 runs."


def test_a_margin_that_is_narrower_than_the_runs_scatter_proves_nothing():
    finding = only(history(steady(24)), Gating(metrics=("time",), margin={"time": 0.001}))

    assert finding.verdict == "inconclusive"
    assert (finding.high or 0) > 0.001


@pytest.mark.parametrize("processes", [CALM, RESTLESS], ids=["calm", "restless"])
def test_newest_runs_that_are_slower_by_the_margin_are_called_unchanged_in_at_most_5_of_100(processes: list[float]):
    wrong = 0
    for levels in shuffled(processes, 100):
        wrong += only(history(slower(levels, 0.05, BLOCK))).verdict == "unchanged"

    assert wrong <= 5


def test_a_calm_machine_earns_unchanged_within_a_tenth_and_a_restless_one_does_not():
    wide = Gating(metrics=("time",), margin={"time": 0.1})

    earned = [
        sum(only(history(levels), wide).verdict == "unchanged" for levels in shuffled(processes, 50))
        for processes in (CALM, RESTLESS)
    ]

    assert earned[0] >= 45
    assert earned[1] <= 25


def test_an_improvement_is_told_and_not_suspected():
    finding = only(history([*steady(18), *steady(15, seed=1, level=0.08)]))

    assert finding.verdict == "unchanged"
    assert finding.reasons[0] == "The level changed by -20.1 % with run run-19 of 2026-10-19T10:15, and not since."
    assert finding.base == pytest.approx(0.08, rel=0.01)


def test_a_change_below_the_minimum_is_not_suspected():
    levels = [*(0.1 for _ in range(15)), *(0.1005 for _ in range(15))]

    assert only(history(levels)).verdict != "suspect"
    assert only(history(levels), Gating(metrics=("time",), minimum=0.004)).verdict == "suspect"


@pytest.mark.parametrize("count", [1, LEAST_RUNS - 1])
def test_few_runs_prove_nothing_and_say_how_many_are_needed(count: int):
    finding = only(history(slower(steady(count), 3.0, 1)))

    assert (finding.verdict, finding.low) == ("inconclusive", None)
    assert f"{LEAST_RUNS} are needed" in finding.reasons[0]


def test_too_few_runs_of_one_level_are_not_called_unchanged():
    least = BLOCK * LEAST_BLOCKS

    assert only(history([0.1] * (least - 1))).verdict == "inconclusive"
    assert only(history([0.1] * least)).verdict == "unchanged"


def test_runs_in_another_environment_are_left_out_and_the_field_is_noted():
    old = history([0.05] * 20, environment=altered(ENVIRONMENT, "torch.version", "2.12.0"))
    new = [
        record(0.1, 0.1, number=20 + day, environment=altered(ENVIRONMENT, "libraries.numpy", f"2.4.{day}"))
        for day in range(1, 16)
    ]

    (finding,), notes = judge([*old, *new], lambda case: TIME)

    assert finding.verdict == "unchanged"
    assert len(finding.dots) == 15
    assert notes == (
        "Earlier runs are left out, the latest of them for torch.version (2.12.0 before, 2.13.0 now) (1 case).",
    )


def test_what_a_history_does_not_judge_is_noted():
    found, notes = judge(history(steady(24)), lambda case: Gating())

    assert [finding.metric for finding in found] == ["time.step"]
    assert notes == ("Not gated by a history: memory (1 case).",)


def test_a_case_that_the_newest_run_lacks_is_not_green():
    gone = Case("toys:Gone", "cpu", "fp32", 4)
    records = [*history(steady(24)), *(record(0.1, number=day, case=gone) for day in range(1, 24))]

    found = {finding.case.workload: finding for finding in judge(records, lambda case: TIME)[0]}

    assert found[CASE.workload].verdict == "unchanged"
    assert found["toys:Gone"].verdict == "incomparable"
    assert found["toys:Gone"].reasons == ("The newest run, run-24, has no such case.",)
    assert Judgement("i", "s", "c", "history", {}, {}, tuple(found.values())).exit_code == 3


@pytest.mark.parametrize(("status", "verdict"), [("oom", "regressed"), ("crashed", "regressed"),
                                                 ("interrupted", "incomparable")])  # fmt: skip
def test_a_newest_run_that_ended_badly_is_not_green(status: Any, verdict: str):
    ended = record(status=status, reason="because of this", number=25)

    finding = only([*history(steady(24)), ended])

    assert (finding.verdict, finding.reasons) == (verdict, (f"Head {status}: because of this.",))
    assert finding.base is not None


def test_a_run_that_failed_long_ago_is_passed_over():
    records = history(steady(24))
    records[5] = record(status="timeout", reason="took too long", number=6)

    assert only(records).verdict == "unchanged"


def test_a_case_that_never_ran_is_not_green_and_one_that_never_could_is_told():
    crashed = [record(status="crashed", reason="signal 11", number=day) for day in (1, 2)]
    refused = [record(status="unsupported", reason="no bf16 units", number=day) for day in (1, 2)]

    assert only(crashed).verdict == "incomparable"
    assert judge(refused, lambda case: TIME) == ([], ("Not gated: unsupported in every run (1 case).",))


def test_the_order_of_the_records_does_not_matter():
    records = history(slower(steady(24), 0.2, 6))

    assert only(records) == only(list(reversed(records)))


def test_only_the_newest_runs_are_looked_at():
    records = history([*([0.05] * 20), *steady(NEWEST)])

    (finding,), notes = judge(records, lambda case: TIME)

    assert finding.verdict == "unchanged"
    assert notes == (f"Only the newest {NEWEST} runs are looked at (1 case).",)


def test_runs_on_one_day_are_told_apart_by_their_ids():
    assert run(1).started < run(31).started < run(40).started  # the helper makes real days

    finding = only(history(slower(steady(24), 0.2, 6)))
    assert "run-19" in finding.reasons[0]
