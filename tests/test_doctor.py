"""What `wattmark doctor` says: with and without a driver, of each device and meter, and what to do about it."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bench import meters
from bench.device import Device
from bench.doctor.advice import advice
from bench.doctor.look import look, unit
from bench.doctor.signs import nvidia_cards, power_profile, powercap, turbo_switch
from bench.doctor.words import words
from bench.metric import METRICS
from reports.number import quantity

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


def reading(**given: Any) -> dict[str, Any]:
    return {"unit": "J", **dict.fromkeys(("value", "source", "reason", "scope", "error", "seconds")), **given}


@pytest.fixture
def healthy() -> dict[str, Any]:
    """A machine at which nothing is wrong, with one GPU that torch sees."""
    settings = {"power_limit": 700.0, "power_limit_default": 700.0, "ecc": True, "mig": False, "persistence": True}
    gpu = {"name": "A GPU", "uuid": "GPU-a", "memory_bytes": 80 * 10**9, "number": 3, "facts": settings}
    found = {"reason": None, "readings": {"energy": reading(value=70.0, source="a counter")}, "facts": {"mig": False}}
    cuda = {"kind": "cuda", "name": "cuda:0", "label": "A GPU", "uuid": "GPU-a", "memory_bytes": 80 * 10**9}
    environment = {
        "system": {"os": "Linux", "kernel": "Linux 6", "virtual_machine": False},
        "cpu": {"model": "A CPU", "logical_cores": 8, "governor": "performance", "turbo": False, "quota_cores": 8.0},
        "memory": {"bytes": 16 * 10**9},
        "torch": {"version": "2.13.0+cu130", "cuda": "13.0", "hip": {"value": None, "reason": "none"}, "threads": 8},
        "variables": {},
    }
    return {
        "wattmark": "0.1.0",
        "environment": environment,
        "driver": {"gpus": [gpu], "reason": None, "code": None, "wrong_distribution": None},
        "signs": {
            "nvidia_cards": 1,
            "powercap": "open",
            "power_profile": "performance",
            "battery": False,
            "turbo_switch": "echo 1 | sudo tee no_turbo",
        },
        "others": [],
        "devices": [
            {**CPU, "torch": True, "nvml": None, "meters": {}},
            {**cuda, "torch": True, "nvml": gpu, "meters": {"nvml": found}},
        ],
    }


def test_where_nothing_is_wrong_there_is_nothing_to_do(healthy: dict[str, Any]) -> None:
    assert advice(healthy) == []
    assert words({**healthy, "advice": []}, quantity).endswith("What to do\n  Nothing that could be seen from here.")


def test_what_is_not_known_is_no_reason_to_do_anything(healthy: dict[str, Any]) -> None:
    """Neither a fact without a value, nor a torch that did not come up."""
    unknown = {"value": None, "reason": "not shown"}
    for name in ("governor", "turbo", "quota_cores"):
        healthy["environment"]["cpu"][name] = unknown
    healthy["environment"]["system"]["virtual_machine"] = unknown
    healthy["signs"].update(power_profile=unknown, battery=unknown, powercap="none")
    healthy["driver"]["gpus"][0]["facts"] = dict.fromkeys(healthy["driver"]["gpus"][0]["facts"], unknown)
    assert advice(healthy) == []

    healthy["environment"] = {"value": None, "reason": "crashed"}
    assert advice(healthy) == []


def put(found: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    *parents, last = path.split(".")
    inner: Any = found
    for part in parents:
        inner = inner[int(part)] if part.isdigit() else inner[part]
    inner[last] = value
    return found


PROFILE = "/sys/firmware/acpi/platform_profile"
NOT_HERE = {"value": None, "reason": "not here"}
FOREIGN = [
    {"pid": 7, "name": None, "memory": None, "when": "before"},
    {"pid": 8, "name": "late", "memory": 1, "when": "during"},
]


@pytest.mark.parametrize(
    ("path", "value", "said", "command"),
    [
        ("driver.wrong_distribution", "pynvml is installed and", "pynvml is installed and", None),
        ("environment.torch.cuda", NOT_HERE, "built without CUDA", None),
        ("others", ["other processes take 34 % of the CPUs: make 30 %"], "of the CPUs: make 30 %; measure when", None),
        ("devices.1.meters.nvml.facts", {"foreign": FOREIGN}, "others use cuda:0: unnamed (process 7); measure", None),
        ("driver.gpus.0.facts.mig", True, "cuda:0 is cut into MIG slices", "sudo nvidia-smi -i 3 -mig 0"),
        ("devices.1.meters.nvml.facts", {"pids": "host"}, "--pid=host", None),
        ("signs.powercap", "closed", "only root may read", "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj"),
        ("signs.powercap", "none", "shows no energy counters", "sudo modprobe intel_rapl_msr"),
        ("driver.gpus.0.facts.power_limit", 400.0, "400 W and the default 700 W", "sudo nvidia-smi -i 3 -pl 700"),
        ("driver.gpus.0.facts.persistence", False, "persistence mode is off", "sudo nvidia-smi -i 3 -pm 1"),
        ("driver.gpus.0.facts.ecc", False, "ECC is off", "sudo nvidia-smi -i 3 -e 1"),
        ("environment.cpu.governor", "powersave", "powersave", "sudo cpupower frequency-set -g performance"),
        ("signs.battery", True, "plug it in", None),
        ("signs.power_profile", "low-power", "is low-power", f"echo performance | sudo tee {PROFILE}"),
        ("environment.cpu.quota_cores", 2.5, "gives the time of 2.5 cores", "export OMP_NUM_THREADS=2"),
        ("environment.cpu.turbo", True, "turbo is on", "echo 1 | sudo tee no_turbo"),
    ],
)  # fmt: skip
def test_each_thing_that_is_wrong_has_its_one_line(
    healthy: dict[str, Any], path: str, value: Any, said: str, command: str | None
) -> None:
    (one,) = advice(put(healthy, path, value))

    assert said in one.text
    assert one.command == command


def test_a_virtual_machine_is_told_another_way_to_its_cpus_energy(healthy: dict[str, Any]) -> None:
    put(healthy, "signs.powercap", "none")
    put(healthy, "environment.system.virtual_machine", True)
    (one,) = advice(healthy)

    assert "measure the CPU's energy on the host itself" in one.text
    assert one.command is None


@pytest.mark.parametrize(
    ("code", "said"),
    [(4, "/dev/nvidiactl"), (9, "not loaded"), (12, "--gpus all"), (18, "restart"), (999, "does not answer (why)")],
)
def test_a_driver_that_is_silent_beside_a_card_is_told_by_its_code(
    healthy: dict[str, Any], code: int, said: str
) -> None:
    healthy["driver"] = {"gpus": None, "reason": "why", "code": code, "wrong_distribution": None}
    healthy["devices"] = healthy["devices"][:1]
    (one,) = advice(healthy)

    assert said in one.text


def test_a_machine_without_an_nvidia_gpu_needs_no_driver(healthy: dict[str, Any]) -> None:
    healthy["driver"] = {"gpus": None, "reason": "not found", "code": 12, "wrong_distribution": None}
    healthy["devices"] = healthy["devices"][:1]
    healthy["signs"]["nvidia_cards"] = 0

    assert advice(healthy) == []


def test_a_driver_that_torch_can_use_and_nvml_cannot_is_told_without_the_bus(healthy: dict[str, Any]) -> None:
    """As in a container that was given CUDA alone."""
    healthy["driver"] = {"gpus": None, "reason": "not found", "code": 12, "wrong_distribution": None}
    healthy["signs"]["nvidia_cards"] = 0
    healthy["devices"][1]["nvml"] = None

    assert "NVIDIA_DRIVER_CAPABILITIES" in advice(healthy)[0].text


def test_a_hidden_gpu_is_told_with_what_hides_it(healthy: dict[str, Any]) -> None:
    hidden = copy.deepcopy(healthy)
    gpu = {**hidden["driver"]["gpus"][0], "uuid": "GPU-b", "number": 0}
    hidden["driver"]["gpus"].append(gpu)
    hidden["devices"].append({**CPU, "kind": "nvml", "name": "nvml:0", "torch": False, "nvml": gpu, "meters": {}})
    hidden["environment"]["variables"]["CUDA_VISIBLE_DEVICES"] = "3"
    text = words({**hidden, "advice": []}, quantity)

    assert "2 GPUs, torch sees 1 of them (CUDA_VISIBLE_DEVICES=3)" in text
    assert "can watch it with --meter nvml:0" in text
    hidden["devices"][1]["nvml"] = None
    assert "2 GPUs, torch sees none of them whole, and 1 device that NVML does not list (MIG)" in words(
        {**hidden, "advice": []}, quantity
    ).replace("\n            ", " ")
    assert "1 GPU, torch sees all of them" in words({**healthy, "advice": []}, quantity)


def test_the_text_has_what_works_first_then_what_does_not_then_what_to_do_in_100_columns(
    healthy: dict[str, Any],
) -> None:
    long = "nvmlGpmQueryDeviceSupport: " + "this GPU has no performance monitors " * 4
    healthy["devices"][1]["meters"]["nvml"]["readings"] = {
        "energy": reading(value=140.0, source="NVML energy counter, between its ticks", scope="GPU", error=0.052),
        "throttle.share": reading(value=0.25, unit="1", source="a counter"),
        "utilization.sm": reading(reason=long, unit="1"),
        "pcie.rx": reading(reason="nvmlGpmMetricsGet, pcie.rx: Not Supported", unit="B/s"),
        "pcie.tx": reading(reason="nvmlGpmMetricsGet, pcie.tx: Not Supported", unit="B/s"),
    }
    limited = put(healthy, "driver.gpus.0.facts.power_limit", 400.0)
    text = words({**healthy, "advice": [asdict(one) for one in advice(limited)]}, quantity)
    lines = text.splitlines()

    assert max(map(len, lines)) <= 100
    order = [text.index(part) for part in ("Machine", "cuda:0", "gives", "140 J", "does not give", "What to do")]
    assert order == sorted(order)
    assert "GPU, ±5.2 %" in text
    assert "25 %" in text
    assert "pcie.rx, pcie.tx: nvmlGpmMetricsGet: Not Supported" in text
    assert lines[-1] == "      sudo nvidia-smi -i 3 -pl 700"  # whole, to be copied


def test_what_a_probe_found_is_told_in_numbers_and_what_it_did_not_in_words(healthy: dict[str, Any]) -> None:
    gone = {"value": None, "reason": "no counter"}
    healthy["devices"][1]["probe"] = {
        "load": "products",
        "tick": {"median": 0.1, "least": 0.09, "most": 0.11, "ticks": 60},
        "power_period": gone,
        "questions": {"asked": 100, "refused": 3, "reason": "busy"},
        "response": {
            "instantaneous": {"rise": 0.02, "window": 0.025, "resolution": 0.004, "edges": 48, "delay": 0.01},
            "average": gone,
        },
        "agreement": [
            {"name": "10% of each 0.1 s", "duty": 0.1, "counter": 150.0, "integrated": 300.0, "ratio": 0.5},
            {"name": "steady load", "duty": 0.9, "counter": gone, "integrated": 300.0, "ratio": gone},
        ],
        "short_windows": [
            {"seconds": 0.1, "windows": 9, "plain": 1.0, "measured": 0.0, "worst": gone},
            {"seconds": 2.0, "windows": 9, "plain": 0.05, "measured": 1.0, "worst": 0.001},
        ],
    }
    text = " ".join(words({**healthy, "advice": []}, quantity).split())

    assert "energy counter's tick 100 ms (90.0 ms to 110 ms; 60 ticks)" in text
    assert "power sensor's period no counter" in text
    assert "refused 3 of 100 questions for power: busy" in text
    assert "from 10 % to 90 % of a step in 20.0 ms (seen to 4.00 ms, 48 steps): averages over about 25.0 ms" in text
    assert "10% of each 0.1 s: counter 150 W, integrated 300 W, ratio 0.500" in text
    assert "load of 90 % no counter" in text
    assert "a plain difference is off by 1e+02 % at most; Wattmark's energy for 0 % of them" in text
    assert "off by 5 % at most; Wattmark's energy for 100 % of them, off by 0.1 % at most" in text


def test_every_reading_has_a_unit_and_an_unknown_one_has_none() -> None:
    shipped = {name for meter in meters.SHIPPED for name in meters.module(meter).READINGS}

    assert all(unit(name) for name in shipped)
    assert all(unit(name) == METRICS[name].unit for name in shipped & set(METRICS))
    assert unit("flux") is None


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


def test_a_meter_that_breaks_spoils_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "coil.py").write_text(BROKEN)
    info = tmp_path / "coil-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: coil\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[wattmark.meters]\ncoil = coil\ngone = nowhere\n")
    monkeypatch.syspath_prepend(str(tmp_path))
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
