"""What cannot be: each check is seeded with the fault of a published benchmark, and with what is right beside it."""

from dataclasses import replace

import pytest

from bench import figures, rates
from bench.caveats import caveats
from bench.plausible import doubts, fact
from bench.rates import value
from bench.record import Reading

H100 = {"device": {"label": "NVIDIA H100 80GB HBM3"}}
DENSE = 989.4e12  # FLOP/s of that board in bf16


def altered(record, **changes):
    """The record with other fields in each replicate."""
    return replace(record, replicates=tuple(replace(one, **changes) for one in record.replicates))


def texts(record, invalid):
    return [doubt.text for doubt in doubts(record) if doubt.invalid is invalid]


def joules(value, scope="GPU", seconds=None):
    return {"energy": Reading(value, "counter", scope=scope, seconds=seconds)}


@pytest.fixture
def powered(record, sample):
    """Makes a record of one window of 2 s with the given energy, on a GPU that idles at 70 W and may draw 700 W."""

    def make(energy, idle_scope="GPU", facts=None):
        facts = facts or {"scope": "GPU", "power_limit": 700.0}
        made = record([sample(readings=energy)], device="cuda:0")
        idle = {"power.idle": Reading(70.0, "sensor", scope=idle_scope)}
        return altered(made, readings=idle, meters={"nvml": facts})

    return make


@pytest.fixture
def computed(record, sample):
    """Makes a record of one window of 2 s that did the given FLOPs a second on an H100 SXM5."""

    def make(rate, environment=H100, precision="bf16", clock=None):
        readings = {} if clock is None else {"clock.sm": Reading(clock, "sampled")}
        window = sample(flop=int(rate * 0.5), readings=readings)
        return replace(record([window], device="cuda:0", precision=precision), environment=environment)

    return make


def test_a_record_as_it_should_be_raises_no_doubt(powered, computed, record):
    for right in (record(), powered(joules(800.0)), computed(0.6 * DENSE)):
        assert doubts(right) == []


def test_a_record_of_which_nothing_was_measured_raises_no_doubt(record):
    assert doubts(record([], status="oom", reason="too big")) == []


def test_all_items_over_the_mean_step_is_the_number_of_steps_too_much(record, sample):
    # The work of 100 steps over the time of one: a throughput a hundred times too high.
    window = replace(sample(step=0.1, steps=100), seconds=0.1)

    (text,) = texts(record([window]), invalid=True)

    assert "the steps took 10 s together, in a window of 0.1 s" in text


def test_a_throughput_that_does_not_multiply_out_to_the_work_is_invalid(record, monkeypatch):
    made = record()
    assert doubts(made) == []
    right = figures.RULES["throughput"]

    def times_steps(replicate):
        return right(replicate)._replace(number=right(replicate).number * 4)

    monkeypatch.setitem(figures.RULES, "throughput", times_steps)

    assert texts(made, invalid=True) == ["16 sequence/s x 2 s = 32 sequence, where 8 were done"]


def test_a_time_of_a_step_that_does_not_multiply_out_to_the_window_is_invalid(record, monkeypatch):
    right = figures.RULES["time.step"]
    monkeypatch.setitem(
        figures.RULES, "time.step", lambda replicate: right(replicate)._replace(number=1e3 * right(replicate).number)
    )

    assert texts(record(), invalid=True) == ["4 steps x 500 s = 2000 s, where 2 s passed"]


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"seconds": 0.0}, "a window of 0 s"),
        ({"seconds": -2.0}, "a window of -2 s"),
        ({"seconds": float("nan")}, "a window of nan s"),
        ({"steps": 0, "step_seconds": ()}, "with 0 steps"),
        ({"work": {"sequence": 0.0}}, "0 sequence"),
        ({"work": {"sequence": 8.0, "token": -1.0}}, "8 sequence"),
        ({"work": {}}, "0 work"),
        ({"step_seconds": (0.5,) * 3}, "a window of 4 steps has the times of 3"),
        ({"step_seconds": (0.5, 0.5, 0.5, -0.5)}, "a step took -0.5 s"),
        ({"step_seconds": (0.5, 0.5, 0.5, 0.51)}, "the steps took 2.01 s together, in a window of 2 s"),
    ],
)
def test_time_steps_or_work_that_cannot_be_are_invalid(record, sample, change, seen):
    made = record([replace(sample(), **change), sample()])

    found = doubts(made)

    assert any(seen in doubt.text for doubt in found)
    assert all(doubt.invalid for doubt in found)
    assert any("in 1 of 2 windows" in doubt.text for doubt in found)


def test_two_clocks_may_differ_a_little(record, sample):
    window = replace(sample(), step_seconds=(0.5, 0.5, 0.5, 0.5001))

    assert doubts(altered(record([window]), clock="cuda_event")) == []


def test_a_step_that_gave_a_device_nothing_to_do_takes_no_time_between_events_and_some_by_a_clock(record, sample):
    window = replace(sample(), step_seconds=(0.5, 0.0, 1.0, 0.5))

    assert doubts(altered(record([window]), clock="cuda_event")) == []
    assert any("a step took 0 s" in doubt.text for doubt in doubts(record([window])))


