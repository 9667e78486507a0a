"""What a reader must know before trusting a record."""

from dataclasses import replace

import pytest

from bench.caveats import caveats, unseen
from bench.record import Reading


@pytest.fixture
def three(record, sample):
    """Makes a record of three replicates of two windows, the first window with what is given."""

    def make(covariates=None, readings=None, meters=None, replicate=None, **case):
        first = sample(covariates=covariates, readings=readings)
        made = record([first, sample()], [sample(), sample()], [sample(), sample()], **case)
        one = replace(made.replicates[0], meters=meters or {}, readings=replicate or {})
        return replace(made, replicates=(one, *made.replicates[1:]))

    return make


def test_a_clean_record_has_no_caveats(three):
    quiet = {"foreign_share": 0.02, "cpu_share": 0.99, "steal_share": 0.01, "major_faults": 0.0}
    readings = {"throttle.thermal": Reading(0.0, "n"), "ecc.corrected": Reading(0.0, "n")}
    facts = {
        "power_limit": 700.0,
        "power_limit_default": 700.0,
        "power_period": 0.1,
        "before": {"settled": True, "seconds": 2.0},
        "foreign": [],
    }

    assert caveats(three(quiet, readings, {"nvml": facts, "host": {"foreign": []}})) == []


def test_a_variant_without_a_rung_is_the_plain_step_by_another_name(three):
    plain = three()
    tuned = replace(plain, case=replace(plain.case, parameters={"variant": "tuned"}))

    assert caveats(replace(tuned, model={"rungs": {}})) == [
        "tuned takes no rung on this device with these inputs: it is the plain step by another name"
    ]
    assert caveats(replace(tuned, model={"rungs": {"fused": "one kernel"}})) == []


@pytest.mark.parametrize("covariates", [{"foreign_share": None, "steal_share": None}, {}])
def test_what_was_not_measured_is_no_caveat(three, covariates):
    absent = {name: Reading.absent("no") for name in ("throttle.thermal", "ecc.corrected", "allocator.retries")}
    unknown = {"value": None, "reason": "no"}
    facts = {"power_limit": unknown, "power_limit_default": unknown, "power_period": unknown, "before": unknown}

    assert caveats(three(covariates, absent, {"nvml": facts, "amd": {"reason": "no such device"}})) == []


@pytest.mark.parametrize("status", ["oom", "timeout", "crashed", "failed", "unsupported"])
def test_a_record_whose_status_leaves_it_no_numbers_has_nothing_to_qualify(three, status):
    made = replace(three({"foreign_share": 0.9}), status=status, reason="why")

    assert caveats(made) == []
    assert caveats(replace(made, status="interrupted")) != []


def test_replicates_that_were_not_steady_or_are_missing_are_counted(record, sample):
    made = record([sample()], [sample()])
    made = replace(made, replicates=tuple(replace(one, steady=False) for one in made.replicates))

    assert caveats(made) == [
        "2 of 2 replicates were not steady when measuring began",
        "2 of 3 replicates measured",
    ]


@pytest.mark.parametrize(
    ("covariates", "text"),
    [
        ({"foreign_share": 0.4}, "other programs used up to 40% of the CPUs during a window (limit 10%)"),
        ({"cpu_share": 0.6}, "the step got only 60% of its threads' CPU time in a window (expected 80%)"),
        ({"foreign_share": 0.104}, "other programs used up to 10.4% of the CPUs during a window (limit 10%)"),
        ({"steal_share": 0.12}, "the hypervisor gave 12% of the CPUs' time to others in a window (limit 5%)"),
        ({"major_faults": 11.0}, "11 pages were fetched from disk in a window of 2 s (major faults)"),
    ],
)
def test_what_spoils_a_window_is_a_caveat_with_how_much(three, covariates, text):
    assert caveats(three(covariates)) == [text]


@pytest.mark.parametrize(
    "covariates", [{"foreign_share": 0.1}, {"cpu_share": 0.8}, {"steal_share": 0.05}, {"major_faults": 10.0}]
)
def test_at_the_limit_there_is_no_caveat(three, covariates):
    assert caveats(three(covariates)) == []


def test_a_host_that_waits_for_its_device_needs_no_cpu_time(three):
    assert caveats(three({"cpu_share": 0.1}, device="cuda:0")) == []


