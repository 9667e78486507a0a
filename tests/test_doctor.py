"""What `wattmark doctor` finds: with and without a driver, of each device and meter, and of the system."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench import meters
from bench.device import Device
from bench.doctor import matched
from bench.doctor.look import look, unit
from bench.doctor.signs import nvidia_cards, power_profile, powercap, turbo_switch
from bench.doctor.words import words
from bench.metric import METRICS
from reports.number import quantity

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[1]
CPU = {"kind": "cpu", "name": "cpu", "label": "A CPU", "uuid": None, "memory_bytes": 16 * 10**9}


@pytest.fixture
def doctor(fake_library: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs the command under a fake driver that answers as told, or without any."""

    def run(
        *arguments: str,
        answers: Mapping[str, str] | None = None,
        library: Path = fake_library,
        path: str = str(ROOT),
    ) -> subprocess.CompletedProcess[str]:
        script = tmp_path / "script"
        script.write_text("".join(f"{key} {values}\n" for key, values in (answers or {}).items()))
        settings = {"LD_LIBRARY_PATH": str(library), "FAKE_NVML": str(script), "PYTHONPATH": path}
        return subprocess.run(
            [sys.executable, "-P", "-m", "bench", "doctor", *arguments],
            env={**os.environ, **settings},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


def test_without_a_driver_the_cpu_is_told_and_nothing_has_failed(doctor: Any, tmp_path: Path) -> None:
    done = doctor(library=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "driver: nvmlInit: NVML Shared Library Not Found" in done.stdout
    assert "host        memory.host" in done.stdout
    assert "nvml        NVML measures NVIDIA GPUs only, not cpu" in done.stdout
    assert done.stderr == "wattmark doctor: loading torch\nwattmark doctor: watching cpu\n"


def test_a_torch_that_does_not_come_up_is_told_beside_what_needs_none(doctor: Any, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "torch.py").write_text("raise ImportError('libcudart is not here')\n")
    done = doctor("--probe", library=tmp_path, path=f"{broken}{os.pathsep}{ROOT}")
    text = " ".join(done.stdout.split())

    assert done.returncode == 0, done.stderr
    assert "torch does not come up: the fork server did not start: ImportError: libcudart is not here" in text
    assert "host the fork server did not start: ImportError: libcudart is not here" in text
    assert "nothing only a GPU that NVIDIA's driver lists can be probed" in text


def test_every_device_and_meter_is_told_with_a_value_or_a_reason(doctor: Any) -> None:
    answers = {
        "power.watts": "constant 300",
        "name": "Fake T4",
        "nvmlDeviceGetPersistenceMode": "0",
        "process.0.pid@1": "4711",
        "process.0.name@1": "/opt/trainer",
        "process.0.memory@1": "3100000000",
        "process.0.pid@0": "0",
    }
    done = doctor("--json", answers=answers)
    found = json.loads(done.stdout, parse_constant=lambda text: pytest.fail(f"{text} is no JSON"))

    assert done.returncode == 0
    assert [device["name"] for device in found["devices"]] == ["cpu", "nvml:0", "nvml:1"]
    assert set(found["devices"][0]["meters"]) == set(meters.names())
    (card,) = found["devices"][2]["meters"].values()
    energy = card["readings"]["energy"]
    assert energy["value"] / energy["seconds"] == pytest.approx(300, rel=0.02)
    assert (energy["unit"], energy["scope"]) == ("J", "GPU")
    assert card["readings"]["power.idle"]["value"] == pytest.approx(300, rel=0.02)
    assert "before Hopper" in card["readings"]["utilization.sm"]["reason"]
    for device in found["devices"]:
        for meter in device["meters"].values():
            for name, reading in meter["readings"].items():
                assert (reading["value"] is None) == (reading["reason"] is not None), name
                assert reading["value"] is None or (reading["unit"] and reading["source"]), name
    texts = [one["text"] for one in found["advice"]]
    assert any(text.startswith("others use nvml:1: trainer (process 4711 with 3.10 GB)") for text in texts)
    assert not any("others use nvml:0" in text for text in texts)
    assert "sudo nvidia-smi -i 1 -pm 1" in [one["command"] for one in found["advice"]]


def test_a_probe_without_a_load_measures_what_needs_none_and_is_recorded(doctor: Any, tmp_path: Path) -> None:
    answers = {"power.watts": "constant 300", "gpus": "1", "name": "Fake L4", "energy.tick": "0.05"}
    done = doctor("--probe", "--json", "--record", "trace", answers=answers)
    device = json.loads(done.stdout)["devices"][1]

    assert device["probe"]["tick"]["median"] == pytest.approx(0.05, rel=0.1)
    assert device["probe"]["power_period"]["median"] == pytest.approx(0.1, rel=0.1)
    assert device["probe"]["response"]["reason"] == "a load needs torch, which does not see Fake L4"
    assert device["recording"] == "trace"
    assert "name Fake L4\n" in (tmp_path / "trace").read_text()


@pytest.mark.parametrize(
    ("answers", "record", "why"),
    [
        ({"gpus": "0"}, "trace", "--record trace: there is no NVIDIA GPU to record (NVML lists none)"),
        ({}, "nowhere/trace", "--record nowhere/trace: no such folder, nowhere"),
        ({}, ".", "--record .: a folder; it needs the name of a file"),
    ],
)
def test_what_cannot_be_recorded_is_refused_at_once(doctor: Any, answers: Any, record: str, why: str) -> None:
    done = doctor("--record", record, answers=answers)

    assert (done.returncode, done.stderr, done.stdout) == (2, f"wattmark: {why}\n", "")


def test_every_reading_has_a_unit_and_an_unknown_one_has_none() -> None:
    shipped = {name for meter in meters.SHIPPED for name in meters.module(meter).READINGS}

    assert all(unit(name) for name in shipped)
    assert all(unit(name) == METRICS[name].unit for name in shipped & set(METRICS))
    assert unit("flux") is None


def test_gpus_are_matched_by_uuid_whatever_the_order() -> None:
    """CUDA counts the fastest first, NVML by the bus."""
    card = {"name": "A GPU", "memory_bytes": 80 * 10**9, "facts": {}}
    gpus = [{**card, "uuid": f"GPU-{name}", "number": number} for number, name in enumerate("abc")]
    cuda = [{**CPU, "kind": "cuda", "name": f"cuda:{n}", "uuid": f"GPU-{name}"} for n, name in enumerate("cb")]
    found = matched([CPU, *cuda], {"gpus": gpus})

    assert [device["name"] for device in found] == ["cpu", "cuda:0", "cuda:1", "nvml:0"]
    assert [device["nvml"] and device["nvml"]["number"] for device in found] == [None, 2, 1, 0]
    assert [device["torch"] for device in found] == [True, True, True, False]


SLOW = """
import time
from bench.meters import Meter
from bench.record import Reading
READINGS = ("waited",)
class Slow(Meter):
    def shortest(self): return 1.6
    def start(self): self.began = time.perf_counter()
    def stop(self): return {"waited": Reading(time.perf_counter() - self.began, "a watch")}
def open_meter(device, target=None): return Slow()
"""


def test_a_meter_gets_as_long_a_window_as_it_needs(installed: Callable[[str], None]) -> None:
    installed(SLOW)
    (found,) = look([{"device": CPU, "meters": ["coil"]}])

    assert found["coil"]["readings"]["waited"]["value"] > 1.6


BROKEN = """
from bench.meters import Meter
from bench.record import Reading
READINGS = ("flux", "flux.max")
class Broken(Meter):
    def start(self): pass
    def before(self): return {"flux": Reading(3.0, "a coil")}
    def stop(self): raise ZeroDivisionError("no field")
def open_meter(device, target=None): return Broken()
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Installs a distribution that brings the meter `coil`, and another one whose module is missing."""

    def install(code: str) -> None:
        (tmp_path / "coil.py").write_text(code)
        info = tmp_path / "coil-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coil\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("[wattmark.meters]\ncoil = coil\ngone = nowhere\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("coil", None)


def test_a_meter_that_breaks_spoils_no_other(installed: Callable[[str], None]) -> None:
    installed(BROKEN)
    names = ["gone", "coil", "host"]
    (found,) = look([{"device": CPU, "meters": names}])

    assert found["gone"]["reason"].startswith("unexpected ModuleNotFoundError")
    assert found["coil"]["readings"]["flux"]["value"] == 3.0
    assert found["coil"]["readings"]["flux.max"]["reason"] == "the meter failed: ZeroDivisionError('no field')"
    assert found["host"]["readings"]["memory.host"]["value"] > 0
    text = words({**_bare(), "devices": [{**CPU, "torch": True, "nvml": None, "meters": found}]}, quantity)
    assert "flux.max: the meter failed: ZeroDivisionError('no field')" in text
    assert "gone        unexpected ModuleNotFoundError" in text


def _bare() -> dict[str, Any]:
    driver = {"gpus": None, "reason": "none", "code": None, "wrong_distribution": None}
    return {"environment": {"value": None, "reason": "crashed"}, "driver": driver, "advice": []}


def test_a_meter_is_looked_at_for_the_device_that_it_is_asked_for() -> None:
    device = Device.from_json(CPU).to_json()
    (found,) = look([{"device": device, "meters": ["accelerator"]}])

    assert {one["reason"] for one in found["accelerator"]["readings"].values()} == {
        "a cpu has no device memory of its own"
    }


def test_cards_of_nvidias_are_seen_on_the_bus_and_other_parts_are_not(tmp_path: Path) -> None:
    for slot, vendor, kind in (("0", "0x10de", "0x030200"), ("1", "0x10de", "0x040300"), ("2", "0x1002", "0x030000")):
        card = tmp_path / "sys/bus/pci/devices" / slot
        card.mkdir(parents=True)
        (card / "vendor").write_text(f"{vendor}\n")
        (card / "class").write_text(f"{kind}\n")

    assert nvidia_cards(tmp_path) == 1
    assert nvidia_cards(tmp_path / "nowhere") == 0


@pytest.fixture
def nobody() -> Any:
    """Another user than root, who may read everything."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def test_counters_that_this_user_may_not_read_are_closed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    assert powercap(tmp_path) == "none"
    counter = tmp_path / "sys/class/powercap/intel-rapl:0/energy_uj"
    counter.parent.mkdir(parents=True)
    counter.write_text("1\n")
    assert powercap(tmp_path) == "open"
    for folder in [counter.parent, *counter.parent.parents]:
        if folder.is_relative_to(tmp_path.parents[1]):
            folder.chmod(0o755)
    counter.chmod(0)
    request.getfixturevalue("nobody")
    assert powercap(tmp_path) == "closed"


def test_the_switch_of_the_turbo_is_the_one_that_is_there(tmp_path: Path) -> None:
    assert turbo_switch(tmp_path)["reason"] == "the system has no switch for it"
    assert power_profile(tmp_path)["reason"] == "the firmware has no profiles"
    boost = tmp_path / "sys/devices/system/cpu/cpufreq/boost"
    boost.parent.mkdir(parents=True)
    boost.write_text("1")
    assert turbo_switch(tmp_path) == f"echo 0 | sudo tee {boost}"
