"""Performance monitors: metrics between two samples, each with its own refusal, and nothing kept that was allocated."""

from __future__ import annotations

from typing import Any

OPEN = "keep.update(gpm=gpu.gpm())"
SAMPLE = "keep['gpm'].sample()"
CLOSE = "keep['gpm'].close()"
KEPT = "__import__('ctypes').c_int.in_dll(__import__('pynvml').nvmlLib, 'fake_gpm_samples').value"

SUPPORTED = {"gpm.supported": "1"}


def test_a_gpu_before_hopper_has_no_monitors(ask: Any) -> None:
    assert ask("gpu.gpm()") == {
        "refused": "nvmlGpmQueryDeviceSupport: this GPU has no performance monitors for NVML (before Hopper)"
    }


def test_metrics_lie_between_two_samples_in_si_units(at: Any) -> None:
    metrics = {2: 50, 3: 25, 5: 12.5, 10: 75, 20: 2, 21: 3, 60: 4, 61: 5}
    answers = {**SUPPORTED, **{f"gpm.{number}": str(value) for number, value in metrics.items()}}
    _, first, second = at((0, OPEN), (0, SAMPLE), (1, SAMPLE), answers=answers)

    assert first is None
    assert second == {
        "utilization.sm": 0.5,
        "sm_occupancy": 0.25,
        "utilization.tensor": 0.125,
        "utilization.dram": 0.75,
        "pcie.tx": 2 * 2**20,
        "pcie.rx": 3 * 2**20,
        "nvlink.rx": 4 * 2**20,
        "nvlink.tx": 5 * 2**20,
    }


def test_each_metric_has_its_own_refusal_and_no_number_that_is_none(at: Any) -> None:
    answers = {**SUPPORTED, "gpm.2": "50", "gpm.5": "10", "gpm.5.return": "4", "gpm.10": "nan"}
    metrics = at((0, OPEN), (0, SAMPLE), (1, SAMPLE), answers=answers)[-1]

    assert metrics["utilization.sm"] == 0.5
    assert metrics["utilization.tensor"] == "nvmlGpmMetricsGet, utilization.tensor: Insufficient Permissions"
    assert metrics["utilization.dram"] == "nvmlGpmMetricsGet, utilization.dram: answered nan"
    assert metrics["nvlink.tx"] == "nvmlGpmMetricsGet, nvlink.tx: Not Supported"


def test_after_a_sample_that_was_refused_the_next_is_a_first_one(at: Any) -> None:
    answers = {**SUPPORTED, "gpm.2": "50", "nvmlGpmSampleGet.return": "0 15 0"}
    reads = at((0, OPEN), *((moment, SAMPLE) for moment in range(4)), answers=answers)[1:]

    assert reads[0] is None
    assert reads[1] == {"refused": "nvmlGpmSampleGet: GPU is lost"}
    assert reads[2] is None
    assert reads[3]["utilization.sm"] == 0.5


def test_every_sample_is_given_back(at: Any) -> None:
    answers = {**SUPPORTED, "nvmlGpmSampleGet.return": "0 0 15 0", "nvmlGpmMetricsGet.return": "0 4"}
    moments = [(moment, SAMPLE) for moment in range(6)]
    *_, kept, _, left, _, after = at(
        (0, OPEN), *moments, (6, KEPT), (6, CLOSE), (6, KEPT), (6, CLOSE), (6, KEPT), answers=answers
    )

    assert (kept, left, after) == (1, 0, 0)
