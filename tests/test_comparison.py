"""Ratios of throughput: their interval, and what may be said of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bench.case import Case
from bench.comparison import comparable_energy, compare, throughput_ratio
from bench.rates import value
from bench.record import Reading, Record, Replicate, Run, Sample

RUN = Run("r", "2026-11-20T10:15:00+00:00", "wattmark run", 0, 3, "0.1.0")
ENVIRONMENT = {"device": {"label": "H100"}, "torch": {"version": "2.13.0"}}


def record(*seconds: float, **more: Any) -> Record:
    """A case of which each replicate did 10 steps of 4 items in the given seconds a step."""
    replicates = tuple(
        Replicate(
            index,
            "ok",
            samples=(Sample(0, 10, 10 * one, (one,) * 10, {"image": 40.0}),),
            precision={"weights": "float32", "product_error": one},
        )
        for index, one in enumerate(seconds)
    )
    fields: dict[str, Any] = {"environment": ENVIRONMENT, "inputs": {"sha256": "9f3a"}, **more}
    return Record(RUN, Case("w:W", "cuda:0", "fp32", 4), status="ok", replicates=replicates, **fields)


def test_a_case_that_takes_half_the_time_is_faster_by_exactly_two():
    comparison = compare(record(0.2, 0.21, 0.19), record(0.1, 0.105, 0.095))

    assert comparison.verdict == "faster"
    assert comparison.ratio is not None
    assert comparison.ratio.value == pytest.approx(2.0)


def test_the_interval_is_welchs_t_on_the_logs():
    # By hand: equal scatter s on both sides of three, so 4 degrees of freedom and t = 2.776.
    scatter = 0.05
    below = record(*(math.exp(shift) for shift in (-scatter, 0.0, scatter)))
    above = record(*(math.exp(-0.3 + shift) for shift in (-scatter, 0.0, scatter)))
    half = 2.776 * scatter * math.sqrt(2 / 3)

    ratio = throughput_ratio(below, above)

    assert ratio is not None
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx(
        (math.exp(0.3), math.exp(0.3 - half), math.exp(0.3 + half))
    )


def test_the_ratio_is_that_of_the_values_which_one_spoiled_replicate_does_not_move():
    below, above = record(0.2, 0.2, 0.2), record(0.1, 0.1, 0.9)

    ratio = throughput_ratio(below, above)

    assert ratio is not None
    assert ratio.value == pytest.approx(value(above, "throughput").value / value(below, "throughput").value)
    assert ratio.low < ratio.value <= ratio.high


def test_an_interval_that_holds_one_tells_nothing():
    comparison = compare(record(0.10, 0.11, 0.09), record(0.101, 0.111, 0.092))

    assert comparison.verdict == "cannot tell"


def test_a_slower_case_is_called_slower():
    assert compare(record(0.1, 0.101, 0.1), record(0.12, 0.121, 0.12)).verdict == "slower"


def test_one_replicate_a_side_gives_a_ratio_and_no_verdict():
    comparison = compare(record(0.2), record(0.1))

    assert comparison.verdict == "cannot tell"
    assert comparison.ratio is not None
    assert comparison.ratio.low is None
    assert "two replicates" in (comparison.reason or "")


def test_identical_replicates_are_no_division_by_zero():
    assert compare(record(0.1, 0.1), record(0.1, 0.1)).verdict == "cannot tell"


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("device label", {"environment": {**ENVIRONMENT, "device": {"label": "A100"}}}),
        ("torch version", {"environment": {**ENVIRONMENT, "torch": {"version": "2.14.0"}}}),
        ("workload version", {"version": 2}),
        ("inputs hash", {"inputs": {"sha256": "0000"}}),
        ("precision", {"case": Case("w:W", "cuda:0", "bf16", 4)}),
        ("parameters", {"case": Case("w:W", "cuda:0", "fp32", 4, {"depth": 50})}),
        ("batch size", {"case": Case("w:W", "cuda:0", "fp32", 8)}),
        ("workload", {"case": Case("w:X", "cuda:0", "fp32", 4)}),
        ("status", {"status": "oom", "reason": "out of memory"}),
    ],
)
def test_what_differs_besides_the_commit_is_not_comparable_and_is_named(field: str, change: dict[str, Any]):
    baseline = record(0.2, 0.21, 0.19)

    comparison = compare(baseline, replace(baseline, **change))

    assert (comparison.verdict, comparison.ratio) == ("not comparable", None)
    assert (comparison.reason or "").startswith(field)


def test_settings_of_the_precision_are_compared_and_the_probes_error_is_not():
    before = record(0.1, 0.1)
    tf32 = tuple(replace(one, precision={"weights": "bfloat16"}) for one in before.replicates)

    assert compare(before, record(0.1, 0.11)).verdict != "not comparable"
    assert "effective precision" in (compare(before, replace(before, replicates=tf32)).reason or "")


COUNTER = Reading(50.0, "NVML energy counter", scope="GPU", error=0.01)


def with_energy(*readings: Reading) -> Record:
    """A case of which each replicate read its energy so."""
    made = record(*(0.1 for _ in readings))
    replicates = tuple(
        replace(one, samples=(replace(one.samples[0], readings={"energy": reading}),))
        for one, reading in zip(made.replicates, readings, strict=True)
    )
    return replace(made, replicates=replicates)


def test_energies_of_one_scope_by_one_method_may_be_compared():
    other = replace(COUNTER, value=70.0, error=0.02)

    assert comparable_energy(with_energy(COUNTER, COUNTER), with_energy(other, COUNTER)) is None


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        ((replace(COUNTER, scope="module"),), "energy scope (GPU before, module now)"),
        ((replace(COUNTER, scope=None),), "energy scope (GPU before, unknown now)"),
        (
            (replace(COUNTER, source="integrated power"),),
            "energy method (NVML energy counter before, integrated power now)",
        ),
        (
            (COUNTER, replace(COUNTER, source="RAPL")),
            "energy method (NVML energy counter before, NVML energy counter, RAPL now)",
        ),
        ((Reading.absent("a MIG slice has no power"),), "the candidate has no energy (a MIG slice has no power)"),
    ],
)
def test_energies_of_different_things_are_not_compared_and_both_are_named(candidate: Any, why: str):
    assert comparable_energy(with_energy(COUNTER), with_energy(*candidate)) == why


def test_a_baseline_without_energy_has_nothing_to_compare_with():
    why = comparable_energy(record(0.1), with_energy(COUNTER))

    assert why == "the baseline has no energy (no meter of this run measures it)"


def test_a_case_that_failed_after_some_replicates_has_no_throughput_to_divide():
    failed = replace(record(0.1, 0.1), status="failed", reason="implausible: twice the peak")

    assert throughput_ratio(failed, record(0.1, 0.1)) is None
    assert throughput_ratio(record(0.1, 0.1), failed) is None
