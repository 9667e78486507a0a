"""Which facts two records must share, and which are only worth saying."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from stored_records import ENVIRONMENT, GPU_CASE, GPU_ENVIRONMENT, altered, record

from bench.case import Case
from bench.judge.keys import differences

UNKNOWN = {"value": None, "reason": "the system does not show it"}


def against(path: str, value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What one changed fact comes to."""
    return differences(record(0.1), record(0.1, environment=altered(ENVIRONMENT, path, value)))


def on_gpu(path: str, value: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    before, after = GPU_ENVIRONMENT, altered(GPU_ENVIRONMENT, path, value)
    return differences(*(record(0.1, case=GPU_CASE, environment=where) for where in (before, after)))


def test_a_record_does_not_differ_from_itself_nor_from_another_run_of_the_same():
    assert differences(record(0.1, 0.2), record(0.3, 0.2, number=2)) == ((), ())


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("torch.version", "2.14.0", "torch.version (2.13.0 before, 2.14.0 now)"),
        ("torch.threads", 4, "torch.threads (2 before, 4 now)"),
        ("cpu.model", "EPYC", "cpu.model (Xeon before, EPYC now)"),
        ("cpu.quota_cores", 1.5, "cpu.quota_cores (absent before, 1.5 now)"),
        ("cpu.governor", "powersave", "cpu.governor (absent before, powersave now)"),
        ("allocator", "system", "allocator (pinned before, system now)"),
        ("variables.OMP_NUM_THREADS", "1", "variables.OMP_NUM_THREADS (absent before, 1 now)"),
        ("variables.MALLOC_TRIM_THRESHOLD_", ..., "variables.MALLOC_TRIM_THRESHOLD_ (4294967296 before, absent now)"),
        ("memory.transparent_hugepages", "never", "memory.transparent_hugepages (madvise before, never now)"),
        ("python.version", "3.12.1", "python.version (3.11.7 before, 3.12.1 now)"),
        ("system.kernel", "Linux 6.1.0", "system.kernel (Linux 6.18.44-a before, Linux 6.1.0 now)"),
        ("device.label", "EPYC", "device.label (Xeon before, EPYC now)"),
    ],
)
def test_what_changes_the_measurement_is_a_hard_key_and_named_with_both_values(path: str, value: Any, told: str):
    assert against(path, value) == ((told,), ())


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("device.nvml.driver", "575.12"), ("device.nvml.power_limit", 500.0), ("device.nvml.clock_sm_max", 1.7e9),
        ("device.nvml.ecc", False), ("device.nvml.mig", True), ("device.nvml.vbios", "95.00"),
        ("device.memory_bytes", 42_000_000_000), ("device.label", "A100"),
    ],
)  # fmt: skip
def test_limits_and_modes_of_a_gpu_are_hard_keys(path: str, value: Any):
    hard, soft = on_gpu(path, value)

    assert [told.partition(" ")[0] for told in hard] == [path]
    assert soft == ()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("python.version", "3.11.9"), ("system.kernel", "Linux 6.18.45-b"), ("system.id", "0000"),
        ("system.os", "Debian 13"), ("libraries.transformers", "5.24.0"), ("libraries.numpy", "2.4.6"),
        ("cpu.microcode", "0x2"), ("memory.bytes", 25_276_502_017), ("variables.CUDA_VISIBLE_DEVICES", "1"),
    ],
)  # fmt: skip
def test_what_seldom_matters_is_a_soft_key(path: str, value: Any):
    hard, soft = against(path, value)

    assert hard == ()
    assert [told.partition(" ")[0] for told in soft] == [path]


def test_another_gpu_of_the_same_make_is_only_worth_saying():
    assert on_gpu("device.uuid", "GPU-2") == ((), ("device.uuid (GPU-1 before, GPU-2 now)",))


@pytest.mark.parametrize("path", ["git.commit", "git.dirty", "device.name", "device.memory_bytes"])
def test_the_commit_and_what_is_told_elsewhere_are_no_keys(path: str):
    assert against(path, "another") == ((), ())


