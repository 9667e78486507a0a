"""What `wattmark doctor` advises and how it words what was found, for made-up machines: each with one thing wrong."""

from __future__ import annotations

import copy
from dataclasses import asdict
from typing import Any

import pytest

from bench.doctor.advice import advice
from bench.doctor.words import words
from reports.number import quantity

CPU = {"kind": "cpu", "name": "cpu", "label": "A CPU", "uuid": None, "memory_bytes": 16 * 10**9}


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
