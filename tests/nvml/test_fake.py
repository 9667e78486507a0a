"""The fake driver itself: what follows from a scripted power is arithmetic, and a script plays as it is written."""

from __future__ import annotations

import time
from typing import Any

import pytest

COUNTER = "gpu.energy_counter()"
EPOCH = 1_700_000_000  # s since 1970 where no time passes


@pytest.mark.parametrize(
    ("watts", "joules"),
    [
        ("constant 250", {0: 0, 10: 2500, 60: 15000}),
        ("ramp 100 300 2 12", {2: 200, 7: 200 + 5 * (100 + 200) / 2, 12: 2200, 22: 2200 + 3000}),
        ("ramp 100 300 5 5", {5: 500, 6: 800}),
        ("square 100 300 1 0.25", {0.2: 60, 1: 150, 1.5: 150 + 75 + 25, 10: 1500}),
        ("square 100 300 0.1 0.3", {0.1: 16, 10: 1600}),
        ("square 100 300 0.13 0.5", {1.3: 260, 13: 2600}),
        ("steps 0:50 2:300 5:50", {2: 100, 5: 1000, 6: 1050}),
        ("@ 1:50 2:300", {1: 50, 2: 100, 3: 400}),  # before its first moment, as at it
        ("rate 10 100", {10: 1000 + 500}),
    ],
)
def test_energy_is_the_exact_integral_of_the_power(at: Any, watts: str, joules: dict[float, float]) -> None:
    counted = at(*((moment, COUNTER) for moment in joules), answers={"power.watts": watts})

    assert counted == [round(expected * 1e3) for expected in joules.values()]


def test_the_counter_stands_still_between_its_ticks(at: Any) -> None:
    moments = [(moment, COUNTER) for moment in (0.299, 0.3, 0.399, 0.4)]

    assert at(*moments, answers={"power.watts": "constant 100"}) == [20000, 30000, 30000, 40000]
    assert at(*moments, answers={"power.watts": "constant 100", "energy.tick": "0.25"}) == [25000] * 4
    assert at(*moments, answers={"power.watts": "constant 100", "energy.tick": "0"}) == [29900, 30000, 39900, 40000]


def test_the_counter_goes_on_from_its_offset_and_starts_again_from_nothing(at: Any) -> None:
    answers = {"power.watts": "constant 100", "energy.offset": "7000000", "energy.reset": "2.05"}
    counted = at(*((moment, COUNTER) for moment in (0, 2, 2.05, 2.09, 2.1, 3.1)), answers=answers)

    assert counted == [7_000_000, 7_200_000, 0, 0, 5000, 105_000]


def test_the_sensor_publishes_the_mean_of_a_short_window_and_when(at: Any) -> None:
    answers = {"power.watts": "ramp 0 100 0 1", "power.update": "0.1", "power.window": "0.02"}
    read = at((0.5, "gpu.power()"), (0.59, "gpu.power()"), (0.6, "gpu.power()"), answers=answers)

    assert [power["value"] for power in read] == [49, 49, 59]
    assert [power["stamp"] - EPOCH for power in read] == pytest.approx([0.5, 0.5, 0.6], abs=1e-6)


def test_a_sensor_as_fast_as_the_steps_sees_only_one_side_of_them(at: Any) -> None:
    answers = {"power.watts": "square 100 300 0.1 0.5"}
    moments = [0.1 * tenth for tenth in range(1, 20)]

    assert {power["value"] for power in at(*((moment, "gpu.power()") for moment in moments), answers=answers)} == {100}


def test_the_average_is_that_of_the_second_before(at: Any) -> None:
    answers = {"power.watts": "steps 0:100 5:300"}
    read = at(*((moment, "gpu.average_power()") for moment in (5, 5.25, 5.5, 6, 9)), answers=answers)

    assert read == [100, 140, 200, 300, 300]


def test_the_driver_keeps_a_sample_of_each_update_and_gives_what_is_new(at: Any) -> None:
    answers = {"power.watts": "steps 0:100 0.5:300", "power.window": "0"}
    since = int((EPOCH + 0.35) * 1e6)
    first, none, many = at(
        (0.6, f"gpu.power_samples({since})"),
        (0.6, f"gpu.power_samples({since + 250_000})"),
        (60, "gpu.power_samples(0)"),
        answers=answers,
    )

    assert [(round(sample["stamp"] - EPOCH, 3), sample["value"]) for sample in first] == [
        (0.4, 100),
        (0.5, 300),
        (0.6, 300),
    ]
    assert none == []
    assert len(many) == 120


def test_what_is_written_down_wins_over_what_follows_from_the_power(ask: Any) -> None:
    answers = {
        "power.watts": "constant 100",
        "nvmlDeviceGetTotalEnergyConsumption": "42",
        "nvmlDeviceGetPowerUsage": "9000",
        "power.instant": "8000",
        "power.samples": "@ 0:7000",
    }
    read = ask("[gpu.energy_counter(), gpu.average_power(), gpu.power(), gpu.power_samples(0)]", answers)

    assert read == [42, 9, {"value": 8, "stamp": EPOCH}, [{"value": 7, "stamp": EPOCH}]]


