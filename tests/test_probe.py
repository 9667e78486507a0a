"""What a probe finds of a GPU made of formulas, by a fake clock, and of the fake driver, by the real one."""

from __future__ import annotations

import json
import math
import random
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent / "sampler"))

from made import EPOCH, Clock, MadeGpu

from bench.engines.local import Engine
from bench.errors import Unavailable
from bench.nvml import Stamped
from bench.probe import PHASES
from bench.probe.findings import loaded, sensors
from bench.probe.load import Load, Phase, Played
from bench.probe.recording import TRIES, Recorder, Recording, Sensed
from bench.probe.signals import edges, response, rhythm, updates
from bench.sampler.ticks import Tick
from bench.typed import typed

LOW, HIGH = 100.0, 600.0  # W
IDLE = 6.0  # s before the load


class Gpu(MadeGpu):
    """With the driver's average of the last second."""

    def average_power(self) -> float:
        self._take("average_power")
        at = math.floor(self.clock.seconds / self.period + 1e-9) * self.period
        return self.energy(at - 1.0, at)


def played(phases: Sequence[Phase] = PHASES) -> list[Played]:
    """The phases on a device that does exactly as told."""
    clock = Clock()
    clock.seconds = IDLE
    load = Load(clock.pause, clock, clock.pause)
    return [load.play(phase) for phase in phases]


def power_of(phases: Sequence[Played]) -> Callable[[float], float]:
    """What a GPU draws that is at full power while the load is on."""
    on = [span for phase in phases for span in phase.on]
    begins = [begin for begin, _ in on]

    def watts(t: float) -> float:
        number = bisect_right(begins, t) - 1
        return HIGH if number >= 0 and t < on[number][1] else LOW

    return watts


def recorded(phases: Sequence[Played], change: Callable[[MadeGpu], None] | None = None, **gpu: Any) -> Recording:
    clock = Clock()
    made = Gpu(clock, power_of(phases), **gpu)
    if change:
        change(made)
    recorder = Recorder(made, clock, clock.wall, clock.pause, lambda gpu: [])
    end = phases[-1].end + 1.5 if phases else IDLE
    recorder.run(lambda: clock.seconds > end)
    return recorder.recording


