"""A GPU that is read through the real pynvml: the right one, in SI units, refusing in NVML's own words."""

from __future__ import annotations

from typing import Any

import pytest

BEGAN = 1_700_000_000  # s since 1970: where the fake driver's timeline begins

FIND = """
import json, sys
from bench.errors import Unavailable
from bench.nvml import Gpu
try:
    with Gpu.find(sys.argv[1]) as gpu:
        print(json.dumps([gpu.uuid, gpu.name, gpu.index]))
except Unavailable as unavailable:
    print(json.dumps(str(unavailable)))
"""


@pytest.mark.parametrize(
    ("target", "found"),
    [
        ("0", ["GPU-bbbb", "Fake A100", 0]),
        ("1", ["GPU-aaaa", "Fake H100", 1]),
        ("GPU-aaaa", ["GPU-aaaa", "Fake H100", 1]),
    ],
)
def test_a_gpu_is_found_by_nvmls_number_or_its_uuid(python_with_nvml: Any, target: str, found: list[Any]) -> None:
    assert python_with_nvml("-c", FIND, target) == found


@pytest.mark.parametrize("target", ["2", "-1", "", "GPU-cccc", "Fake H100"])
def test_a_gpu_that_is_not_there_is_refused_with_those_that_are(python_with_nvml: Any, target: str) -> None:
    assert python_with_nvml("-c", FIND, target) == (
        f"no GPU {target!r} (nvmlDeviceGetHandleByUUID: Not Found); "
        "NVML lists 0 = GPU-bbbb (Fake A100), 1 = GPU-aaaa (Fake H100)"
    )


def test_a_slice_is_found_by_the_uuid_that_torch_gives_it(python_with_nvml: Any) -> None:
    answers = {"uuid@1": "MIG-dddd"}

    assert python_with_nvml("-c", FIND, "GPU-dddd", answers=answers) == ["MIG-dddd", "Fake H100", 1]
    assert python_with_nvml("-c", FIND, "MIG-dddd", answers=answers) == ["MIG-dddd", "Fake H100", 1]


def test_the_gpu_is_the_one_of_the_uuid_whatever_its_number(ask: Any) -> None:
    answers = {"power.watts@0": "constant 70", "power.watts@1": "constant 20"}  # aaaa is CUDA's first, NVML's second

    assert ask("gpu.average_power()", answers, uuid="GPU-aaaa") == 20
    assert ask("gpu.average_power()", answers, uuid="GPU-bbbb") == 70


@pytest.mark.parametrize(
    ("answers", "mig"),
    [
        ({}, False),
        ({"nvmlDeviceGetMigMode": "1"}, True),
        ({"nvmlDeviceIsMigDeviceHandle": "1"}, True),
        ({"nvmlDeviceGetMigMode.return": "3"}, False),
        ({"nvmlDeviceIsMigDeviceHandle.return": "13"}, False),
        ({"nvmlDeviceGetMigMode.return": "4"}, {"refused": "nvmlDeviceGetMigMode: Insufficient Permissions"}),
    ],
)
def test_slices_are_told_and_a_gpu_that_knows_none_has_none(ask: Any, answers: dict[str, str], mig: Any) -> None:
    assert ask("gpu.mig", answers) == mig


def test_a_superchip_is_read_as_a_module_in_every_way(at: Any) -> None:
    answers = {"name": "NVIDIA GH200 480GB", "power.watts": "constant 300", "power.module.watts": "constant 500"}
    reads = "gpu.scope", "gpu.power().value", "gpu.average_power()", "gpu.power_samples(0)[0].value"
    module = at(*((2, read) for read in (*reads, "gpu.energy_counter()")), answers=answers)
    alone = at(*((2, read) for read in reads), answers={**answers, "name": "NVIDIA H100"})

    assert module == ["module", 500, 500, 500, 1_000_000]
    assert alone == ["GPU", 300, 300, 300]


def test_a_superchip_without_a_sensor_of_its_module_gives_no_gpus_power_instead(ask: Any) -> None:
    answers = {"name": "NVIDIA GH200 480GB", "power.watts": "constant 300"}

    for read in ("gpu.power()", "gpu.average_power()", "gpu.power_samples(0)"):
        assert ask(read, answers)["refused"].endswith(": Not Supported")


@pytest.mark.parametrize(
    ("answers", "why"),
    [
        ({"power.instant": "0"}, "field power instant: answered 0 W"),
        ({"power.instant.return": "3"}, "field power instant: Not Supported"),
        ({"power.instant.return": "4"}, "field power instant: Insufficient Permissions"),
        ({"nvmlDeviceGetFieldValues.return": "15"}, "GPU is lost"),
    ],
)
def test_a_power_that_was_not_measured_is_refused(ask: Any, answers: dict[str, str], why: str) -> None:
    refused = ask("gpu.power()", answers)["refused"]

    assert refused.startswith("nvmlDeviceGetFieldValues")
    assert refused.endswith(why)