def test_a_stale_environment_differs_in_every_part_that_it_lacks():
    hard, soft = differences(record(0.1, environment={}), record(0.1))

    assert "torch (absent before, recorded now)" in hard
    assert {told.partition(" ")[0] for told in hard} == ENVIRONMENT.keys() - {"libraries", "git"}
    assert soft == ("libraries (absent before, recorded now)",)


@pytest.mark.parametrize(("old", "new"), [(UNKNOWN, {"value": None, "reason": "permission denied"}), (UNKNOWN, None)])
def test_what_neither_side_could_tell_is_equal_whatever_the_reasons(old: Any, new: Any):
    before, after = (record(0.1, environment=altered(ENVIRONMENT, "cpu.turbo", turbo)) for turbo in (old, new))

    assert differences(before, after) == ((), ())


def test_a_meter_that_was_not_there_on_one_side_leaves_the_driver_unknown_and_is_one_difference():
    hard, _ = on_gpu("device.nvml", {"value": None, "reason": "pynvml is not installed"})

    assert hard == ("device.nvml (recorded before, absent now)",)


def test_no_variables_are_the_same_as_none_kept():
    before, after = (record(0.1, environment=altered(ENVIRONMENT, "variables", kept)) for kept in ({}, ...))

    assert differences(before, after) == ((), ())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"version": 2}, "workload version (1 before, 2 now)"),
        ({"inputs": {"kind": "real", "sha256": "0000"}}, "inputs.sha256 (9f3a before, 0000 now)"),
        ({"model": {"parameters": 7, "weights": "random"}}, "model.parameters (11689512 before, 7 now)"),
        ({"case": Case("toys:Mlp", "cpu", "bf16", 4)}, "case.precision (fp32 before, bf16 now)"),
        ({"case": Case("toys:Mlp", "cpu", "fp32", 8)}, "case.batch_size (4 before, 8 now)"),
        ({"case": Case("toys:Mlp", "cpu", "fp32", 4, {"depth": 2})}, "case.parameters.depth (absent before, 2 now)"),
    ],
)
def test_what_was_measured_is_part_of_the_keys(change: dict[str, Any], field: str):
    assert field in differences(record(0.1), record(0.1, **change))[0]


@pytest.mark.parametrize(
    ("part", "field"),
    [
        (
            {"precision": {"weights": "bfloat16", "fp32_precision": {"mkldnn.matmul": "ieee"}}},
            "precision.weights (float32 before, bfloat16 now)",
        ),
        (
            {"precision": {"weights": "float32", "fp32_precision": {"mkldnn.matmul": "bf16"}}},
            "precision.fp32_precision.mkldnn.matmul (ieee before, bf16 now)",
        ),
        ({"clock": "cuda_event"}, "clock (perf_counter before, cuda_event now)"),
        ({"made": {"how": "torchrun"}}, "made.how (forked, model rebuilt before, torchrun now)"),
    ],
)
def test_the_effective_settings_of_the_processes_are_hard_keys_and_the_probes_error_is_none(
    part: dict[str, Any], field: str
):
    before = record(0.1)
    after = replace(before, replicates=(replace(before.replicates[0], **part),))

    assert differences(before, after) == ((field,), ())
    assert differences(before, record(0.2)) == ((), ())  # product_error is 0.1 there and 0.2 here


def test_a_case_that_failed_is_compared_by_where_it_ran_and_not_by_what_it_never_reached():
    oom = record(status="oom", reason="out of memory", version=None, inputs=None, model=None)

    assert differences(record(0.1), oom) == ((), ())
    assert differences(record(0.1), replace(oom, environment=altered(ENVIRONMENT, "torch.threads", 1)))[0]


def test_a_step_that_was_only_counted_has_no_clock_to_differ_by():
    before = record(0.1)
    counted = replace(before, replicates=(replace(before.replicates[0], clock=None),))

    assert differences(before, counted) == ((), ())


def test_a_case_on_another_kind_of_device_is_another_case():
    hard, _ = differences(record(0.1), record(0.1, case=GPU_CASE, environment=GPU_ENVIRONMENT))

    assert "case.device (cpu before, cuda:0 now)" in hard