def found_of(phases: Sequence[Phase] = PHASES, **gpu: Any) -> dict[str, Any]:
    """Everything that a probe finds of a made GPU."""
    done = played(phases)
    recording = recorded(done, **gpu)
    found = {**sensors(recording), **loaded(recording, "GPU", done)}
    json.dumps(found, allow_nan=False)
    return found


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Of a GPU whose sensor has a new value every 0.1 s, the mean of the last 0.025 s, as A100 and H100 have."""
    return found_of()


def test_a_load_is_on_for_as_long_as_told_and_keeps_its_period() -> None:
    clock = Clock()

    def late(seconds: float) -> None:
        clock.pause(seconds + 0.002)  # a product that is under way is not cut off

    wave = Load(late, clock, clock.pause).play(Phase("wave", on=0.025, off=0.075, times=40))

    assert [begin for begin, _ in wave.on] == pytest.approx([0.1 * number for number in range(40)])
    assert wave.duty == pytest.approx(0.27)  # as it came out, and not as told


def test_steps_come_at_moments_that_have_nothing_to_do_with_the_sensors_period() -> None:
    (steps,) = played([Phase("steps", on=0.25, off=0.25, times=40, jitter=0.1)])
    moments = sorted(at % 0.1 for at, _ in edges([steps]))

    assert max(b - a for a, b in pairwise(moments)) < 0.02


def test_a_load_on_a_device_brings_its_moments_on_the_clock_of_all_processes() -> None:
    phases = [asdict(Phase("steps", on=0.05, off=0.05, times=3)), asdict(Phase("steady", on=0.1, off=0.0))]
    device = {"kind": "cpu", "name": "cpu", "label": "", "uuid": None, "memory_bytes": None}
    before = time.perf_counter()
    with Engine() as engine:
        ended = engine.run("load", {"device": device, "phases": phases}, 60)
    steps, steady = (typed(one, Played) for one in ended.result["played"])

    assert ended.result["what"] == "products of float32 matrices of 256 x 256"
    moments = [before, *(moment for phase in (steps, steady) for span in phase.on for moment in span)]
    assert moments == sorted(moments)
    assert moments[-1] < time.perf_counter()
    assert len(steps.on) == 3
    for number, (_, end) in enumerate(steps.on):  # one that began late is not made longer
        assert end >= steps.begin + 0.1 * number + 0.05


def test_the_tick_and_the_sensors_period_are_those_of_the_card(found: dict[str, Any]) -> None:
    assert found["tick"]["median"] == pytest.approx(0.1, rel=0.02)
    assert found["tick"]["most"] < 0.105
    assert found["power_period"]["by"] == "stamp"
    assert found["power_period"]["median"] == pytest.approx(0.1, rel=0.01)


def test_a_faster_card_has_a_shorter_tick_and_period() -> None:
    faster = found_of([], tick=0.02, period=0.05)

    assert faster["tick"]["median"] == pytest.approx(0.02, rel=0.05)
    assert faster["power_period"]["median"] == pytest.approx(0.05, rel=0.02)


def test_a_sensor_that_is_new_every_time_it_is_asked_is_known_by_its_values() -> None:
    """Some drivers stamp with the moment of the question, so the stamps tell nothing."""
    power = [Sensed(0.005 * number, 0.005 * number, 100.0 + number // 20) for number in range(400)]
    new = updates(power, asked=400)

    assert not isinstance(new, str)
    assert (new.by, new.median) == ("value", pytest.approx(0.1))
    assert len(new.points) == 20


def test_a_sensor_whose_values_never_change_has_no_period_by_them() -> None:
    power = [Sensed(0.005 * number, 0.005 * number, 70.0) for number in range(400)]

    assert updates(power, asked=400) == "the power sensor had 1 values, as its values tell; 4 are needed"
    assert updates([], asked=400) == "the power sensor had 0 values, as its stamps tell; 4 are needed"


def test_a_tick_that_was_seen_too_late_makes_no_gap_longer() -> None:
    seen = [Tick(number, 0.1 * number, 0.1 * number + 0.001) for number in range(10)]
    late = [*seen[:4], Tick(5, seen[4].before, seen[5].after), *seen[6:]]

    assert rhythm(late).most == pytest.approx(0.1)
    assert rhythm(late).ticks == 8
    assert rhythm(seen[:2]) is None


@pytest.mark.parametrize("window", [0.025, 0.1])
def test_the_answer_to_a_step_tells_what_the_sensor_averages_over(window: float) -> None:
    answer = found_of(PHASES[:2], window=window)["response"]["instantaneous"]

    assert answer["window"] == pytest.approx(window, rel=0.1)
    assert answer["rise"] == pytest.approx(0.8 * window, rel=0.1)
    assert answer["delay"] == pytest.approx(window / 2, abs=0.003)
    assert answer["resolution"] < 0.01


def test_the_drivers_average_answers_within_its_second(found: dict[str, Any]) -> None:
    answer = found["response"]["average"]

    assert answer["window"] == pytest.approx(1.0, rel=0.05)
    assert answer["edges"] == 8


def test_the_answer_is_found_in_noise() -> None:
    done = played(PHASES[:2])
    exact = updates(recorded(done, period=0.02, window=0.01).power, asked=10**6)
    assert not isinstance(exact, str)
    noise = random.Random(5)
    noisy = [(at, watts + noise.gauss(0, 25.0)) for at, watts in exact.points]
    answer = response(noisy, edges(done), settled=0.2)

    assert not isinstance(answer, str)
    assert answer.window == pytest.approx(0.01, rel=0.3)


def test_steps_that_the_sensor_does_not_see_tell_nothing() -> None:
    done = played(PHASES[:2])
    flat = [(0.1 * number, 300.0) for number in range(300)]

    assert response(flat, edges(done), settled=0.2) == "0 steps of the load could be used, 3 are needed"


def test_steps_that_follow_each_other_too_soon_tell_nothing() -> None:
    done = played(PHASES[:2])
    points = updates(recorded(done).power, asked=10**6)
    assert not isinstance(points, str)

    assert response(points.points, edges(done), settled=1.3) == "0 steps of the load could be used, 3 are needed"


def test_a_sensor_that_looks_all_the_time_agrees_with_the_counter_on_every_wave() -> None:
    waves = found_of(window=0.1)["agreement"]

    assert [wave["name"] for wave in waves] == ["steady load", *(f"{duty}% of each 0.1 s" for duty in (10, 25, 50))]
    for wave, watts in zip(waves[1:], (150.0, 225.0, 350.0), strict=True):
        assert wave["counter"] == pytest.approx(watts, rel=0.01)
        assert wave["ratio"] == pytest.approx(1.0, rel=0.01)


def test_a_sensor_that_looks_a_quarter_of_the_time_does_not_agree_on_waves_of_its_period(found: dict[str, Any]) -> None:
    steady, *waves = found["agreement"]

    assert steady["ratio"] == pytest.approx(1.0, rel=0.01)
    assert all(abs(wave["ratio"] - 1) > 0.1 for wave in waves)
    assert [wave["duty"] for wave in waves] == pytest.approx([0.1, 0.25, 0.5])


def test_short_windows_cost_a_plain_difference_a_tick_and_ours_are_absent_or_right(found: dict[str, Any]) -> None:
    by_length = {one["seconds"]: one for one in found["short_windows"]}

    assert list(by_length) == [0.1, 0.2, 0.5, 1.0, 2.0, 5.0]
    for seconds, one in by_length.items():
        assert 0.5 * 0.1 / seconds < one["plain"] < 1.2 * 0.1 / seconds
    assert by_length[0.1]["measured"] == 0
    assert by_length[0.1]["worst"]["reason"] == "no window of this length gave an energy"
    assert by_length[2.0]["measured"] == 1
    assert by_length[2.0]["worst"] < 0.002


def test_without_a_counter_the_rest_is_found_and_the_reason_stands_in_its_place() -> None:
    refused = Unavailable("nvmlDeviceGetTotalEnergyConsumption: Not Supported")
    found = found_of(change=lambda made: made.answers.update(energy_counter=refused))

    assert found["tick"] == {"value": None, "reason": str(refused)}
    assert found["short_windows"]["reason"] == str(refused)
    assert found["agreement"][0]["counter"]["reason"] == str(refused)
    assert found["agreement"][0]["ratio"] == {"value": None, "reason": "one of the two is missing"}
    assert found["response"]["instantaneous"]["window"] == pytest.approx(0.025, rel=0.1)


def test_a_sensor_that_never_works_is_asked_no_more_and_one_that_fails_at_times_is() -> None:
    refused = Unavailable("nvmlDeviceGetFieldValues, field power instant: Not Supported")
    never = recorded([], change=lambda made: made.answers.update(power=refused))

    def busy(t: float) -> None:
        if int(t / 0.05) % 2:
            raise refused

    at_times = recorded([], change=lambda made: made.answers.update(power=busy))

    assert (never.asked, never.refused) == (TRIES, TRIES)
    assert sensors(never)["power_period"] == {"value": None, "reason": str(refused)}
    assert 0.4 < sensors(at_times)["questions"]["refused"] / at_times.asked < 0.6
    assert sensors(at_times)["power_period"]["median"] == pytest.approx(0.1, rel=0.05)


def test_the_drivers_own_samples_are_kept_to_the_end_each_once() -> None:
    clock = Clock()
    made = Gpu(clock, lambda t: 300.0)
    recorder = Recorder(made, clock, clock.wall, clock.pause, lambda gpu: [])
    recorder.run(lambda: clock.seconds > 2.95)
    moments = [at for at, _ in recorder.recording.samples]

    assert moments == pytest.approx([0.1 * number for number in range(30)], abs=1e-3)


def test_a_stamp_is_brought_to_the_clock_that_everything_else_is_on() -> None:
    clock = Clock()
    made = Gpu(clock, lambda t: 300.0)
    made.power = lambda: Stamped(300.0, EPOCH + 2.5)  # type: ignore[method-assign]
    clock.seconds = 2.6
    recorder = Recorder(made, clock, clock.wall, clock.pause, lambda gpu: [])
    recorder.look()

    assert recorder.recording.power[0].stamped == pytest.approx(2.5, abs=1e-6)


UNDER_A_WAVE = """
import json, os, sys, time
from bench.probe import Phase, probe
from bench.probe.load import Played
start = float(os.environ["FAKE_NVML_START"])
def play(phases):
    # The fake GPU draws a wave by itself: on in the first half of each 0.7 s.
    begin = time.perf_counter()
    time.sleep(4.5)
    end = time.perf_counter()
    first = int((begin - start) / 0.7) + 1
    on = [(start + 0.7 * n, start + 0.7 * n + 0.35) for n in range(first, first + 5)]
    return "a wave", [Played("short steps", begin, end, on), Played("waves", begin, end, [])]
