"""The sampler on a GPU made of formulas, by a fake clock: expected joules are arithmetic."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made import Clock, MadeGpu

from bench.errors import Unavailable
from bench.nvml import Process
from bench.record import Reading
from bench.sampler import energy
from bench.sampler.memory import Memory
from bench.sampler.watch import Watch

Watts = Callable[[float], float]


def watched(gpu: MadeGpu, pid: int | None = None) -> Watch:
    return Watch(gpu, pid, gpu.clock, gpu.clock.wall, gpu.clock.pause)


def look_until(watch: Watch, clock: Clock, end: float) -> None:
    """As the process does: sleep until a round is due, then read."""
    while (due := max(watch.due(), clock.seconds)) < end:
        clock.seconds = due
        watch.look()
    clock.seconds = max(clock.seconds, end)


def window(
    watts: Watts, begin: float = 1.0, end: float = 4.0, change: Callable[[MadeGpu], None] | None = None, **gpu: Any
) -> dict[str, Reading]:
    """The readings of one window of a GPU that was watched since 0."""
    clock = Clock()
    made = MadeGpu(clock, watts, **gpu)
    if change:
        change(made)
    watch = watched(made)
    look_until(watch, clock, end)
    return watch.window(begin, end)


def mean_power(reading: Reading) -> float:
    assert reading.value is not None, reading.reason
    assert reading.seconds is not None
    return reading.value / reading.seconds


def test_constant_power_by_the_counter_is_exact_to_a_thousandth():
    reading = window(lambda t: 300.0)["energy"]

    assert mean_power(reading) == pytest.approx(300, rel=1.5e-3)
    assert (reading.source, reading.scope) == ("NVML energy counter, between its ticks", "GPU")


def test_the_error_is_the_sensors_plus_what_the_ticks_moments_leave_open():
    reading = window(lambda t: 300.0)["energy"]

    assert energy.SENSOR < reading.error < energy.SENSOR + 0.002


def test_a_ramp_gives_the_energy_of_exactly_the_time_that_the_reading_covers():
    clock = Clock()
    made = MadeGpu(clock, lambda t: 100 + 100 * t)
    watch = watched(made)
    look_until(watch, clock, 4.0)
    reading = watch.window(1.0, 4.0)["energy"]
    ticks = [tick for tick in watch._trace.ticks if tick.before >= 1.1 and tick.after <= 4.0]

    assert reading.value == pytest.approx(made.energy(ticks[0].at, ticks[-1].at), rel=2e-3)


@pytest.mark.parametrize("tick", [0.02, 0.1, 0.25])
def test_the_rhythm_of_the_counter_is_found(tick: float):
    clock = Clock()
    made = MadeGpu(clock, lambda t: 300.0, tick=tick)
    watch = watched(made)
    look_until(watch, clock, 4.0)

    assert watch.facts()["tick"]["median"] == pytest.approx(tick, abs=0.002)


@pytest.mark.parametrize("tick", [0.02, 0.1, 0.25])
def test_the_rhythm_changes_nothing_of_the_power(tick: float):
    assert mean_power(window(lambda t: 250.0, end=6.0, tick=tick)["energy"]) == pytest.approx(250, rel=2e-3)


def test_load_that_starts_with_the_window_is_not_diluted_by_the_idleness_before():
    assert mean_power(window(lambda t: 500.0 if t >= 1.0 else 70.0)["energy"]) == pytest.approx(500, rel=2e-3)


@pytest.mark.parametrize("duty", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("period", [0.1, 0.09, 0.03])
def test_a_square_wave_near_the_sensors_period_is_right_by_the_counter(duty: float, period: float):
    wave: Watts = lambda t: 600.0 if (t / period) % 1 < duty else 100.0  # noqa: E731

    assert mean_power(window(wave)["energy"]) == pytest.approx(100 + 500 * duty, rel=0.04)


def test_a_square_wave_of_the_sensors_period_deceives_the_second_method_and_their_ratio_tells():
    wave: Watts = lambda t: 600.0 if ((t + 0.01) / 0.1) % 1 < 0.25 else 100.0  # noqa: E731
    readings = window(wave)

    assert mean_power(readings["energy"]) == pytest.approx(225, rel=0.02)
    assert mean_power(readings["energy.integrated"]) / 225 != pytest.approx(1, abs=0.05)


def test_both_other_methods_agree_where_the_load_is_constant():
    readings = window(lambda t: 300.0)

    assert mean_power(readings["energy.integrated"]) == pytest.approx(300, rel=1e-6)
    assert mean_power(readings["energy.samples"]) == pytest.approx(300, rel=1e-6)
    assert readings["energy.integrated"].source == "NVML instantaneous power, integrated"
    assert readings["energy.samples"].source == "NVML power samples, integrated"


@pytest.mark.parametrize("seconds", [0.02, 0.15, 0.35, 0.9])
def test_a_window_that_the_ticks_do_not_cover_has_no_energy(seconds: float):
    reading = window(lambda t: 300.0, 2.03, 2.03 + seconds)["energy"]

    assert reading.value is None
    assert reading.reason.startswith(f"window too short for energy: {seconds:.3f} s; ")


def test_moments_that_are_known_too_roughly_give_no_energy():
    def slow(made: MadeGpu) -> None:
        made.answers["energy_counter"] = lambda t: made.clock.pause(0.008)  # a driver that takes 8 ms for an answer

    reading = window(lambda t: 300.0, 2.0, 2.7, slow, tick=0.03)["energy"]

    assert reading.value is None
    assert "ticks are known to" in reading.reason


def test_a_counter_that_started_again_is_no_measurement():
    class Reset(MadeGpu):
        def energy_counter(self) -> int:
            value = super().energy_counter()
            return value if self.clock.seconds < 2.5 else value - 1_500_000

    clock = Clock()
    watch = watched(Reset(clock, lambda t: 300.0))
    look_until(watch, clock, 4.0)
    reading = watch.window(1.0, 4.0)["energy"]

    assert reading.value is None
    assert reading.reason.startswith("the energy counter went backwards, from ")


def test_without_a_counter_the_power_is_integrated_and_the_reading_says_so():
    readings = window(
        lambda t: 300.0, change=lambda made: made.answers.update(energy_counter=Unavailable("counter: Not Supported"))
    )

    assert mean_power(readings["energy"]) == pytest.approx(300)
    assert readings["energy"].source == "NVML instantaneous power, integrated"


def test_a_counter_that_stands_still_is_not_zero_joules():
    readings = window(lambda t: 0.0, end=6.0)

    assert readings["energy"].source == "NVML instantaneous power, integrated"


def test_a_counter_that_fails_in_mid_window_leaves_no_energy_by_another_method():
    class Lost(MadeGpu):
        def energy_counter(self) -> int:
            if self.clock.seconds > 2.5:
                raise Unavailable("nvmlDeviceGetTotalEnergyConsumption: GPU is lost")
            return super().energy_counter()

    clock = Clock()
    watch = watched(Lost(clock, lambda t: 300.0))
    look_until(watch, clock, 4.0)

    assert watch.window(1.0, 4.0)["energy"] == Reading.absent("nvmlDeviceGetTotalEnergyConsumption: GPU is lost")


def test_neither_method_means_no_energy_with_the_drivers_reason():
    def poor(made: MadeGpu) -> None:
        made.answers["energy_counter"] = Unavailable("counter: Not Supported")
        made.answers["power"] = Unavailable("power: Insufficient Permissions")

    readings = window(lambda t: 300.0, change=poor)

    assert readings["energy"] == Reading.absent("power: Insufficient Permissions")
    assert readings["power.max"] == Reading.absent("power: Insufficient Permissions")


def test_power_before_the_window_never_becomes_its_maximum():
    assert window(lambda t: 600.0 if t < 1.0 else 200.0)["power.max"].value == pytest.approx(200)


def test_a_mig_slice_has_no_power_of_its_own():
    readings = window(lambda t: 300.0, change=lambda made: setattr(made, "mig", True))

    for name in ("energy", "energy.integrated", "power.max", "utilization.gpu", "throttle.share", "memory.device"):
        assert readings[name] == Reading.absent("a MIG slice: NVML has it of the whole GPU only"), name
    assert readings["clock.sm"].value == 1.5e9


def test_the_module_of_a_superchip_is_said():
    readings = window(lambda t: 300.0, change=lambda made: setattr(made, "scope", "module"))

    assert {readings[name].scope for name in ("energy", "energy.integrated", "energy.samples", "power.max")} == {
        "module"
    }


def test_throttled_time_is_the_drivers_own_and_exact():
    def throttled(t: float) -> dict[str, float]:
        power, heat = 0.25 * t, 0.1 * t
        return {
            **dict.fromkeys(("sync_boost", "low_utilization", "board_limit", "reliability", "hw_power_brake"), 0.0),
            **{"sw_power_cap": power, "sw_thermal": heat, "hw_thermal": 0.0},
        }

    readings = window(lambda t: 300.0, change=lambda made: made.answers.update(throttled=throttled))

    assert readings["throttle.power"].value == pytest.approx(0.25, rel=1e-3)
    assert readings["throttle.thermal"].value == pytest.approx(0.1, rel=1e-3)
    assert readings["throttle.share"].value == pytest.approx(0.25, rel=1e-3)
    assert readings["throttle.share"].source == "NVML counter of throttled time"


def test_without_the_counters_throttling_is_polled_and_says_so():
    def poor(made: MadeGpu) -> None:
        made.answers["throttled"] = Unavailable("fields: Not Supported")
        made.answers["limited"] = lambda t: t % 1 < 0.5

    readings = window(lambda t: 300.0, change=poor)

    assert readings["throttle.share"].value == pytest.approx(0.5, abs=0.1)
    assert readings["throttle.share"].source == "NVML clocks event reasons, polled; fields: Not Supported"
    assert readings["throttle.thermal"] == Reading.absent("fields: Not Supported")


def test_one_limit_that_is_not_counted_makes_the_whole_share_polled():
    some: dict[str, float | str] = {
        **dict.fromkeys(("sw_power_cap", "hw_thermal", "hw_power_brake", "board_limit", "reliability"), 0.0),
        "sw_thermal": "field 269: Not Supported",
    }
    readings = window(lambda t: 300.0, change=lambda made: made.answers.update(throttled=some))

    assert readings["throttle.share"].source.startswith("NVML clocks event reasons, polled")
    assert readings["throttle.power"].source == "NVML counter of throttled time"
    assert readings["throttle.thermal"] == Reading.absent("field 269: Not Supported")


def test_a_counter_of_throttled_time_that_ran_backwards_is_no_share():
    def back(t: float) -> dict[str, float]:
        return dict.fromkeys(
            ("sw_power_cap", "hw_power_brake", "sw_thermal", "hw_thermal", "board_limit", "reliability"), 10 - t
        )

    readings = window(lambda t: 300.0, change=lambda made: made.answers.update(throttled=back))

    assert "went backwards" in readings["throttle.power"].reason


def test_every_quantity_has_its_reduction():
    def lively(made: MadeGpu) -> None:
        made.answers["sm_clock"] = lambda t: 1e9 if t < 3 else 2e9
        made.answers["temperature"] = lambda t: 50 + 5 * t
        made.answers["ecc_errors"] = lambda t: (math.floor(t), 0)
        made.answers["pcie"] = lambda t: (5 if t < 2 else 4, 16)

    readings = window(lambda t: 300.0, change=lively)

    assert readings["clock.sm"].value == 1e9
    assert readings["clock.memory"].value == 2.6e9
    assert readings["temperature"].value == pytest.approx(70, abs=0.6)
    assert (readings["ecc.corrected"].value, readings["ecc.uncorrected"].value) == (2, 0)
    assert (readings["pcie.generation"].value, readings["pcie.width"].value) == (4, 16)
    assert readings["utilization.gpu"].value == pytest.approx(0.9)


def test_what_the_driver_averages_over_a_second_needs_a_second_of_window():
    readings = window(lambda t: 300.0, 2.0, 2.9)

    assert readings["utilization.gpu"] == Reading.absent(
        "no sample in a window of 0.900 s: one is taken every 0.1 s and looks back over 1 s"
    )
    assert readings["clock.sm"].value is not None


def test_a_reading_that_failed_at_times_says_how_often():
    def flaky(t: float) -> float:
        if 2.0 < t < 2.5:
            raise Unavailable("nvmlDeviceGetClockInfo: Timeout")
        return 1.5e9

    readings = window(lambda t: 300.0, change=lambda made: made.answers.update(sm_clock=flaky))

    assert readings["clock.sm"].value == 1.5e9
    assert "samples failed: nvmlDeviceGetClockInfo: Timeout" in readings["clock.sm"].source


def test_a_driver_that_fails_in_an_unknown_way_ends_nothing():
    readings = window(lambda t: 300.0, change=lambda made: made.answers.update(sm_clock=lambda t: 1 // 0))

    assert readings["clock.sm"].reason.startswith("unexpected ZeroDivisionError")
    assert readings["energy"].value is not None


def test_a_counter_that_fails_before_its_rhythm_is_known_ends_the_waiting():
    clock = Clock()
    gpu = MadeGpu(clock, lambda t: 60.0)

    def fail(seconds: float) -> None:
        if seconds > 0.35:
            raise Unavailable("the counter is gone")

    gpu.answers["energy_counter"] = fail
    watch = watched(gpu)

    assert watch.before()["power.idle"].reason == "the counter is gone"
    assert clock.seconds < 5


def test_one_look_at_a_count_does_not_say_that_it_did_not_grow():
    assert window(lambda t: 300.0, 1.0, 1.05)["ecc.uncorrected"].value is None
    assert window(lambda t: 300.0, 1.0, 2.0)["ecc.uncorrected"].value == 0


def test_the_idle_device_is_waited_for_and_its_power_kept():
    clock = Clock()
    made = MadeGpu(clock, lambda t: 70 + 300 * math.exp(-t / 0.3))  # still falling from the case before
    watch = watched(made)
    readings = watch.before()

    assert readings["power.idle"].value == pytest.approx(70, rel=0.03)
    assert readings["power.idle"].scope == "GPU"
    assert watch.facts()["before"]["settled"] is True
    assert 1.5 < watch.facts()["before"]["seconds"] < 4


def test_a_device_that_does_not_settle_has_no_idle_power_and_is_not_waited_for_for_ever():
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 100 + 50 * t))
    readings = watch.before()

    assert readings["power.idle"].reason.startswith("the idle device had not settled after 5.0 s: ")
    assert watch.facts()["before"]["settled"] is False
    assert watch.facts()["before"]["seconds"] < 6


def test_the_sampling_rate_that_came_out_is_kept_with_its_jitter():
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 300.0))
    look_until(watch, clock, 4.0)
    rate = watch.facts()["rate"]

    assert rate["wanted"] == 0.1
    assert rate["median"] == pytest.approx(0.1, abs=0.002)
    assert rate["rounds"] == pytest.approx(39, abs=2)


def test_the_timeline_has_the_windows_on_its_own_axis():
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 300.0))
    look_until(watch, clock, 2.0)
    watch.window(1.0, 2.0)
    facts = watch.facts()
    start = watch._trace.rounds[0].began

    assert len({len(column) for column in facts["timeline"].values()}) == 1
    assert facts["windows"] == [[pytest.approx(1.0 - start, abs=1e-3), pytest.approx(2.0 - start, abs=1e-3)]]
    watts = [watts for watts in facts["timeline"]["power"] if watts is not None]
    assert watts == pytest.approx([300.0] * len(watts))
    assert len(watts) > 9


def throttled_times(change: Callable[[MadeGpu], None]) -> Any:
    """What a GPU's facts say after five seconds."""
    clock = Clock()
    made = MadeGpu(clock, lambda t: 300.0)
    change(made)
    watch = watched(made)
    look_until(watch, clock, 5.0)
    return watch.facts()["throttled"]