def test_a_power_without_its_time_is_refused(at: Any) -> None:
    began_1970 = -BEGAN

    assert at((began_1970, "gpu.power()"), answers={"power.instant": "9000"}) == [
        {"refused": "nvmlDeviceGetFieldValues, field power instant: answered without its time"}
    ]


def test_samples_come_in_order_and_empty_places_of_the_buffer_are_left_out(at: Any) -> None:
    answers = {"power.samples": "@ 1:100000 2:0 3:300000"}

    assert at((9, "gpu.power_samples(0)"), answers=answers) == [
        [{"value": 100, "stamp": BEGAN + 1}, {"value": 300, "stamp": BEGAN + 3}]
    ]


def test_a_driver_without_a_buffer_of_samples_says_so(ask: Any) -> None:
    assert ask("gpu.power_samples(0)") == {"refused": "nvmlDeviceGetSamples: Not Supported"}


@pytest.mark.parametrize("kind", range(7))
def test_the_type_of_a_field_is_the_one_that_it_comes_with(ask: Any, kind: int) -> None:
    answers = {"field.74": "54321", "field.74.type": str(kind)}

    assert ask("gpu.throttled()['sw_power_cap']", answers) == pytest.approx(54321e-9, rel=1e-12)


def test_a_type_that_nobody_knows_is_no_number(ask: Any) -> None:
    assert ask("gpu.throttled()['sw_power_cap']", {"field.74.type": "7"}) == (
        "nvmlDeviceGetFieldValues, field time at the power cap: NVML answered with a value of the unknown type 7"
    )


def test_each_reason_of_throttling_has_its_own_counter_and_its_own_refusal(ask: Any) -> None:
    numbers = (74, 76, 77, 78, 79, 269, 270, 271)
    answers = {f"field.{number}": str(number * 10**9) for number in numbers}
    refused = {"field.76.return": "3", "field.271.return": "4"}

    assert ask("gpu.throttled()", {**answers, **refused}) == {
        "sw_power_cap": 74,
        "sync_boost": "nvmlDeviceGetFieldValues, field time in sync boost: Not Supported",
        "board_limit": 77,
        "low_utilization": 78,
        "reliability": 79,
        "sw_thermal": 269,
        "hw_thermal": 270,
        "hw_power_brake": "nvmlDeviceGetFieldValues, field time of hardware power brake: Insufficient Permissions",
    }


@pytest.mark.parametrize("bit", [0x4, 0x8, 0x20, 0x40, 0x80])
def test_each_power_and_thermal_limit_counts_as_one(ask: Any, bit: int) -> None:
    assert ask("gpu.limited()", {"nvmlDeviceGetCurrentClocksEventReasons": str(bit)}) is True


def test_idleness_chosen_clocks_and_displays_are_no_limits(ask: Any) -> None:
    bits = 0x1 | 0x2 | 0x10 | 0x100

    assert ask("gpu.limited()", {"nvmlDeviceGetCurrentClocksEventReasons": str(bits)}) is False


def test_an_older_driver_is_asked_by_the_older_names(ask: Any) -> None:
    missing = "13"
    functions = (
        "nvmlDeviceGetTemperatureV",
        "nvmlDeviceGetCurrentClocksEventReasons",
        "nvmlDeviceGetComputeRunningProcesses_v3",
        "nvmlDeviceGetGraphicsRunningProcesses_v3",
    )
    answers = {
        **{f"{function}.return": missing for function in functions},
        "nvmlDeviceGetTemperature": "33",
        "nvmlDeviceGetCurrentClocksThrottleReasons": "8",
        "process.0.pid": "7",
        "graphics.0.pid": "8",
    }

    assert ask("[gpu.temperature(), gpu.limited(), [one.pid for one in gpu.processes()]]", answers) == [
        33,
        True,
        [7, 8],
    ]


def test_memory_is_told_in_its_four_parts(ask: Any) -> None:
    answers = {"memory.total": "85000000000", "memory.reserved": "600000000", "memory.used": "4000000000"}

    assert ask("gpu.memory()", answers) == {
        "total": 85_000_000_000,
        "reserved": 600_000_000,
        "used": 4_000_000_000,
        "free": 80_400_000_000,
    }


def test_memory_that_does_not_add_up_is_refused_with_the_numbers(ask: Any) -> None:
    assert ask("gpu.memory().free", {"memory.free": "59201"}) == 59201
    assert ask("gpu.memory()", {"memory.free": "50000"}) == {
        "refused": "nvmlDeviceGetMemoryInfo: 10000 B reserved, 10000 B used and 50000 B free "
        "do not add up to the total of 80000 B"
    }