def test_a_recorded_trace_plays_back_with_its_own_times(at: Any) -> None:
    recorded = " ".join(f"{number / 50:.2f}:{100_000 + number}" for number in range(500))  # longer than any buffer
    answers = {
        "nvmlDeviceGetTotalEnergyConsumption": f"@ {recorded}",
        "power.instant": f"@ {recorded}",
        "power.samples": f"@ {recorded}",
    }
    counter, power, samples = at(
        (9.99, COUNTER), (9.97, "gpu.power()"), (9.98, "gpu.power_samples(0)[-2:]"), answers=answers
    )

    assert counter == 100_499
    assert (power["value"], round(power["stamp"] - EPOCH, 6)) == (100.498, 9.96)
    assert [round(sample["stamp"] - EPOCH, 6) for sample in samples] == [9.96, 9.98]


def test_any_answer_takes_any_form(at: Any) -> None:
    answers = {"utilization.gpu": "square 0 100 2 0.5", "clock.sm": "ramp 1000 2000 0 10", "field.74": "rate 5e8"}
    expression = "[gpu.utilization()[0], gpu.sm_clock(), gpu.throttled()['sw_power_cap']]"

    assert at((0.5, expression), (5.5, expression), answers=answers) == [[1, 1.05e9, 0.25], [0, 1.55e9, 2.75]]


def test_a_gpu_is_lost_from_its_moment_on_for_whatever_is_asked(at: Any) -> None:
    asked = "gpu.energy_counter", "gpu.power", "gpu.memory", "gpu.processes", "gpu.throttled", "gpu.temperature"
    before, *after = at((4.9, COUNTER), *((5, f"{name}()") for name in asked), answers={"lost@1": "5"})

    assert before == 1000
    assert [answer["refused"].endswith(": GPU is lost") for answer in after] == [True] * len(asked)
    assert at((6, COUNTER), answers={"lost@1": "5"}, uuid="GPU-bbbb") == [1000]


def test_calls_are_counted_once_though_pynvml_asks_twice(at: Any) -> None:
    answers = {
        "nvmlDeviceGetComputeRunningProcesses_v3.return": "0 15",
        "process.0.pid": "11 22",
        "power.watts": "constant 1",
        "nvmlDeviceGetSamples.return": "0 4",
    }
    reads = [(1, "gpu.processes()[0].pid"), (1, "len(gpu.power_samples(0))")] * 2
    process, samples, lost, forbidden = at(*reads, answers=answers)

    assert (process, samples) == (11, 11)
    assert lost == {"refused": "nvmlDeviceGetComputeRunningProcesses_v3: GPU is lost"}
    assert forbidden == {"refused": "nvmlDeviceGetSamples: Insufficient Permissions"}


def test_a_process_comes_and_goes(at: Any) -> None:
    answers = {"process.0.pid": "@ 0:0 5:4242 8:0"}

    assert at(*((moment, "[process.pid for process in gpu.processes()]") for moment in (1, 6, 9)), answers=answers) == [
        [],
        [4242],
        [],
    ]


def test_processes_share_a_timeline_where_its_start_is_told(at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"nvmlDeviceGetTotalEnergyConsumption": "rate 1000"}
    (own,) = at(("-", COUNTER), answers=answers)
    monkeypatch.setenv("FAKE_NVML_START", str(time.monotonic() - 1e6))
    (first,) = at(("-", COUNTER), answers=answers)
    (second,) = at(("-", COUNTER), answers=answers)

    assert 0 <= own < 1e9 <= first < second


def test_stamps_are_times_since_1970_on_the_machines_clock(at: Any) -> None:
    before = time.time()
    (power,) = at(("-", "gpu.power()"), answers={"power.watts": "constant 9", "power.update": "0"})

    assert before - 1 < power["stamp"] < time.time() + 1


def test_the_measured_process_may_be_another_than_the_one_that_asks(ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pids = "[process.pid for process in gpu.processes()]"
    monkeypatch.setenv("FAKE_NVML_PID", "4321")

    assert ask(pids) == [1, 4321]
    assert ask(pids, {"process.0.pid": "self"}) == [4321]


def test_comments_and_empty_lines_are_skipped_and_the_first_of_two_lines_counts(ask: Any) -> None:
    answers = {"# power.instant": "1000", "\npower.instant": "2000 # as on the other card\npower.instant 3000"}

    assert ask("gpu.power().value", answers) == 2


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"power.watts": "ramp 100 300"}, "power.watts: too few numbers"),
        ({"power.watts": "steps 1:5 0:6"}, "power.watts: times go backwards at 6"),
        ({"power.watts": "constant much"}, "power.watts: much is no number"),
        ({"power.instant": "much"}, "power.instant: much is no number"),
        ({"power.instant": ""}, "power.instant: no value"),
        ({"power.watts": "100 200"}, "power.watts: answers by calls have no time"),
    ],
)
def test_a_script_that_makes_no_sense_is_refused_aloud(ask: Any, answers: dict[str, str], why: str) -> None:
    with pytest.raises(AssertionError, match=f"fake NVML: {why}"):
        ask("gpu.power()", answers)