def test_the_times_in_which_a_counter_of_throttled_time_grew_are_kept_by_cause():
    def throttled(t: float) -> dict[str, float]:
        heat = min(max(t - 1.0, 0.0), 1.5)  # from 1.0 to 2.5 s
        return {
            **dict.fromkeys(("sw_power_cap", "hw_power_brake", "sw_thermal", "board_limit"), 0.0),
            "hw_thermal": heat,
        }

    times = throttled_times(lambda made: made.answers.update(throttled=throttled))

    [[begin, end]] = times["thermal"]
    assert end - begin == pytest.approx(1.5, abs=0.25)  # to a round at either end
    assert times["power"] == []
    assert "reliability" not in times  # this card does not count it


def test_without_the_counters_the_times_are_polled_or_absent_with_the_reason():
    def polled(made: MadeGpu) -> None:
        made.answers["throttled"] = Unavailable("fields: Not Supported")
        made.answers["limited"] = lambda t: 2.0 <= t <= 4.0

    def neither(made: MadeGpu) -> None:
        made.answers["throttled"] = made.answers["limited"] = Unavailable("fields: Not Supported")

    [[begin, end]] = throttled_times(polled)["polled"]
    assert end - begin == pytest.approx(2.0, abs=0.25)
    assert throttled_times(neither) == {"value": None, "reason": "fields: Not Supported"}


