"""The NVML meter: exact against a fake driver, absent with the driver's own reason where it has nothing to say."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from bench.errors import Unavailable
from bench.meters import nvml
from bench.meters.nvml import NvmlMeter, energy

ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
OTHERS = [name for name in nvml.READINGS if name != "energy"]


def test_energy_is_the_difference_of_the_counter_in_joules(window: Any) -> None:
    reading = window(answers={ENERGY: "123456789012 123456791358"})["energy"]
    assert reading == {"value": 2.346, "source": "NVML total energy counter (whole GPU)", "reason": None}


@pytest.mark.parametrize(
    ("answers", "seconds", "reason"),
    [
        ({ENERGY: "9000 400"}, 5.0, "the energy counter went backwards, from 9000 to 400 mJ"),
        ({ENERGY: "9000 9000"}, 0.02, "window shorter than the counter's tick: no change in 0.020 s"),
        (
            {ENERGY: "9000 9400"},
            0.4,
            "a window of 0.400 s is too short for energy: the counter ticks about every 0.1 s, "
            "1 s are needed to know it to 10%",
        ),
        ({f"{ENERGY}.return": "3"}, 5.0, f"{ENERGY}: Not Supported"),
        ({f"{ENERGY}.return": "4"}, 5.0, f"{ENERGY}: Insufficient Permissions"),
        ({ENERGY: "1 9", f"{ENERGY}.return": "0 15"}, 5.0, f"{ENERGY}: GPU is lost"),
        ({f"{ENERGY}.return": "777"}, 5.0, f"{ENERGY}: an error that pynvml does not know"),
    ],
)
def test_energy_that_was_not_measured_is_absent_with_the_reason(
    window: Any, answers: dict[str, str], seconds: float, reason: str
) -> None:
    assert window(seconds=seconds, answers=answers)["energy"] == {"value": None, "source": None, "reason": reason}


def test_a_gpu_without_an_energy_counter_still_gives_all_else(window: Any) -> None:
    readings = window(answers={f"{ENERGY}.return": "3"})
    assert [name for name in OTHERS if readings[name]["value"] is None] == []


def test_every_quantity_has_its_unit_and_its_reduction(window: Any) -> None:
    readings = window(
        answers={
            "power.instant": "1 250000 310500 290000",  # mW; the first is asked for when the meter opens
            "memory.used": "7000 9000 8000",
            "process.memory": "6000",
            "utilization.gpu": "90 100 80 100 70 100",  # each sample asks twice: once for the GPU, once for its memory
            "utilization.memory": "0 20 0 40 0 60",
            "nvmlDeviceGetClockInfo": "1980 1500 1200",
            "nvmlDeviceGetTemperatureV": "60 71 65",
            "nvmlDeviceGetCurrentClocksEventReasons": "4 1 0",  # a power cap, idle, nothing
        }
    )
    assert {name: readings[name]["value"] for name in OTHERS} == {
        "power.max": 310.5,
        "memory.process": 6000,
        "memory.device": 9000,
        "utilization.gpu": pytest.approx(0.8),
        "utilization.memory": pytest.approx(0.4),
        "clock.sm": 1.5e9,
        "temperature": 71,
        "throttle.share": pytest.approx(1 / 3),
    }


@pytest.mark.parametrize("bit", [0x4, 0x8, 0x20, 0x40, 0x80])
def test_each_power_and_thermal_limit_counts_as_throttling(window: Any, bit: int) -> None:
    assert window(answers={"nvmlDeviceGetCurrentClocksEventReasons": str(bit)})["throttle.share"]["value"] == 1


def test_idleness_chosen_clocks_and_displays_do_not_count_as_throttling(window: Any) -> None:
    bits = 0x1 | 0x2 | 0x10 | 0x100
    assert window(answers={"nvmlDeviceGetCurrentClocksEventReasons": str(bits)})["throttle.share"]["value"] == 0


def test_a_failed_power_field_gives_the_average_and_says_so(window: Any) -> None:
    reading = window(answers={"power.instant.return": "3", "nvmlDeviceGetPowerUsage": "180000 210000"})["power.max"]
    assert reading["value"] == 210
    assert "1-second average" in reading["source"]
    assert "field power instant: Not Supported" in reading["source"]


def test_a_power_of_zero_watts_is_not_believed(window: Any) -> None:
    assert "1-second average" in window(answers={"power.instant": "0"})["power.max"]["source"]


def test_no_power_at_all_is_absent_with_the_drivers_reason(window: Any) -> None:
    answers = {"nvmlDeviceGetFieldValues.return": "3", "nvmlDeviceGetPowerUsage.return": "4"}
    reading = window(answers=answers)["power.max"]
    assert reading["value"] is None
    assert reading["reason"] == "nvmlDeviceGetPowerUsage: Insufficient Permissions"


def test_device_memory_leaves_the_drivers_reserve_out(window: Any) -> None:
    assert window(answers={"memory.used": "10000"})["memory.device"]["value"] == 10000  # version 1 says 20000


def test_the_end_of_the_window_counts_for_memory_and_temperature_alone(window: Any) -> None:
    readings = window(seconds=0.01, samples=())
    present = [name for name in OTHERS if readings[name]["value"] is not None]
    assert present == ["memory.process", "memory.device", "temperature"]
    assert readings["clock.sm"]["reason"] == "no sample in a window of 0.010 s: one is taken every 0.1 s"


def test_what_the_driver_averages_over_a_second_needs_a_second_of_window(window: Any) -> None:
    readings = window(seconds=0.9, samples=(0.1, 0.5, 0.8))
    assert readings["clock.sm"]["value"] is not None
    assert readings["utilization.gpu"]["reason"] == (
        "no sample in a window of 0.900 s: one is taken every 0.1 s and looks back over 1 s"
    )


def test_a_sample_outside_the_window_is_not_used(window: Any) -> None:
    readings = window(seconds=5.0, samples=(1.0, 5.5), answers={"nvmlDeviceGetClockInfo": "1000 1900"})
    assert readings["clock.sm"]["value"] == 1e9


def test_a_sample_that_failed_is_told(window: Any) -> None:
    reading = window(answers={"nvmlDeviceGetClockInfo.return": "0 10 0"})["clock.sm"]
    assert reading["value"] == 1.5e9
    assert reading["source"].endswith("; 1 of 3 samples failed: nvmlDeviceGetClockInfo: Timeout")


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"process.pid": "4194305"}, "the driver lists 2 compute processes and process"),
        ({"process.memory": "-1"}, "without its memory"),
        ({"nvmlDeviceGetComputeRunningProcesses_v3.return": "4"}, "Insufficient Permissions"),
    ],
)
def test_the_memory_of_a_process_that_the_driver_does_not_show_is_absent(
    window: Any, answers: dict[str, str], reason: str
) -> None:
    reading = window(answers=answers)["memory.process"]
    assert reading["value"] is None
    assert reason in reading["reason"]


def test_an_older_driver_is_asked_by_the_older_names(window: Any) -> None:
    missing = "13"
    readings = window(
        answers={
            "nvmlDeviceGetTemperatureV.return": missing,
            "nvmlDeviceGetTemperature": "33",
            "nvmlDeviceGetCurrentClocksEventReasons.return": missing,
            "nvmlDeviceGetCurrentClocksThrottleReasons": "8",
        }
    )
    assert readings["temperature"]["value"] == 33
    assert readings["throttle.share"]["value"] == 1


def test_the_gpu_is_the_one_of_the_uuid_whatever_its_number(window: Any) -> None:
    answers = {f"{ENERGY}@0": "0 7000000", f"{ENERGY}@1": "0 2000"}  # aaaa is CUDA's first, NVML's second
    assert window("GPU-aaaa", answers=answers)["energy"]["value"] == 2
    assert window("GPU-bbbb", answers=answers)["energy"]["value"] == 7000


def test_energy_of_a_superchip_is_called_the_modules() -> None:
    scope = nvml.Gpu.scope.fget(SimpleNamespace(name="NVIDIA GH200 480GB"))
    assert energy(0, 5000, 2.0, scope).source == "NVML total energy counter (whole module: CPU, GPU and memory)"


def test_a_window_is_opened_anew_each_time() -> None:
    meter = NvmlMeter(_FakeGpu(), clock=iter(range(100)).__next__, period=None)
    meter.start()
    meter.sample()
    assert meter.stop()["clock.sm"].value == 1e9
    meter.start()
    assert meter.stop()["clock.sm"].value is None


def test_a_thread_samples_while_the_window_is_open_and_no_longer() -> None:
    gpu = _FakeGpu()
    meter = NvmlMeter(gpu, period=0.001)
    meter.start()
    assert gpu.thrice.wait(20)
    readings = meter.stop()
    clocks = gpu.clocks
    assert readings["clock.sm"].value == 1e9
    assert not any(thread.name == "wattmark-nvml" for thread in threading.enumerate())
    assert gpu.clocks == clocks


def test_a_driver_that_fails_in_an_unknown_way_fails_no_window() -> None:
    gpu = _FakeGpu()
    gpu.sm_clock = lambda: 1 // 0
    meter = NvmlMeter(gpu, clock=iter(range(100)).__next__, period=None)
    meter.start()
    meter.sample()
    assert meter.stop()["clock.sm"].reason == "unexpected ZeroDivisionError('integer division or modulo by zero')"


@pytest.mark.parametrize(
    ("name", "uuid", "reason"),
    [("cpu", None, "NVIDIA GPUs only, not cpu"), ("mps", None, "not mps"), ("cuda:0", None, "no UUID for cuda:0")],
)
def test_no_meter_without_an_nvidia_gpu(name: str, uuid: str | None, reason: str) -> None:
    device = SimpleNamespace(name=name, kind=name.partition(":")[0], uuid=uuid)
    with pytest.raises(Unavailable, match=reason):
        nvml.open_meter(device)


class _FakeGpu:
    """Answers at once; tells when its clock was read three times."""

    scope = "whole GPU"

    def __init__(self) -> None:
        self.clocks = 0
        self.thrice = threading.Event()

    def sm_clock(self) -> float:
        self.clocks += 1
        if self.clocks == 3:
            self.thrice.set()
        return 1e9

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: 1.0