def test_time_of_a_window_that_was_in_no_step_is_told_where_one_clock_measured_both(record, sample):
    window = replace(sample(), step_seconds=(0.4,) * 4)

    assert texts(record([window]), invalid=False) == ["steps took 1.6 s of their windows' 2 s in replicate 0"]
    assert doubts(altered(record([window]), clock="cuda_event")) == []


def test_a_rate_above_the_dense_peak_is_invalid_with_both_numbers_and_the_board(computed):
    (text,) = texts(computed(1.2 * DENSE), invalid=True)

    assert "1187.3 TFLOP/s" in text
    assert "H100 SXM5, 989.4 TFLOP/s" in text


def test_a_rate_below_the_peak_with_sparsity_is_still_above_the_dense_one(computed):
    assert texts(computed(0.9 * 2 * DENSE), invalid=True)


def test_a_rate_of_tf32_is_too_much_for_strict_fp32(computed):
    assert doubts(computed(0.8 * 494.7e12, precision="tf32")) == []
    assert "dense fp32 peak" in texts(computed(0.8 * 494.7e12, precision="fp32"), invalid=True)[0]


def test_a_rate_above_the_peak_is_never_capped(computed):
    assert value(computed(1.2 * DENSE), "flop.rate").value == pytest.approx(1.2 * DENSE)


def test_a_board_without_a_known_peak_is_not_judged_by_another_ones(computed):
    for label in ("NVIDIA H100", "a CPU", None):
        assert doubts(computed(1e18, environment={"device": {"label": label}})) == []
    assert doubts(computed(1e18, environment={})) == []


def test_a_board_that_ran_above_its_data_sheets_clock_may_do_so_much_more(computed):
    fast = 1.98e9 / 1.83e9 * DENSE

    assert doubts(computed(0.99 * fast, clock=1.98e9)) == []
    assert "at the 1.980 GHz of the window" in texts(computed(1.02 * fast, clock=1.98e9), invalid=True)[0]
    assert texts(computed(0.99 * fast, clock=1.2e9), invalid=True)


def test_an_mfu_above_one_is_never_shown_without_a_word(computed):
    fast = DENSE * 1.98 / 1.83

    (text,) = [text for text in caveats(computed(0.99 * fast, clock=1.98e9)) if "stated peak" in text]
    assert text.startswith("computes at 107.1% of the stated peak: 1060 TFLOP/s of 989.4 TFLOP/s dense bf16")
    assert text.endswith(": the board ran at 1.980 GHz, above the clock that it is stated at")
    assert "above the dense bf16 peak" in caveats(computed(1.02 * fast, clock=1.98e9))[0]
    assert not [text for text in caveats(computed(0.99 * DENSE, clock=1.98e9)) if "stated peak" in text]


@pytest.mark.parametrize("watts", [70.0, 67.0, 400.0, 700.0, 839.0])
def test_power_between_the_idle_device_and_the_limit_is_believed(powered, watts):
    assert doubts(powered(joules(2 * watts))) == []


def test_energy_below_that_of_the_idle_device_is_a_caveat_with_both_numbers(powered):
    made = powered(joules(2 * 40.0))

    assert texts(made, invalid=False) == ["mean power 40.0 W, below 95% of the idle 70.0 W (in 1 of 1 windows)"]
    assert texts(made, invalid=True) == []


def test_energy_above_the_power_limit_is_a_caveat_with_both_numbers(powered):
    assert texts(powered(joules(2 * 900.0)), invalid=False) == [
        "mean power 900.0 W, above 120% of the power limit of 700.0 W (in 1 of 1 windows)"
    ]


def test_power_is_judged_over_the_seconds_that_the_energy_covers(powered):
    assert doubts(powered(joules(100.0, seconds=1.0))) == []
    assert texts(powered(joules(900.0, seconds=1.0)), invalid=False)


def test_energy_is_not_held_against_the_idle_power_or_the_limit_of_something_else(powered):
    assert doubts(powered(joules(2 * 40.0), idle_scope="module")) == []
    assert doubts(powered(joules(2 * 900.0, scope="module"))) == []
    assert doubts(powered(joules(2 * 900.0), facts={"scope": "module", "power_limit": 700.0})) == []
    assert (
        doubts(powered(joules(2 * 900.0), facts={"scope": "GPU", "power_limit": {"value": None, "reason": "?"}})) == []
    )


@pytest.mark.parametrize("name", ["energy", "energy.integrated", "energy.cpu", "energy.dram", "energy.samples"])
@pytest.mark.parametrize("nothing", [0.0, -3.0])
def test_no_joules_are_no_measurement(powered, name, nothing):
    made = powered({name: Reading(nothing, "counter", scope="GPU")})

    (text,) = texts(made, invalid=False)

    assert text.startswith(f"{name} is {nothing:g} J in a window of 2 s")