def test_a_long_timeline_is_thinned():
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 300.0))
    look_until(watch, clock, 100.0)

    assert 200 < len(watch.facts()["timeline"]["seconds"]) <= 400


def memory_of(listed: list[Process], pid: int | None, used: int = 6000) -> tuple[dict[str, Reading], dict[str, Any]]:
    """A case that starts on a device with one other process and 1,000 B in use."""
    clock = Clock()
    made = MadeGpu(clock, lambda t: 70.0)
    made.listed = [Process(11, 900, "other")]
    watch = watched(made, pid)
    watch.before()
    begin = clock.seconds
    made.used, made.listed = used, listed
    look_until(watch, clock, begin + 2)
    return watch.window(begin, begin + 2), watch.facts()


def test_the_memory_of_the_process_is_what_the_driver_lists():
    readings, facts = memory_of([Process(11, 900, "other"), Process(42, 4500, "python")], 42)

    assert readings["memory.process"] == Reading(4500.0, "NVML processes")
    assert readings["memory.device"].value == 6000
    assert facts["pids"] == "own"
    assert facts["foreign"] == [{"pid": 11, "name": "other", "memory": 900, "when": "before"}]


def test_host_pids_are_noticed_and_the_devices_growth_stands_in():
    readings, facts = memory_of([Process(11, 900, "other"), Process(70001, 4500, "python")], 42)

    assert readings["memory.process"] == Reading(
        5000.0, "growth of NVML's memory in use since before the case (the driver lists host PIDs)"
    )
    assert facts["pids"] == "host"
    assert [other["pid"] for other in facts["foreign"]] == [11]


