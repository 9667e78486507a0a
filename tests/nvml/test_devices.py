"""Which GPUs there are, what stays the same of them, and why NVML cannot be used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

LIST = """
import dataclasses, json
from bench.nvml import nvml_devices
print(json.dumps([dataclasses.asdict(gpu) for gpu in nvml_devices()]))
"""
DESCRIBE = """
import json
from bench.nvml import describe
print(json.dumps(describe("GPU-aaaa")))
"""
OPEN = """
import json
import pynvml
from bench.errors import Unavailable
from bench.nvml import Gpu
try:
    Gpu("GPU-cccc")
except Unavailable as unavailable:
    print(json.dumps([str(unavailable), pynvml._nvmlLib_refcount]))
"""


def test_gpus_are_listed_with_their_uuids_without_torch(python_with_nvml: Any) -> None:
    code = LIST + "import sys; assert 'torch' not in sys.modules"
    assert python_with_nvml("-c", code) == [
        {"number": 0, "name": "Fake A100", "uuid": "GPU-bbbb", "memory_bytes": 80000},
        {"number": 1, "name": "Fake H100", "uuid": "GPU-aaaa", "memory_bytes": 80000},
    ]


@pytest.mark.parametrize("function", ["nvmlDeviceGetName", "nvmlDeviceGetUUID"])
def test_a_gpu_that_cannot_be_read_hides_no_other(python_with_nvml: Any, function: str) -> None:
    """Another container's, or one that has fallen off the bus."""
    answers = {f"{function}.return@0": "15"}
    find = "import json\nfrom bench.nvml import Gpu\nprint(json.dumps([Gpu.find(x).name for x in ('GPU-aaaa', '1')]))"

    assert [gpu["number"] for gpu in python_with_nvml("-c", LIST, answers=answers)] == [1]
    assert python_with_nvml("-c", find, answers=answers) == ["Fake H100", "Fake H100"]


def test_a_gpu_whose_memory_is_not_told_is_listed_all_the_same(python_with_nvml: Any) -> None:
    listed = python_with_nvml("-c", LIST, answers={"nvmlDeviceGetMemoryInfo_v2.return@1": "3"})
    assert [gpu["memory_bytes"] for gpu in listed] == [80000, None]


def test_a_gpu_is_described_in_si_units(python_with_nvml: Any) -> None:
    answers = {"power.limit.max": "700000", "clock.memory.max": "2619", "driver": "580.95.05"}

    assert python_with_nvml("-c", DESCRIBE, answers=answers) == {
        "name": "Fake H100",
        "driver": "580.95.05",
        "energy_scope": "GPU",
        "power_limit": 300.0,
        "power_limit_default": 400.0,
        "power_limit_min": 100.0,
        "power_limit_max": 700.0,
        "clock_sm_max": 1.98e9,
        "clock_memory_max": 2.619e9,
        "memory_bytes": 80000,
        "ecc": True,
        "mig": False,
        "persistence": True,
        "vbios": "96.00.5E.00.01",
        "pcie_generation_max": 5,
        "pcie_width_max": 16,
    }


def test_a_fact_that_cannot_be_had_is_null_with_its_reason_and_spoils_no_other(python_with_nvml: Any) -> None:
    answers = {"nvmlDeviceGetEnforcedPowerLimit.return": "4", "nvmlDeviceGetEccMode.return": "3"}
    facts = python_with_nvml("-c", DESCRIBE, answers=answers)
    assert facts["power_limit"] == {
        "value": None,
        "reason": "nvmlDeviceGetEnforcedPowerLimit: Insufficient Permissions",
    }
    assert facts["ecc"] == {"value": None, "reason": "nvmlDeviceGetEccMode: Not Supported"}
    assert facts["power_limit_default"] == 400.0


def test_the_library_is_given_back_after_listing_and_describing(python_with_nvml: Any) -> None:
    code = "import json, pynvml\nfrom bench.nvml import describe, nvml_devices\nnvml_devices(), describe('GPU-aaaa')\n"

    assert python_with_nvml("-c", code + "print(json.dumps(pynvml._nvmlLib_refcount))") == 0


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"nvmlInitWithFlags.return": "9"}, "nvmlInit: Driver Not Loaded"),
        ({"nvmlInitWithFlags.return": "4"}, "nvmlInit: Insufficient Permissions"),
        ({}, "nvmlDeviceGetHandleByUUID: Not Found"),
    ],
)
def test_a_gpu_that_cannot_be_opened_has_the_reason_and_gives_the_library_back(
    python_with_nvml: Any, answers: dict[str, str], reason: str
) -> None:
    assert python_with_nvml("-c", OPEN, answers=answers) == [reason, 0]


def test_without_the_library_there_is_a_reason(python_with_nvml: Any, tmp_path: Path) -> None:
    (tmp_path / "libnvidia-ml.so.1").touch()  # found before any true one, and no library

    assert python_with_nvml("-c", OPEN, libraries=tmp_path)[0] == "nvmlInit: NVML Shared Library Not Found"
