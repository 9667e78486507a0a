"""Every published number from records made by hand."""

import math
from dataclasses import replace

import pytest

from bench.metric import METRICS
from bench.rates import value, values
from bench.record import Reading


def test_throughput_times_time_is_work(record, sample):
    made = record(*([sample(step=s)] for s in (0.5, 0.52, 0.49)))

    assert value(made, "throughput").value * value(made, "time.step").value == pytest.approx(2.0, rel=1e-12)


def test_throughput_is_work_over_wall_time_and_not_a_mean_of_rates(record, sample):
    made = record([sample(step=1.0, steps=1), sample(step=0.1, steps=9)])

    assert value(made, "throughput").value == pytest.approx(20 / 1.9)


def test_the_item_is_in_the_unit(record):
    made = record()

    assert (value(made, "throughput").unit, value(made, "energy.item").unit) == ("sequence/s", "J/sequence")


def test_energy_and_power_come_from_the_windows_that_were_timed(record, sample, energy):
    made = record([sample(readings=energy(100.0)), sample(readings=energy(300.0))])

    assert value(made, "power.mean").value == pytest.approx(400 / 4)
    assert value(made, "energy.step").value == pytest.approx(400 / 8)
    assert value(made, "energy.item").value == pytest.approx(400 / 16)
    assert value(made, "energy.item").source == "fake counter"


def test_energy_is_absent_with_the_vendors_reason_when_one_window_lacks_it(record, sample, energy):
    made = record([sample(readings=energy(100.0)), sample(readings={"energy": Reading.absent("Not Supported")})])

    assert value(made, "energy.item").value is None
    assert value(made, "energy.item").reason == "Not Supported"
    assert value(made, "power.mean").reason == "Not Supported"


def test_every_metric_is_finite_or_absent_with_a_reason(record):
    for made in (record(), record(status="oom", reason="too big")):
        for found in values(made):
            assert (found.value is None) == bool(found.reason), found
            assert found.value is None or math.isfinite(found.value)


def test_values_come_in_the_order_of_the_metrics(record):
    assert [found.metric for found in values(record())] == list(METRICS)


def test_a_case_that_failed_has_no_numbers_but_its_reason(record):
    made = record([], status="crashed", reason="killed by SIGSEGV")

    assert {found.reason for found in values(made)} == {"killed by SIGSEGV"}


def test_planning_memory_is_the_hosts_on_a_cpu_and_the_processs_elsewhere(record, sample):
    readings = {"memory.host": Reading(1e9, "host"), "memory.process": Reading(2e9, "nvml")}

    assert value(record([sample(readings=readings)]), "memory.planning").value == 1e9
    assert value(record([sample(readings=readings)], device="cuda:0"), "memory.planning").value == 2e9


def test_a_peak_over_windows_is_the_largest_and_a_share_is_the_mean_over_time(record, sample):
    windows = [
        sample(step=1.0, steps=1, readings={"utilization.gpu": Reading(1.0, "n"), "power.max": Reading(100.0, "n")}),
        sample(step=3.0, steps=1, readings={"utilization.gpu": Reading(0.2, "n"), "power.max": Reading(300.0, "n")}),
    ]

    assert value(record(windows), "utilization.gpu").value == pytest.approx(0.4)
    assert value(record(windows), "power.max").value == 300.0


def test_what_is_of_the_whole_case_is_no_median_of_its_replicates(record, sample):
    """Of three processes one drew 700 W, had an error of its memory, and half of the lanes."""
    seen = {"power.max": (500.0, 510.0, 700.0), "ecc.uncorrected": (0.0, 1.0, 0.0), "pcie.width": (16.0, 16.0, 8.0)}
    made = record(*([sample(readings={name: Reading(of[n], "n") for name, of in seen.items()})] for n in range(3)))

    found = {name: value(made, name) for name in seen}
    assert {name: one.value for name, one in found.items()} == {"power.max": 700, "ecc.uncorrected": 1, "pcie.width": 8}
    assert {(one.low, one.high) for one in found.values()} == {(None, None)}


def test_percentiles_say_how_many_steps_they_need(record, sample):
    found = value(record([sample(steps=45)]), "latency.p90")

    assert found.value is None
    assert found.reason == "45 steps measured, 46 are needed to claim p90"