def test_other_load_is_told_with_who_it_was(three):
    others = [
        {"name": name, "cpu_share": share} for name, share in (("cc1plus", 0.09), ("firefox", 0.31), ("sh", 0.02))
    ]
    more = [{"name": "cc1plus", "cpu_share": 0.12}, {"name": "firefox", "cpu_share": 0.01}]
    made = three({"foreign_share": 0.4}, meters={"host": {"foreign": others}, "host2": {"foreign": more}})

    (found,) = caveats(made)

    assert found.endswith("(limit 10%); over a replicate: firefox 31%, cc1plus 12%, sh 2%")


def test_who_else_ran_is_not_told_of_windows_that_were_quiet(three):
    others = [{"name": "make", "cpu_share": 0.5}]  # while the model was built

    assert caveats(three({"foreign_share": 0.01}, meters={"host": {"foreign": others}})) == []


def test_other_processes_on_the_gpu_are_told_with_their_memory_and_when(three):
    foreign = [
        {"pid": 4711, "name": "python", "memory": 3_100_000_000, "when": "before"},
        {"pid": 12, "name": None, "memory": None, "when": "during"},
    ]

    assert caveats(three(meters={"nvml:0": {"foreign": foreign}})) == [
        "other processes on the GPU: python (pid 4711, 3.1 GB) before the case; "
        "a process (pid 12, memory unknown) during the case"
    ]


def test_the_same_process_seen_by_each_replicate_is_told_once_and_of_many_the_largest(three):
    def seen():
        each = ({"pid": pid, "name": "x", "memory": pid * 1e9, "when": "before"} for pid in (1, 5, 3, 4, 2))
        return {"nvml": {"foreign": list(each)}}

    made = three()
    made = replace(made, replicates=tuple(replace(one, meters=seen()) for one in made.replicates))

    assert caveats(made) == [
        "other processes on the GPU: x (pid 5, 5.0 GB) before the case; x (pid 4, 4.0 GB) before the case; "
        "x (pid 3, 3.0 GB) before the case; and 2 more"
    ]


@pytest.mark.parametrize("foreign", [None, "all", [{}], [{"pid": None}], [{"cpu_share": "much"}], {"value": None}])
def test_facts_of_another_form_are_no_caveat_and_no_crash(three, foreign):
    assert len(caveats(three({"foreign_share": 0.4}, meters={"wall": {"foreign": foreign, "before": "?"}}))) == 1


def test_an_allocator_near_its_limit_is_told_with_how_often_it_was(three):
    assert caveats(three(readings={"allocator.retries": Reading(3.0, "torch")})) == [
        "the allocator gave its cache back 3 times: the device's memory is nearly full, and steps that do so are slower"
    ]
    assert caveats(three(readings={"allocator.retries": Reading(0.0, "torch")})) == []


def test_heat_that_held_the_clock_down_is_told_and_the_power_cap_is_not(three):
    hot = {"throttle.thermal": Reading(0.34, "n"), "throttle.power": Reading(0.9, "n")}

    assert caveats(three(readings=hot)) == ["heat held the clock down for 34% of a window (limit 1%)"]
    assert caveats(three(readings={"throttle.thermal": Reading(0.01, "n")})) == []


def test_a_lowered_power_limit_is_told_once_with_both(three):
    limits = {"power_limit": 300.0, "power_limit_default": 700.0}

    assert caveats(three(meters={"nvml": limits, "nvml:1": limits})) == [
        "the power limit is 300 W, below the default of 700 W"
    ]
    assert caveats(three(meters={"nvml": {"power_limit": 700.0, "power_limit_default": 600.0}})) == []


def test_memory_errors_are_told_by_kind(three):
    assert caveats(three(readings={"ecc.corrected": Reading(2.0, "n"), "ecc.uncorrected": Reading(1.0, "n")})) == [
        "memory errors during the windows: 2 corrected, 1 not corrected"
    ]
    assert len(caveats(three(readings={"ecc.uncorrected": Reading(1.0, "n")}))) == 1


@pytest.mark.parametrize(("integrated", "watts"), [(1000.0, "500.0"), (1212.0, "606.0")])
def test_two_methods_that_disagree_are_a_caveat_with_both_watts(record, sample, integrated, watts):
    readings = {"energy": Reading(1100.0, "counter"), "energy.integrated": Reading(integrated, "sensor")}

    (found,) = [one for one in caveats(record([sample(readings=readings)])) if "disagree" in one]

    assert f"550.0 W by the counter, {watts} W by integrated power" in found


