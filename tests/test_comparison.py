"""Ratios of throughput: their interval, and what may be said of them."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from statistics import stdev
from typing import Any

import pytest

from bench.case import Case
from bench.comparison import comparable_energy, ratio, throughput_ratio
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


def test_the_interval_is_welchs_t_on_the_logs():
    # By hand: equal scatter s on both sides of three, so 4 degrees of freedom and t = 2.776.
    scatter = 0.05
    below = record(*(math.exp(shift) for shift in (-scatter, 0.0, scatter)))
    above = record(*(math.exp(-0.3 + shift) for shift in (-scatter, 0.0, scatter)))
    half = 2.776 * scatter * math.sqrt(2 / 3)

    found = throughput_ratio(below, above)

    assert found is not None
    assert (found.value, found.low, found.high) == pytest.approx(
        (math.exp(0.3), math.exp(0.3 - half), math.exp(0.3 + half)), rel=1e-4
    )


def test_degrees_of_freedom_that_are_whole_stay_so_whatever_rounding_does():
    chance = random.Random(7)
    for _ in range(200):  # equal scatter on both sides of three: 4 degrees, where a last bit less would make 3
        logs = [chance.gauss(0, 0.03) for _ in range(3)]
        factor = chance.uniform(0.3, 3)

        found = throughput_ratio(record(*map(math.exp, logs)), record(*(factor * math.exp(log) for log in logs)))

        assert found is not None
        assert found.low is not None
        assert found.high is not None
        half = 2.776 * stdev(logs) * math.sqrt(2 / 3)
        assert math.log(found.high / found.low) / 2 == pytest.approx(half, rel=1e-3)


SPOILED = ((0.2, 0.2, 0.2), (0.1, 0.1, 0.9))


@pytest.mark.parametrize(("before", "after"), [SPOILED, SPOILED[::-1]])
def test_the_ratio_is_that_of_the_values_which_one_spoiled_replicate_does_not_move(before: Any, after: Any):
    below, above = record(*before), record(*after)

    found = throughput_ratio(below, above)

    assert found is not None
    assert found.value == pytest.approx(value(above, "throughput").value / value(below, "throughput").value)
    assert found.low <= found.value <= found.high


def test_the_ratio_of_times_is_the_inverse_of_that_of_throughputs():
    below, above = record(0.2, 0.21, 0.19), record(0.1, 0.105, 0.095)

    times, rates = ratio(below, above, "time.step"), throughput_ratio(below, above)

    assert times is not None
    assert rates is not None
    assert (times.value, times.low, times.high) == pytest.approx((1 / rates.value, 1 / rates.high, 1 / rates.low))
    assert rates.value == pytest.approx(2.0)


def test_one_replicate_a_side_gives_a_ratio_and_no_interval():
    found = throughput_ratio(record(0.2), record(0.1, 0.1))

    assert found is not None
    assert (found.value, found.low, found.high, found.smallest) == (pytest.approx(2.0), None, None, None)


def test_identical_replicates_are_no_division_by_zero():
    found = throughput_ratio(record(0.1, 0.1), record(0.1, 0.1))

    assert found is not None
    assert (found.value, found.low, found.high, found.smallest) == (1.0, 1.0, 1.0, 0.0)


def test_a_change_of_the_smallest_size_is_found_in_at_least_nine_of_ten():
    drawn = random.Random(20261123)
    spread, replicates, tries = 0.02, 3, 3000
    # What `smallest` says where both sides scatter by exactly this much.
    exact = [math.exp(spread * one) for one in (-1.0, 0.0, 1.0)]
    known = throughput_ratio(record(*exact), record(*exact))
    assert known is not None
    assert known.smallest is not None
    found = 0
    for _ in range(tries):
        base, head = ([math.exp(drawn.gauss(0, spread)) for _ in range(replicates)] for _ in range(2))
        seen = throughput_ratio(record(*base), record(*(one / (1 + known.smallest) for one in head)))
        assert seen is not None
        found += seen.low is not None and seen.low > 1

    assert 0.88 <= found / tries <= 0.98


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