def test_processes_are_listed_once_with_their_memory_and_the_name_of_their_program(ask: Any) -> None:
    answers = {
        "process.0.pid": "7",
        "process.0.memory": "600",
        "process.0.name": "/home/somebody/env/bin/python3",
        "process.1.pid": "8",
        "process.1.memory": "-1",
        "process.1.name": "/opt/a b/chrome --type=gpu-process --data=/home/somebody",
        "process.2.pid": "9",
        "graphics.0.pid": "7",
        "graphics.0.memory": "5",
        "graphics.1.pid": "10",
        "graphics.1.name": "C:\\Windows\\game.exe",
    }

    assert ask("[list(vars(one).values()) for one in gpu.processes()]", answers) == [
        [7, 600, "python3"],
        [8, None, "chrome"],
        [9, 5000, None],
        [10, 5000, "game.exe"],
    ]


def test_without_processes_the_list_is_empty(ask: Any) -> None:
    assert ask("gpu.processes()", {"process.0.pid": "0"}) == []


def test_a_list_of_processes_that_is_refused_is_not_taken_for_an_empty_one(ask: Any) -> None:
    for kind in ("Compute", "Graphics"):
        function = f"nvmlDeviceGet{kind}RunningProcesses_v3"
        assert ask("gpu.processes()", {f"{function}.return": "4"}) == {
            "refused": f"{function}: Insufficient Permissions"
        }
    assert len(ask("gpu.processes()", {"nvmlDeviceGetGraphicsRunningProcesses_v3.return": "3"})) == 2


def test_a_name_that_is_refused_spoils_no_list(ask: Any) -> None:
    assert ask("[one.name for one in gpu.processes()]", {"nvmlSystemGetProcessName.return": "4"}) == [None, None]


def test_the_rest_is_in_si_units(ask: Any) -> None:
    answers = {
        "utilization.gpu": "90",
        "utilization.memory": "35",
        "clock.sm": "1755",
        "clock.memory": "2619",
        "nvmlDeviceGetTemperatureV": "61",
        "field.82": "73",
        "ecc.corrected": "4",
        "ecc.uncorrected": "1",
        "nvmlDeviceGetCurrPcieLinkGeneration": "4",
        "nvmlDeviceGetCurrPcieLinkWidth": "8",
        "nvmlDeviceGetEnforcedPowerLimit": "500000",
        "nvmlDeviceGetPowerManagementDefaultLimit": "700000",
    }
    quantities = "utilization sm_clock memory_clock temperature memory_temperature ecc_errors pcie power_limits"
    read = ask(f"[getattr(gpu, name)() for name in {quantities.split()}]", answers)

    assert read == [[0.9, 0.35], 1.755e9, 2.619e9, 61, 73, [4, 1], [4, 8], [500, 700]]


def test_a_memory_of_zero_degrees_is_not_believed(ask: Any) -> None:
    assert ask("gpu.memory_temperature()", {"field.82": "0"}) == {
        "refused": "nvmlDeviceGetFieldValues, field memory temperature: answered 0 °C"
    }


@pytest.mark.parametrize(
    ("read", "function"),
    [
        ("energy_counter", "nvmlDeviceGetTotalEnergyConsumption"),
        ("average_power", "nvmlDeviceGetPowerUsage"),
        ("memory", "nvmlDeviceGetMemoryInfo_v2"),
        ("utilization", "nvmlDeviceGetUtilizationRates"),
        ("sm_clock", "nvmlDeviceGetClockInfo"),
        ("memory_clock", "nvmlDeviceGetClockInfo"),
        ("temperature", "nvmlDeviceGetTemperatureV"),
        ("ecc_errors", "nvmlDeviceGetTotalEccErrors"),
        ("pcie", "nvmlDeviceGetCurrPcieLinkWidth"),
        ("power_limits", "nvmlDeviceGetEnforcedPowerLimit"),
        ("throttled", "nvmlDeviceGetFieldValues"),
        ("limited", "nvmlDeviceGetCurrentClocksEventReasons"),
        ("gpm", "nvmlGpmQueryDeviceSupport"),
    ],
)
@pytest.mark.parametrize(("code", "words"), [(3, "Not Supported"), (4, "Insufficient Permissions")])
def test_what_nvml_refuses_is_refused_with_the_function_and_its_words(
    ask: Any, read: str, function: str, code: int, words: str
) -> None:
    refused = ask(f"gpu.{read}()", {f"{function}.return": str(code)})["refused"]

    assert refused == f"{function.removesuffix('_v2')}: {words}"


def test_a_code_that_pynvml_does_not_know_has_the_drivers_words(ask: Any) -> None:
    assert ask("gpu.energy_counter()", {"nvmlDeviceGetTotalEnergyConsumption.return": "777"}) == {
        "refused": "nvmlDeviceGetTotalEnergyConsumption: an error that pynvml does not know"
    }