@pytest.mark.parametrize("integrated", [1050.0, 1150.0])
def test_two_methods_that_agree_are_none(record, sample, integrated):
    readings = {"energy": Reading(1100.0, "counter"), "energy.integrated": Reading(integrated, "sensor")}

    assert not [one for one in caveats(record([sample(readings=readings)])) if "disagree" in one]


def test_the_replicate_in_which_the_methods_disagree_is_not_hidden_by_the_others(record, sample):
    windows = [
        [sample(readings={"energy": Reading(100.0, "counter"), "energy.integrated": Reading(joules, "sensor")})]
        for joules in (100.0, 100.0, 50.0)
    ]

    assert "disagree by 100%" in caveats(record(*windows))[0]


def test_what_another_program_wrote_as_foreign_processes_breaks_nothing(three):
    assert caveats(three(meters={"nvml": {"foreign": [1, "x", None, {"pid": "y"}]}})) == []


@pytest.mark.parametrize(
    ("step", "period", "window", "gap"),
    [
        (0.1, 0.1, 10.0, 1.0),  # every reading falls on the same spot
        (0.05, 0.1, 10.0, 1.0),  # a step of half the period likewise
        (0.2, 0.1, 10.0, 1 / 2),  # two spots
        (0.3, 0.1, 10.0, 1 / 3),
        (0.4, 0.1, 10.0, 1 / 4),
        (0.13, 0.1, 13.0, 1 / 13),  # 13 steps are 10 periods: spread evenly
        (0.1, 0.02, 10.0, 1 / 5),  # a fast sensor sees each step
        (0.101, 0.1, 1.0, 1 - 0.009 / 0.101),  # the spots move by 1 ms a step: ten readings cover 9 ms of it
        (0.101, 0.1, 20.2, 1 / 101),  # and a long window lets them come round
        (0.1, 0.1, 0.05, 1.0),  # a window with a single reading
    ],
)
def test_the_part_of_a_step_that_no_reading_falls_into(step, period, window, gap):
    assert unseen(step, period, window) == pytest.approx(gap, abs=1e-6)


@pytest.fixture
def beating(record, sample):
    """Makes a record with energy whose two windows of 10 s ran steps of the given length under a 100 ms sensor."""

    def make(step, energy=5000.0, period=0.1):
        readings = {"energy": Reading(energy, "counter") if energy else Reading.absent("no counter")}
        made = record([sample(step=step, steps=round(10 / step), readings=readings)] * 2)
        return replace(made, replicates=(replace(made.replicates[0], meters={"nvml": {"power_period": period}}),))

    return make


def test_steps_that_beat_with_the_power_sensor_are_a_caveat_with_both_periods(beating):
    (found,) = [one for one in caveats(beating(0.1)) if "beat" in one]

    assert "steps of 100 ms beat with the power sensor's period of 100 ms" in found
    assert "100% of the step (in 2 of 2 windows)" in found


@pytest.mark.parametrize("step", [0.1, 0.05, 0.2, 0.3, 0.0333])
def test_steps_near_a_multiple_of_the_sensors_period_beat(beating, step):
    assert any("beat" in one for one in caveats(beating(step)))


@pytest.mark.parametrize("step", [0.13, 0.07, 0.037, 0.02, 0.01])
def test_steps_that_fall_on_many_phases_or_within_the_sensors_average_do_not(beating, step):
    assert not any("beat" in one for one in caveats(beating(step)))


def test_without_a_joule_or_a_known_period_the_sensor_does_not_matter(beating):
    unknown = {"value": None, "reason": "the driver keeps no samples"}

    for made in (beating(0.1, energy=None), beating(0.1, period=unknown)):
        assert not any("beat" in one for one in caveats(made))


def test_every_caveat_is_one_line(three):
    foreign = [{"pid": 1, "name": "x", "memory": 1e9, "when": "before"}, {"name": "y", "cpu_share": 0.3}]
    spoiled = {"foreign_share": 0.4, "cpu_share": 0.1, "steal_share": 0.4, "major_faults": 100.0}
    readings = {"throttle.thermal": Reading(0.9, "n"), "ecc.corrected": Reading(1.0, "n"),
                "allocator.retries": Reading(1.0, "t"), "throttle.share": Reading(7.0, "n")}  # fmt: skip
    facts = {"foreign": foreign, "power_limit": 1.0, "power_limit_default": 2.0}

    found = caveats(three(spoiled, readings, {"nvml": facts}))

    assert len(found) == 10
    assert not any("\n" in one for one in found)