print(json.dumps(probe("GPU-aaaa", play, idle=1.0, phases=(), after=0.5).found))
"""


@pytest.mark.alone
def test_the_fake_drivers_own_wave_is_found_out_in_real_time(python_with_nvml: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("FAKE_NVML_START", repr(time.monotonic()))
    answers = {"power.watts": "square 100 500 0.7 0.5", "power.window": "0.1", "power.update": "0.08"}
    found = python_with_nvml("-c", UNDER_A_WAVE, answers=answers)

    assert found["load"] == "a wave"
    assert found["tick"]["median"] == pytest.approx(0.1, rel=0.1)
    assert found["power_period"]["median"] == pytest.approx(0.08, rel=0.1)
    assert found["response"]["instantaneous"]["window"] == pytest.approx(0.1, rel=0.35)
    assert found["agreement"][0]["counter"] == pytest.approx(300, rel=0.1)
    assert found["agreement"][0]["ratio"] == pytest.approx(1, rel=0.05)
    assert found["short_windows"]["reason"] == "no steady load was played"


LOADED = """
import json, sys
from bench.doctor.probing import player
from bench.engines import engine
from bench.probe import STEADY, Phase, probe
phases = [Phase(STEADY, 2.5, 0.3), Phase("half of each 0.1 s", 0.05, 0.05, 15)]
name = sys.argv[1]
# A card of the fake driver's, and a device of torch's that stands in for it.
device = {"kind": name[:4], "name": name, "label": "", "uuid": "GPU-aaaa", "memory_bytes": None, "torch": True}
with engine("local") as machine:
    machine.run("devices", {}, 60)
    probed = probe("GPU-aaaa", player(machine, device, True), idle=0.5, phases=phases, after=0.3)
