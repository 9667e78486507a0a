"""The meaning of every number: its name, unit, what it is per, and which way is better.

Exporters know no metric by name; they lay out what this table says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
Over = Literal["largest", "mean"]


@dataclass(frozen=True)
class Metric:
    """The meaning of a number.

    ``unit`` is SI (s, B, W, J, Hz, °C) or counts; ``item`` stands for the workload's own unit of work
    (its first one: sequence, image, audio_s). ``group`` gathers metrics in reports. ``over_windows`` says how a meter's
    readings of several windows become one: the largest, or the mean weighted by time.
    """

    name: str
    unit: str
    better: Better
    group: str
    meaning: str
    over_windows: Over = "largest"


_ALL = (
    Metric("throughput", "item/s", "higher", "speed", "Work done per second of synchronised wall clock."),
    Metric("throughput.token", "token/s", "higher", "speed", "Token positions processed per second, padding included."),
    Metric("throughput.real_token", "token/s", "higher", "speed", "Tokens of the input per second, padding left out."),
    Metric("time.step", "s", "lower", "speed", "Wall time of the window divided by its steps."),
    Metric("latency.p50", "s", "lower", "speed", "Median of the single steps."),
    Metric("latency.p90", "s", "lower", "speed", "90th percentile of the single steps."),
    Metric("latency.p95", "s", "lower", "speed", "95th percentile of the single steps."),
    Metric("latency.p99", "s", "lower", "speed", "99th percentile of the single steps."),
    Metric("memory.allocated", "B", "lower", "memory", "Peak of the bytes in live tensors on the device."),
    Metric("memory.reserved", "B", "lower", "memory", "Peak of the bytes that torch's allocator held from the device."),
    Metric("memory.process", "B", "lower", "memory", "Largest device memory of the process that the driver reported."),
    Metric(
        "memory.device",
        "B",
        "lower",
        "memory",
        "Largest device memory that all processes used, driver reserve excluded.",
    ),
    Metric("memory.host", "B", "lower", "memory", "Peak resident set of the measured process since its start."),
    Metric(
        "memory.planning",
        "B",
        "lower",
        "memory",
        "To plan with: memory.host on a CPU, memory.process elsewhere.",
    ),
    Metric("power.mean", "W", "lower", "power", "Energy of the window divided by its time."),
    Metric("power.max", "W", "lower", "power", "Largest power reading inside the window."),
    Metric("energy.step", "J", "lower", "power", "Energy of the window divided by its steps."),
    Metric("energy.item", "J/item", "lower", "power", "Energy of the window divided by its work."),
    Metric("flop.step", "FLOP", "neither", "compute", "Model FLOPs of one step, counted on the meta device."),
    Metric("flop.rate", "FLOP/s", "higher", "compute", "Model FLOPs done per second of synchronised wall clock."),
    Metric("clock.sm", "Hz", "neither", "state", "Median SM clock of a window, then the mean over windows.", "mean"),
    Metric("temperature", "°C", "lower", "state", "Highest GPU temperature inside the window."),
    Metric("throttle.share", "1", "lower", "state", "Share of samples whose clock a limit held down.", "mean"),
    Metric("utilization.gpu", "1", "neither", "state", "Share of time with a kernel running (not occupancy).", "mean"),
    Metric("utilization.memory", "1", "neither", "state", "Share of time in which memory was accessed.", "mean"),
    Metric("loss.first", "1", "neither", "quality", "Training loss of the first step after preparing."),
    Metric("loss.last", "1", "neither", "quality", "Training loss of the last measured step."),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def unit_of(metric: str, item: str) -> str:
    """The unit of a metric for a workload whose work is counted in ``item``.

    >>> unit_of("throughput", "image")
    'image/s'
    """
    unit = METRICS[metric].unit
    if metric in ("throughput", "energy.item"):
        return unit.replace("item", item)
    return unit