def test_a_percentile_below_a_lower_one_is_invalid(record, sample, monkeypatch):
    made = record([sample(steps=500)])
    assert doubts(made) == []
    monkeypatch.setattr(rates, "percentile", lambda steps, rank: {50: 0.5, 90: 0.6, 95: 0.7, 99: 0.4}[rank])

    assert texts(made, invalid=True) == ["latency.p95 is 0.7 s, above latency.p99, 0.4 s"]


MEMORY = {
    "memory.requested": 1.0e9,
    "memory.allocated": 1.1e9,
    "memory.reserved": 2.0e9,
    "allocator.held": 1.5e9,
    "memory.process": 2.0e9,
    "memory.device": 2.5e9,
}


def ladder(record, sample, **sizes):
    readings = {name: Reading(size, "m") for name, size in (MEMORY | sizes).items() if size is not None}
    return record([sample(readings=readings), sample()], device="cuda:0")


@pytest.mark.parametrize(
    ("name", "size", "above"),
    [
        ("memory.requested", 1.2e9, "memory.allocated"),
        ("memory.allocated", 2.1e9, "memory.reserved"),
        ("allocator.held", 2.1e9, "memory.process"),
        ("memory.process", 2.6e9, "memory.device"),
    ],
)
def test_a_part_of_the_memory_that_is_larger_than_the_whole_is_a_caveat_with_both(record, sample, name, size, above):
    assert doubts(ladder(record, sample)) == []

    made = ladder(record, sample, **{name: size})

    assert texts(made, invalid=False) == [
        f"{name} is {size / 1e9:.3f} GB, more than {above}, {MEMORY[above] / 1e9:.3f} GB (in 1 of 2 windows)"
    ]
    assert texts(made, invalid=True) == []


def test_what_the_allocator_had_given_back_by_the_windows_end_is_not_the_processs(record, sample):
    assert doubts(ladder(record, sample, **{"memory.reserved": 9e9})) == []


def test_a_rung_that_was_not_measured_does_not_hide_the_next_one(record, sample):
    made = ladder(record, sample, **{"memory.process": None, "allocator.held": 3e9})

    assert "allocator.held is 3.000 GB, more than memory.device" in texts(made, invalid=False)[0]


def test_the_polled_device_may_lag_a_little(record, sample):
    assert doubts(ladder(record, sample, **{"memory.process": 2.54e9})) == []


@pytest.mark.parametrize(
    "name", ["ecc.corrected", "allocator.retries", "memory.host", "pcie.tx", "clock.sm", "power.max"]
)
def test_a_negative_count_or_amount_is_a_caveat(record, sample, name):
    assert texts(record([sample(readings={name: Reading(-1.0, "m")})]), invalid=False) == [
        f"{name} is -1, below 0 (in 1 of 1 windows)"
    ]


def test_what_may_be_negative_is_not_doubted(record, sample):
    readings = {"temperature": Reading(-5.0, "m"), "loss.last": Reading(-0.1, "step"), "mine.delta": Reading(-1.0, "m")}

    assert doubts(record([sample(readings=readings)])) == []


@pytest.mark.parametrize("name", ["throttle.share", "throttle.thermal", "utilization.tensor"])
@pytest.mark.parametrize("share", [1.01, -0.01, 58.0])
def test_a_share_outside_of_0_to_1_is_a_caveat(record, sample, name, share):
    (text,) = texts(record([sample(readings={name: Reading(share, "m")})]), invalid=False)

    assert text.startswith(f"{name} is {share:.4g}, ")
    assert doubts(record([sample(readings={name: Reading(1.0 + 1e-9, "m")})])) == []


def test_of_several_windows_the_worst_is_told(record, sample):
    windows = [sample(readings={"throttle.share": Reading(share, "m")}) for share in (1.1, 1.5, 1.2, 0.5)]

    assert texts(record(windows), invalid=False) == [
        "throttle.share is 1.5, and a share lies between 0 and 1 (in 3 of 4 windows)"
    ]


def test_two_different_doubts_do_not_hide_each_other(record, sample):
    readings = {"throttle.share": Reading(1.5, "m"), "ecc.corrected": Reading(-1.0, "m")}

    assert len(doubts(record([sample(readings=readings)]))) == 2


def test_a_doubt_that_is_not_invalid_is_a_caveat_of_the_record(powered):
    assert any("below 95% of the idle" in caveat for caveat in caveats(powered(joules(2 * 40.0))))


def test_an_impossible_record_that_was_written_as_ok_has_that_as_its_only_caveat(record, sample):
    window = replace(sample(covariates={"foreign_share": 0.9}), seconds=0.0)

    assert caveats(record([window])) == [
        "a window of 0 s with 4 steps and 8 sequence (in 1 of 1 windows)",
        "the steps took 2 s together, in a window of 0 s (in 1 of 1 windows)",
    ]


def test_a_fact_is_a_number_or_absent():
    facts = {"limit": 700, "mig": True, "tick": {"value": None, "reason": "no counter"}, "name": "H100"}

    assert fact(facts, "limit") == 700.0
    assert [fact(facts, name) for name in ("mig", "tick", "name", "none")] == [None] * 4
