"""What holds the SM clock down: for how long by the driver's own count, and whether it does now."""

from __future__ import annotations

from typing import Any

import pynvml

from bench.nvml.driver import ask
from bench.nvml.fields import Field, read_fields

# A power or a thermal limit, by software or hardware. Left out are idleness (0x1), clocks that were asked for (0x2,
# 0x10) and displays (0x100). Names and bits: nvml.h, nvmlClocksEventReasons.
_LIMITED = (
    pynvml.nvmlClocksThrottleReasonSwPowerCap
    | pynvml.nvmlClocksThrottleReasonHwSlowdown
    | pynvml.nvmlClocksThrottleReasonSwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwThermalSlowdown
    | pynvml.nvmlClocksThrottleReasonHwPowerBrakeSlowdown
)

# Counters of nanoseconds, by reason (nvml.h, the fields PERF_POLICY and CLOCKS_EVENT_REASON).
_COUNTERS = {
    "sw_power_cap": Field("time at the power cap", pynvml.NVML_FI_DEV_PERF_POLICY_POWER),
    "sync_boost": Field("time in sync boost", pynvml.NVML_FI_DEV_PERF_POLICY_SYNC_BOOST),
    "board_limit": Field("time at the board limit", pynvml.NVML_FI_DEV_PERF_POLICY_BOARD_LIMIT),
    "low_utilization": Field("time at low utilization", pynvml.NVML_FI_DEV_PERF_POLICY_LOW_UTILIZATION),
    "reliability": Field("time at the reliability limit", pynvml.NVML_FI_DEV_PERF_POLICY_RELIABILITY),
    "sw_thermal": Field("time of software thermal slowdown", 269),
    "hw_thermal": Field("time of hardware thermal slowdown", 270),
    "hw_power_brake": Field("time of hardware power brake", 271),
}


def throttled(handle: Any) -> dict[str, float | str]:
    """How long the clock was held down since the driver was loaded, by reason, or why it is not told. Units: s.

    Raises:
        Unavailable: NVML refused to read any of them.
    """
    answers = read_fields(handle, list(_COUNTERS.values()))
    return {
        name: answer if isinstance(answer, str) else answer.value / 1e9
        for name, answer in zip(_COUNTERS, answers, strict=True)
    }


def limited(handle: Any) -> bool:
    """Whether a power or thermal limit holds the clock down now.

    Raises:
        Unavailable: in NVML's own words.
    """
    older = "nvmlDeviceGetCurrentClocksThrottleReasons"  # its name on older drivers
    return bool(ask("nvmlDeviceGetCurrentClocksEventReasons", handle, older=older) & _LIMITED)