def test_growth_to_which_somebody_else_came_is_not_the_processs():
    readings, _ = memory_of([Process(11, 900, "other"), Process(7, 5000, "python"), Process(8, 20_000, "trainer")], 42)

    assert readings["memory.process"].value is None
    assert readings["memory.process"].reason == (
        "the driver lists host PIDs, and its growth is not ours alone: trainer came meanwhile"
    )


def test_a_second_newcomer_is_foreign_whatever_the_pids_are():
    _, facts = memory_of([Process(70001, 4500, "python"), Process(70002, 10, "game")], 42)

    assert [(other["pid"], other["when"]) for other in facts["foreign"]] == [(11, "before"), (70002, "during")]


def test_memory_that_did_not_grow_is_not_a_process_of_zero_bytes():
    readings, _ = memory_of([Process(11, 900, "other")], 42, used=1000)

    assert readings["memory.process"].value is None
    assert "did not grow" in readings["memory.process"].reason


def test_a_gpu_that_the_case_does_not_use_has_no_memory_of_its_process():
    readings, facts = memory_of([Process(11, 900, "other"), Process(12, 900, "new")], None)

    assert readings["memory.process"] == Reading.absent("the case does not run on this GPU")
    assert [(other["pid"], other["when"]) for other in facts["foreign"]] == [(11, "before"), (12, "during")]