@pytest.mark.parametrize("status", ["oom", "timeout", "crashed", "failed", "unsupported"])
def test_what_a_case_measured_before_it_ended_badly_is_no_number_of_it(record, status):
    made = record(status=status, reason="why")

    assert len(made.samples) == 3
    assert {(found.value, found.reason) for found in values(made)} == {(None, "why")}
    assert value(replace(made, status="interrupted"), "throughput").value == pytest.approx(4.0)


IDLE = {"power.idle": Reading(70.0, "sensor", scope="GPU", error=0.02)}


@pytest.fixture
def powered(record):
    """Makes a record of one replicate with the given windows, after an idle device of 70 W."""

    def make(*windows, idle=IDLE):
        made = record(list(windows))
        return replace(made, replicates=tuple(replace(one, readings=idle) for one in made.replicates))

    return make


def joules(number, seconds=None, error=None, scope="GPU", source="counter", name="energy"):
    return {name: Reading(number, source, scope=scope, error=error, seconds=seconds)}


def test_power_is_energy_over_the_seconds_that_it_covers_and_energy_of_a_step_is_power_times_its_time(powered, sample):
    made = powered(sample(readings=joules(300.0, seconds=1.5)))  # 200 W, in a window of 4 steps in 2 s

    assert value(made, "power.mean").value == pytest.approx(200.0)
    assert value(made, "energy.step").value == pytest.approx(200.0 * 0.5)
    assert value(made, "energy.item").value == pytest.approx(200.0 * 2 / 8)


def test_covered_seconds_of_several_windows_are_summed_as_their_joules_are(powered, sample):
    made = powered(sample(readings=joules(300.0, seconds=1.5)), sample(step=1.0, steps=2, readings=joules(100.0)))

    assert value(made, "power.mean").value == pytest.approx(400 / 3.5)
    assert value(made, "energy.step").value == pytest.approx(400 / 3.5 * 4 / 6)


def test_net_energy_is_what_is_beyond_the_idle_device(powered, sample):
    made = powered(sample(readings=joules(400.0)))

    assert value(made, "power.idle").value == 70.0
    assert value(made, "energy.step").value == pytest.approx(200.0 * 0.5)
    assert value(made, "energy.step.net").value == pytest.approx(130.0 * 0.5)
    assert value(made, "energy.item.net").value == pytest.approx(130.0 * 2 / 8)


def test_the_error_of_net_energy_is_a_larger_share_of_a_smaller_number(powered, sample):
    made = powered(sample(readings=joules(400.0, error=0.05)))

    assert value(made, "energy.item").error == 0.05
    assert value(made, "energy.item.net").error == pytest.approx(0.05 * (200 + 70) / (200 - 70))


def test_without_idle_power_there_is_no_net_energy_and_gross_stands(powered, sample):
    unknown = {"power.idle": Reading.absent("the device never settled")}

    for idle, reason in ((unknown, "the device never settled"), ({}, "no meter of this run measures it")):
        made = powered(sample(readings=joules(400.0)), idle=idle)

        assert value(made, "energy.item").value == pytest.approx(50.0)
        assert (value(made, "energy.item.net").value, value(made, "energy.item.net").reason) == (None, reason)


@pytest.mark.parametrize("total", [140.0, 100.0])
def test_a_mean_power_not_above_idle_has_no_net_energy_and_says_both(powered, sample, total):
    found = value(powered(sample(readings=joules(total))), "energy.step.net")

    assert found.value is None
    assert found.reason == f"the mean power, {total / 2:.1f} W, is not above the idle device's 70.0 W"


@pytest.mark.parametrize("metric", ["power.mean", "energy.step", "energy.item", "energy.step.net", "energy.ratio"])
@pytest.mark.parametrize("nothing", [0.0, -5.0])
def test_no_joules_are_no_number(powered, sample, metric, nothing):
    integrated = joules(100.0, source="sensor", name="energy.integrated")
    found = value(powered(sample(readings={**joules(nothing), **integrated})), metric)

    assert (found.value, found.reason) == (None, f"counter gave {nothing:g} J, and nothing runs on none")


