"""GPU performance monitoring: what SMs, tensor cores, memory and links did between two samples (Hopper and later)."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import ask

_PERCENT = 1 / 100  # to a share
_MEBIBYTE = 2.0**20  # MiB/s to B/s

# Our name, NVML's metric, and what turns NVML's unit into ours (nvml.h, nvmlGpmMetricId_t).
_METRICS: dict[str, tuple[int, float]] = {
    "utilization.sm": (pynvml.NVML_GPM_METRIC_SM_UTIL, _PERCENT),
    "utilization.tensor": (pynvml.NVML_GPM_METRIC_ANY_TENSOR_UTIL, _PERCENT),
    "utilization.dram": (pynvml.NVML_GPM_METRIC_DRAM_BW_UTIL, _PERCENT),
    "sm_occupancy": (pynvml.NVML_GPM_METRIC_SM_OCCUPANCY, _PERCENT),
    "pcie.tx": (pynvml.NVML_GPM_METRIC_PCIE_TX_PER_SEC, _MEBIBYTE),
    "pcie.rx": (pynvml.NVML_GPM_METRIC_PCIE_RX_PER_SEC, _MEBIBYTE),
    "nvlink.tx": (pynvml.NVML_GPM_METRIC_NVLINK_TOTAL_TX_PER_SEC, _MEBIBYTE),
    "nvlink.rx": (pynvml.NVML_GPM_METRIC_NVLINK_TOTAL_RX_PER_SEC, _MEBIBYTE),
}


class Gpm:
    """Samples of one GPU's monitors; metrics lie between two of them.

    Raises:
        Unavailable: the GPU has no such monitors, or NVML's own reason.
    """

    def __init__(self, handle: Any) -> None:
        self._handle = handle
        if not ask("nvmlGpmQueryDeviceSupport", handle).isSupportedDevice:
            raise Unavailable(
                "nvmlGpmQueryDeviceSupport: this GPU has no performance monitors for NVML (before Hopper)"
            )
        self._previous: Any = None

    def sample(self) -> dict[str, float | str] | None:
        """The metrics between the previous call and this one, or the reasons why not; None at the first call.

        NVML wants at least 0.1 s between two calls. Units: 1 (shares from 0 to 1) and B/s.
        """
        previous, self._previous = self._previous, None
        try:
            sample = ask("nvmlGpmSampleAlloc")
            try:
                ask("nvmlGpmSampleGet", self._handle, sample)
                metrics = None if previous is None else _between(previous, sample)
            except Unavailable:  # no metrics across the gap: the next call is a first one again
                ask("nvmlGpmSampleFree", sample)
                raise
        finally:
            if previous is not None:
                ask("nvmlGpmSampleFree", previous)
        self._previous = sample
        return metrics

    def close(self) -> None:
        """Give the last sample back; the library has to be open still."""
        previous, self._previous = self._previous, None
        if previous is not None:
            ask("nvmlGpmSampleFree", previous)


def _between(first: Any, second: Any) -> dict[str, float | str]:
    asked = pynvml.c_nvmlGpmMetricsGet_t()
    asked.version = pynvml.NVML_GPM_METRICS_GET_VERSION
    asked.numMetrics = len(_METRICS)
    asked.sample1, asked.sample2 = first, second
    for slot, (metric, _) in zip(asked.metrics, _METRICS.values(), strict=False):  # the array has room for all of NVML
        slot.metricId = metric
    ask("nvmlGpmMetricsGet", asked)
    return {
        name: _value(name, slot, factor)
        for slot, (name, (_, factor)) in zip(asked.metrics, _METRICS.items(), strict=False)
    }


def _value(name: str, slot: Any, factor: float) -> float | str:
    if slot.nvmlReturn != pynvml.NVML_SUCCESS:
        return f"nvmlGpmMetricsGet, {name}: {pynvml.NVMLError(slot.nvmlReturn)}"
    if not isfinite(slot.value):
        return f"nvmlGpmMetricsGet, {name}: answered {slot.value}"
    return float(slot.value * factor)