@pytest.mark.parametrize("tick", [0.02, 0.1, 0.25])
@pytest.mark.parametrize("phase", [0.0, 0.03, 0.07])
def test_the_shortest_window_is_long_enough_for_energy_at_every_phase(tick: float, phase: float):
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 300.0, tick=tick))
    look_until(watch, clock, 3 + phase)
    begin = clock.seconds
    end = begin + watch.shortest() + 0.01
    look_until(watch, clock, end)

    assert watch.window(begin, end)["energy"].value is not None


def test_a_window_too_short_for_the_throttle_counters_is_not_polled_instead():
    readings = window(lambda t: 300.0, 2.03, 2.2)

    assert readings["throttle.share"].value is None
    assert readings["throttle.share"].reason.startswith("no sample in a window")


def test_a_long_window_loses_nothing_of_the_drivers_buffer_and_keeps_each_sample_once():
    clock = Clock()
    watch = watched(MadeGpu(clock, lambda t: 300.0))  # whose buffer holds 12 s
    look_until(watch, clock, 40.0)
    reading = watch.window(1.0, 40.0)["energy.samples"]

    assert reading.seconds == pytest.approx(38.9, abs=0.3)
    assert len(watch._trace.buffer) == pytest.approx(400, abs=2)


def test_the_monitors_are_given_their_time_between_two_samples():
    class Monitored(MadeGpu):
        asked: list[float] = []  # noqa: RUF012

        def gpm(self) -> Any:
            return self

        def sample(self) -> dict[str, float]:
            self.asked.append(self.clock.seconds)
            return {"utilization.sm": 0.7}

    clock = Clock()
    made = Monitored(clock, lambda t: 300.0)
    watch = watched(made)
    look_until(watch, clock, 3.0)

    assert min(after - before for before, after in zip(made.asked, made.asked[1:], strict=False)) >= 0.1
    assert watch.window(1.0, 3.0)["utilization.sm"].value == pytest.approx(0.7)


def test_device_memory_is_the_most_that_was_seen_although_less_is_left():
    clock = Clock()
    made = MadeGpu(clock, lambda t: 70.0)
    watch = watched(made)
    made.answers["memory"] = lambda t: setattr(made, "used", 9000 if 1.5 < t < 2 else 4000)
    look_until(watch, clock, 3.0)

    assert watch.window(1.0, 3.0)["memory.device"].value == 9000


def test_a_newcomer_beside_the_process_itself_is_not_taken_for_it():
    _, facts = memory_of([Process(70002, 10, "game"), Process(42, 4500, "python")], 42)

    assert facts["pids"] == "own"
    assert [other["pid"] for other in facts["foreign"]] == [11, 70002]


def test_one_look_is_enough_to_tell_a_newcomer_from_the_process_itself():
    made = MadeGpu(Clock(), lambda t: 70.0)
    memory = Memory(made, 42, mig=False)
    memory.begin()
    made.listed = [Process(70002, 10, "game"), Process(42, 4500, "python")]
    memory.look_around()

    assert memory.facts()["pids"] == "own"
    assert [other["pid"] for other in memory.facts()["foreign"]] == [70002]
