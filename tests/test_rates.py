"""Every published number from records made by hand."""

import math

import pytest

from bench.metric import METRICS
from bench.rates import caveats, value, values
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


def test_percentiles_say_how_many_steps_they_need(record, sample):
    found = value(record([sample(steps=45)]), "latency.p90")

    assert found.value is None
    assert found.reason == "45 steps measured, 46 are needed to claim p90"


def test_a_clean_record_has_no_caveats(record, sample):
    quiet = {"foreign_share": 0.02, "cpu_share": 0.99}

    assert caveats(record([sample(covariates=quiet)], [sample(covariates=quiet)], [sample(covariates=quiet)])) == []


@pytest.mark.parametrize(
    "covariates", [{"foreign_share": 0.4, "cpu_share": 0.99}, {"foreign_share": 0.0, "cpu_share": 0.6}]
)
def test_other_load_is_a_caveat_with_how_much(record, sample, covariates):
    found = caveats(record([sample(covariates=covariates)], [sample()], [sample()]))

    assert len(found) == 1
    assert "40%" in found[0] or "60%" in found[0]