print(json.dumps({"found": probed.found, "script": probed.script}))
"""


@pytest.mark.alone
def test_the_load_runs_in_a_process_of_its_own_while_the_driver_is_asked(python_with_nvml: Any) -> None:
    answers = {"power.watts": "constant 300"}
    found = python_with_nvml("-c", LOADED, "cpu", answers=answers)
    probed = found["found"]

    assert probed["load"] == "products of float32 matrices of 256 x 256"
    assert [wave["name"] for wave in probed["agreement"]] == ["steady load", "half of each 0.1 s"]
    assert probed["agreement"][0]["counter"] == pytest.approx(300, rel=0.01)
    assert probed["agreement"][0]["duty"] > probed["agreement"][1]["duty"]
    assert probed["response"]["instantaneous"]["reason"] == "0 steps of the load could be used, 3 are needed"
    heading = [line for line in found["script"].splitlines() if line.startswith("# From")]
    assert [line.partition(": ")[2].partition(",")[0] for line in heading] == [
        "nothing was done on the GPU.",
        "steady load",
        "half of each 0.1 s",
        "nothing.",
    ]
    assert float(heading[1].split()[2]) < float(heading[2].split()[2])


def test_a_load_that_cannot_run_leaves_its_reason_and_what_needs_none(python_with_nvml: Any) -> None:
    probed = python_with_nvml("-c", LOADED, "cuda:99", answers={"power.watts": "constant 300"})["found"]

    assert probed["load"]["reason"].startswith("the load ended early, ")
    assert probed["agreement"] == probed["load"]
    assert probed["power_period"]["by"] == "stamp"


def test_a_driver_that_does_what_nobody_expects_ends_the_recording_and_says_so() -> None:
    clock = Clock()
    made = Gpu(clock, lambda t: 300.0)
    made.answers["average_power"] = ZeroDivisionError("oh")
    recorder = Recorder(made, clock, clock.wall, clock.pause, lambda gpu: [])

    with pytest.raises(Unavailable, match=r"the recording broke off: ZeroDivisionError\('oh'\)"), recorder.beside():
        time.sleep(0.05)
