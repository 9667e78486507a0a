"""The NVML meter as it runs: a measured process, its sampler, the real pynvml, and a fake driver below.

What a window comes to is tested by arithmetic in tests/sampler; here the parts are together.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.errors import Unavailable
from bench.meters import nvml
from bench.meters.nvml import READINGS, NvmlMeter
from bench.record import Reading

pytestmark = pytest.mark.alone

ENERGY = "nvmlDeviceGetTotalEnergyConsumption"
CONSTANT = {"power.watts": "constant 300"}


def test_constant_power_is_its_joules_by_both_methods(watched: Any) -> None:
    found = watched("GPU-aaaa", 1.7, answers=CONSTANT)
    (readings,) = found["windows"]

    for name in ("energy", "energy.integrated", "energy.samples"):
        assert readings[name]["value"] / readings[name]["seconds"] == pytest.approx(300, rel=0.01), name
        assert readings[name]["scope"] == "GPU"
        assert 0.05 <= readings[name]["error"] < 0.2
    assert found["idle"]["power.idle"]["value"] == pytest.approx(300, rel=0.01)
    assert found["facts"]["tick"]["median"] == pytest.approx(0.1, abs=0.01)
    assert found["facts"]["power_period"] == pytest.approx(0.1, abs=0.01)


def test_a_square_wave_near_the_sensors_period_comes_out_as_its_mean(watched: Any) -> None:
    (readings,) = watched("GPU-aaaa", 1.7, answers={"power.watts": "square 100 500 0.09 0.5"})["windows"]

    assert readings["energy"]["value"] / readings["energy"]["seconds"] == pytest.approx(300, rel=0.02)


def test_a_window_shorter_than_the_counters_ticks_has_no_energy(watched: Any) -> None:
    (readings,) = watched("GPU-aaaa", 0.05, answers=CONSTANT)["windows"]

    assert readings["energy"]["value"] is None
    assert readings["energy"]["reason"].startswith("window too short for energy")


def test_a_counter_that_starts_again_is_no_measurement_and_the_next_window_is_one(watched: Any) -> None:
    found = watched("GPU-aaaa", 2.0, 1.7, answers={**CONSTANT, "energy.reset": "2.5"})["windows"]

    assert found[0]["energy"]["reason"].startswith("the energy counter went backwards, from ")
    assert found[1]["energy"]["value"] / found[1]["energy"]["seconds"] == pytest.approx(300, rel=0.01)


def test_a_gpu_that_is_lost_in_mid_window_ends_nothing_and_leaves_the_reason(watched: Any) -> None:
    (readings,) = watched("GPU-aaaa", 2.5, answers={**CONSTANT, "lost": "2.5"})["windows"]

    assert readings["energy"] == vars(Reading.absent(f"{ENERGY}: GPU is lost"))
    assert readings["clock.sm"]["source"].endswith("GPU is lost")
    assert "GPU is lost" in readings["memory.device"]["reason"]


REFUSED = {
    "clock.sm": ("nvmlDeviceGetClockInfo.return", 3, "nvmlDeviceGetClockInfo: Not Supported"),
    "temperature": ("nvmlDeviceGetTemperatureV.return", 4, "nvmlDeviceGetTemperatureV: Insufficient Permissions"),
    "temperature.memory": ("field.82.return", 3, "Not Supported"),
    "throttle.power": ("field.74.return", 3, "Not Supported"),
    "throttle.thermal": ("field.269.return", 4, "Insufficient Permissions"),
    "ecc.corrected": ("nvmlDeviceGetTotalEccErrors.return", 3, "nvmlDeviceGetTotalEccErrors: Not Supported"),
    "pcie.width": ("nvmlDeviceGetCurrPcieLinkWidth.return", 3, "nvmlDeviceGetCurrPcieLinkWidth: Not Supported"),
    "utilization.memory": ("nvmlDeviceGetUtilizationRates.return", 3, "nvmlDeviceGetUtilizationRates: Not Supported"),
    "power.max": ("power.instant.return", 3, "field power instant: Not Supported"),
    "energy.samples": ("nvmlDeviceGetSamples.return", 4, "nvmlDeviceGetSamples: Insufficient Permissions"),
    "memory.device": ("nvmlDeviceGetMemoryInfo_v2.return", 4, "Insufficient Permissions"),
}


def test_what_a_card_does_not_give_is_absent_with_its_own_reason_and_the_energy_stays(watched: Any) -> None:
    answers = {key: str(code) for key, code, _ in REFUSED.values()}
    (readings,) = watched("GPU-aaaa", 1.7, answers={**CONSTANT, **answers})["windows"]

    assert {name: readings[name]["value"] for name in REFUSED} == dict.fromkeys(REFUSED)
    assert [name for name, (_, _, reason) in REFUSED.items() if reason not in readings[name]["reason"]] == []
    assert readings["energy"]["value"] / readings["energy"]["seconds"] == pytest.approx(300, rel=0.01)


def test_of_a_card_that_gives_all_nothing_is_absent_but_the_process(watched: Any) -> None:
    answers = {**CONSTANT, "gpm.supported": "1", **{f"gpm.{number}": "1" for number in (2, 5, 10, 20, 21, 60, 61)}}
    (readings,) = watched("0", 1.7, answers=answers)["windows"]

    assert {name for name, reading in readings.items() if reading["value"] is None} == {"memory.process"}


def test_before_hopper_the_monitors_are_absent_and_say_so(watched: Any) -> None:
    (readings,) = watched(answers={**CONSTANT, "gpm.supported": "0"})["windows"]

    assert "before Hopper" in readings["utilization.tensor"]["reason"]


def test_from_hopper_on_the_monitors_are_read(watched: Any) -> None:
    answers = {**CONSTANT, "gpm.supported": "1", "gpm.2": "80", "gpm.5": "40", "gpm.10": "50", "gpm.20": "100"}
    (readings,) = watched("GPU-aaaa", 1.0, answers=answers)["windows"]

    assert readings["utilization.sm"]["value"] == pytest.approx(0.8)
    assert readings["utilization.tensor"]["value"] == pytest.approx(0.4)
    assert readings["utilization.dram"]["value"] == pytest.approx(0.5)
    assert readings["pcie.tx"]["value"] == pytest.approx(100 * 2**20)


def test_throttled_time_is_exact(watched: Any) -> None:
    answers = {**CONSTANT, "field.74": "rate 250000000", "field.270": "rate 100000000"}
    (readings,) = watched("GPU-aaaa", 1.2, answers=answers)["windows"]

    assert readings["throttle.power"]["value"] == pytest.approx(0.25, rel=0.02)
    assert readings["throttle.thermal"]["value"] == pytest.approx(0.1, rel=0.02)
    assert readings["throttle.share"]["value"] == pytest.approx(0.25, rel=0.02)


def test_a_mig_slice_has_no_power_of_its_own(watched: Any) -> None:
    found = watched("GPU-aaaa", 0.5, answers={**CONSTANT, "nvmlDeviceGetMigMode": "1"})
    (readings,) = found["windows"]

    for name in ("energy", "power.max", "utilization.gpu"):
        assert readings[name]["reason"] == "a MIG slice: NVML has it of the whole GPU only"
    assert found["idle"]["power.idle"]["reason"] == "a MIG slice: NVML has it of the whole GPU only"
    assert found["facts"]["mig"] is True


def test_a_superchips_energy_is_the_modules(watched: Any) -> None:
    answers = {"name": "NVIDIA GH200 480GB", "power.watts": "constant 300", "power.module.watts": "constant 500"}
    found = watched("GPU-aaaa", 1.7, answers=answers)
    energy = found["windows"][0]["energy"]

    assert energy["scope"] == "module"
    assert energy["value"] / energy["seconds"] == pytest.approx(500, rel=0.01)
    assert found["facts"]["scope"] == "module"


@pytest.mark.parametrize(("target", "watts"), [("GPU-aaaa", 200), ("GPU-bbbb", 400), ("0", 400), ("1", 200)])
def test_the_gpu_is_the_one_of_the_uuid_or_of_nvmls_number(watched: Any, target: str, watts: float) -> None:
    answers = {"power.watts@0": "constant 400", "power.watts@1": "constant 200"}  # bbbb is NVML's first, not CUDA's
    energy = watched(target, 1.7, answers=answers)["windows"][0]["energy"]

    assert energy["value"] / energy["seconds"] == pytest.approx(watts, rel=0.01)


def test_a_process_with_the_hosts_pid_has_the_devices_growth(watched: Any) -> None:
    answers = {
        **CONSTANT,
        "process.0.pid": "@ 0:0 2:70001",  # nobody before the case, then a PID that nobody has here
        "process.0.memory": "5000",
        "memory.used": "@ 0:1000 2:7000",
    }
    found = watched("GPU-aaaa", 2.2, answers=answers)

    assert found["windows"][0]["memory.process"]["value"] == 6000
    assert "host PIDs" in found["windows"][0]["memory.process"]["source"]
    assert found["facts"]["pids"] == "host"
    assert found["facts"]["foreign"] == []


def test_another_process_on_the_gpu_is_named_with_its_memory(watched: Any) -> None:
    answers = {**CONSTANT, "process.0.pid": "4711", "process.0.memory": "3000", "process.0.name": "/usr/bin/miner"}
    found = watched(answers=answers)

    assert found["facts"]["foreign"] == [{"pid": 4711, "name": "miner", "memory": 3000, "when": "before"}]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"nvmlInitWithFlags.return": "9"}, "nvmlInit: Driver Not Loaded"),
        ({"nvmlInitWithFlags.return": "4"}, "nvmlInit: Insufficient Permissions"),
        ({"uuid": "GPU-cccc"}, "no GPU 'GPU-aaaa' "),
    ],
)
def test_every_reading_of_a_meter_that_cannot_be_opened_has_the_reason(
    watched: Any, answers: dict[str, str], reason: str
) -> None:
    readings = watched(answers=answers)["idle"]

    assert set(readings) == set(READINGS)
    assert all(reading["value"] is None and reason in reading["reason"] for reading in readings.values())


def test_without_the_library_every_reading_is_absent(watched: Any, tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").touch()  # found before any true one, and no library
    readings = watched(libraries=tmp_path)["idle"]

    assert {reading["reason"] for reading in readings.values()} == {"nvmlInit: NVML Shared Library Not Found"}


@pytest.mark.parametrize(
    ("name", "uuid", "reason"),
    [("cpu", None, "NVIDIA GPUs only, not cpu"), ("mps", None, "not mps"), ("cuda:0", None, "no UUID for cuda:0")],
)
def test_no_meter_without_an_nvidia_gpu(name: str, uuid: str | None, reason: str) -> None:
    device: Any = SimpleNamespace(name=name, kind=name.partition(":")[0], uuid=uuid)
    with pytest.raises(Unavailable, match=reason):
        nvml.open_meter(device)


DIES = """
import json, os, signal, sys, time
from bench.meters.nvml import NvmlMeter, Sampler
sampler = Sampler("0", None)
print(json.dumps(sampler._process.pid), flush=True)
if sys.argv[1] == "outlives":
    time.sleep(600)