def test_the_ratio_of_methods_is_of_their_powers_each_over_its_own_seconds(powered, sample):
    integrated = joules(190.0, seconds=1.0, source="sensor", name="energy.integrated")
    made = powered(sample(readings={**joules(400.0), **integrated}))

    assert value(made, "energy.ratio").value == pytest.approx(200 / 190)
    assert value(made, "energy.ratio").source == "counter over sensor"


def test_the_ratio_of_methods_needs_both(powered, sample):
    assert value(powered(sample(readings=joules(400.0))), "energy.ratio").value is None
    assert value(powered(sample(readings=joules(4.0, name="energy.integrated"))), "energy.ratio").value is None


def test_a_ratio_to_no_joules_at_all_is_absent_and_no_division_by_zero(powered, sample):
    made = powered(sample(readings={**joules(400.0), **joules(0.0, source="sensor", name="energy.integrated")}))

    assert value(made, "energy.ratio").reason == "sensor gave 0 J, and nothing runs on none"


def test_scope_method_and_the_largest_error_are_carried_to_every_joule(powered, sample):
    made = powered(sample(readings=joules(400.0, error=0.01)), sample(readings=joules(400.0, error=0.03)))

    for metric in ("power.mean", "energy.step", "energy.item", "energy.step.net"):
        found = value(made, metric)
        assert (found.source, found.scope) == ("counter", "GPU")
    assert value(made, "energy.item").error == 0.03
    assert (value(made, "power.idle").error, value(made, "power.idle").source) == (0.02, "sensor")


def test_replicates_of_different_scopes_say_both(record, sample):
    made = record(*([sample(readings=joules(400.0, scope=scope))] for scope in ("GPU", "module", "GPU")))

    assert value(made, "energy.item").scope == "GPU, module"


def test_an_error_that_no_meter_gave_is_absent_and_never_zero(record, sample):
    assert value(record([sample(readings=joules(400.0))]), "energy.item").error is None


def test_the_cpus_power_is_of_its_own_energy(powered, sample):
    readings = {**joules(60.0, name="energy.cpu", seconds=1.0), **joules(10.0, name="energy.dram")}
    made = powered(sample(readings=readings))

    assert (value(made, "power.cpu").value, value(made, "power.dram").value) == (60.0, 5.0)
    assert value(made, "power.mean").value is None


def memory(process, held):
    return {"memory.process": Reading(process, "NVML"), "allocator.held": Reading(held, "torch")}


def test_the_context_is_what_the_process_has_beyond_its_allocator_at_the_end_of_a_window(record, sample):
    made = record([sample(readings=memory(3.0e9, 2.5e9)), sample(readings=memory(3.1e9, 2.5e9))])

    assert value(made, "memory.context").value == pytest.approx(0.6e9)
    assert value(made, "memory.context").source == "NVML"


def test_a_context_below_nothing_is_absent_with_both_numbers(record, sample):
    found = value(record([sample(readings=memory(1e9, 2e9))]), "memory.context")

    assert found.value is None
    assert found.reason == "the process has 1000000000 B by NVML, its allocator 2000000000 B"


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        *(("ecc.corrected", 5.0), ("allocator.retries", 5.0), ("pcie.generation", 2.0), ("pcie.width", 2.0)),
        *(("temperature", 3.0), ("clock.sm", 2.25)),
    ],
)
def test_readings_of_windows_are_summed_or_the_smallest_largest_or_mean_as_the_metric_says(
    record, sample, metric, expected
):
    windows = [
        sample(step=3.0, steps=1, readings={metric: Reading(2.0, "n")}),
        sample(step=1.0, steps=1, readings={metric: Reading(3.0, "n")}),
    ]

    assert value(record(windows), metric).value == pytest.approx(expected)


def test_what_a_meter_says_once_for_all_windows_is_the_reason_unless_a_window_knows_better(record, sample, energy):
    once = {"energy": Reading.absent("no counter here"), "clock.sm": Reading.absent("no clock here")}
    made = record([sample(readings=energy(100.0))])
    made = replace(made, replicates=tuple(replace(one, readings=once) for one in made.replicates))

    assert value(made, "power.mean").value == pytest.approx(50)
    assert value(made, "clock.sm").reason == "no clock here"
    bare = replace(made, replicates=tuple(replace(one, samples=(sample(),)) for one in made.replicates))
    assert value(bare, "energy.item").reason == "no counter here"