meter = NvmlMeter(sampler)
meter.start()
os.kill(sampler._process.pid, signal.SIGKILL)
print(json.dumps({name: reading.reason for name, reading in meter.stop().items()}))
meter.close()
"""


@pytest.fixture
def dies(fake_library: Path, tmp_path: Path) -> Any:
    """Starts the script above under the fake driver."""
    (tmp_path / "answers").write_text("power.watts constant 300\n")
    settings = {"LD_LIBRARY_PATH": str(fake_library), "FAKE_NVML": str(tmp_path / "answers")}

    def start(how: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", DIES, how]
        return subprocess.Popen(command, env={**os.environ, **settings}, stdout=subprocess.PIPE, text=True)

    return start


def test_a_sampler_that_dies_leaves_reasons_and_a_case_that_goes_on(dies: Any) -> None:
    out, _ = dies("is killed").communicate(timeout=60)
    reasons = json.loads(out.splitlines()[1])

    assert set(reasons.values()) == {f"the sampler ended with code -{signal.SIGKILL.value}"}


def test_a_sampler_ends_with_the_process_that_it_watches_for(dies: Any) -> None:
    process = dies("outlives")
    sampler = json.loads(process.stdout.readline())
    assert psutil.pid_exists(sampler)
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 60
    while psutil.pid_exists(sampler) and psutil.Process(sampler).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the sampler outlived its process"
        time.sleep(0.05)


def test_every_window_meets_the_sensor_at_another_phase() -> None:
    pauses: list[float] = []
    meter = NvmlMeter(SimpleNamespace(), clock=lambda: 0.0, pause=pauses.append)  # type: ignore[arg-type]
    for _ in range(200):
        meter.start()

    assert min(pauses) < 0.02
    assert max(pauses) > 0.08
    assert max(pauses) <= 0.1
    assert len(set(pauses)) == len(pauses)
