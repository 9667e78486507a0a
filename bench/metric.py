"""The meaning of every number: its name, unit, what it is per, and which way is better.

Exporters know no metric by name; they lay out what this table says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Better = Literal["higher", "lower", "neither"]
Over = Literal["largest", "smallest", "mean", "sum"]
Kind = Literal["quantity", "share", "count", "ratio", "error"]


@dataclass(frozen=True)
class Metric:
    """The meaning of a number.

    ``unit`` is SI (s, B, W, J, Hz, °C) or counts; ``item`` stands for the workload's own unit of work
    (its first one: sequence, image, audio_s). ``group`` gathers metrics in reports. ``over_windows`` says how a meter's
    readings of several windows become one: the largest, the smallest, the mean weighted by time, or the sum. ``kind``
    says how a number without a unit reads: a share of a whole, a count of things, a ratio, or a relative error.
    """

    name: str
    unit: str
    better: Better
    group: str
    meaning: str
    over_windows: Over = "largest"
    kind: Kind = "quantity"

    @property
    def of_case(self) -> bool:
        """Whether replicates become one as windows do, without an interval: of three processes the median of errors is
        none where one of them had one, and a rack has to bear the largest power of all."""
        return self.kind == "count" or self.name == "power.max"


_ALL = (
    Metric("throughput", "item/s", "higher", "speed", "Work done per second of synchronised wall clock."),
    Metric("throughput.token", "token/s", "higher", "speed", "Token positions processed per second, padding included."),
    Metric("throughput.real_token", "token/s", "higher", "speed", "Tokens of the input per second, padding left out."),
    Metric("time.step", "s", "lower", "speed", "Wall time of the window divided by its steps."),
    Metric("time.compile", "s", "lower", "speed", "Time that torch.compile took in all, by its own clock."),
    Metric("time.forward", "s", "lower", "speed", "The forward pass of a training step, in marked steps."),
    Metric("time.backward", "s", "lower", "speed", "The backward pass of a training step, in marked steps."),
    Metric("time.optimizer", "s", "lower", "speed", "The optimizer of a training step, in marked steps."),
    Metric("time.rest", "s", "lower", "speed", "What is left of a marked training step."),
    Metric("latency.p50", "s", "lower", "speed", "Median of the single steps."),
    Metric("latency.p90", "s", "lower", "speed", "90th percentile of the single steps."),
    Metric("latency.p95", "s", "lower", "speed", "95th percentile of the single steps."),
    Metric("latency.p99", "s", "lower", "speed", "99th percentile of the single steps."),
    Metric("memory.requested", "B", "lower", "memory", "Peak of the bytes that tensors asked the allocator for."),
    Metric("memory.allocated", "B", "lower", "memory", "Peak of the bytes in live tensors, rounded up to blocks."),
    Metric("memory.reserved", "B", "lower", "memory", "Peak of the bytes that torch's allocator held from the device."),
    Metric("memory.process", "B", "lower", "memory", "Largest device memory of the process that the driver reported."),
    Metric(
        "memory.device",
        "B",
        "lower",
        "memory",
        "Largest device memory that all processes used, driver reserve excluded.",
    ),
    Metric(
        "memory.context",
        "B",
        "lower",
        "memory",
        "Device memory of the process outside torch's allocator: CUDA context, libraries' workspaces.",
    ),
    Metric("memory.fragmentation", "B", "lower", "memory", "Peak of free bytes in blocks that cannot be given back."),
    Metric("memory.pinned", "B", "lower", "memory", "Peak of page-locked host memory that torch held for transfers."),
    Metric(
        "memory.host", "B", "lower", "memory", "Peak resident sets of the measured process and its children, summed."
    ),
    Metric(
        "memory.files",
        "B",
        "neither",
        "memory",
        "Of memory.host: resident pages of files, above all libraries' code, when a window closes. How many they are "
        "depends on how the system caches the files.",
    ),
    Metric("memory.planning", "B", "lower", "memory", "To plan with: memory.host on a CPU, memory.process elsewhere."),
    Metric("power.mean", "W", "lower", "power", "Energy over the time that it covers, inside the windows."),
    Metric("power.max", "W", "lower", "power", "Largest power reading inside the windows."),
    Metric("power.idle", "W", "lower", "power", "Mean power before the case, after it had settled."),
    Metric("energy.step", "J", "lower", "power", "Gross energy of a step: mean power times time per step."),
    Metric(
        "energy.item", "J/item", "lower", "power", "Gross energy of a unit of useful work: mean power over throughput."
    ),
    Metric("energy.forward", "J", "lower", "power", "Gross energy of the forward pass of a training step."),
    Metric("energy.backward", "J", "lower", "power", "Gross energy of the backward pass of a training step."),
    Metric("energy.optimizer", "J", "lower", "power", "Gross energy of the optimizer of a training step."),
    Metric("energy.rest", "J", "lower", "power", "Gross energy of what is left of a training step."),
    Metric("energy.step.net", "J", "lower", "power", "Energy of a step beyond idling: (mean - idle power) x time."),
    Metric("energy.item.net", "J/item", "lower", "power", "Energy of a unit of work beyond idling."),
    Metric(
        "energy.ratio",
        "1",
        "neither",
        "power",
        "Mean power by the energy counter over mean power by integrated instantaneous power: 1 where they agree.",
        kind="ratio",
    ),
    Metric("power.cpu", "W", "lower", "power", "Mean power of the CPU packages inside the windows."),
    Metric("power.dram", "W", "lower", "power", "Mean power of the host's memory inside the windows."),
    Metric("flop.step", "FLOP", "neither", "compute", "Model FLOPs of a step: those that its result requires."),
    Metric("flop.rate", "FLOP/s", "higher", "compute", "Model FLOPs done per second of synchronised wall clock."),
    Metric(
        "flop.useful",
        "1",
        "higher",
        "compute",
        "Share of the computed FLOPs that are the model's: the rest is padding, and outputs that nothing reads.",
        kind="share",
    ),
    Metric(
        "flop.rate.computed",
        "FLOP/s",
        "neither",
        "compute",
        "FLOPs computed per second, with padding and unread outputs.",
    ),
    Metric(
        "mfu",
        "1",
        "higher",
        "compute",
        "Model FLOP/s over the dense peak that the vendor states for the precision.",
        kind="share",
    ),
    Metric(
        "mfu.measured",
        "1",
        "higher",
        "compute",
        "Model FLOP/s over the best matrix product that was measured on the device in the precision.",
        kind="share",
    ),
    Metric(
        "intensity",
        "FLOP/B",
        "neither",
        "compute",
        "Arithmetic intensity: FLOPs of a step's operators over the bytes that they read and write, without any cache.",
    ),
    Metric("clock.sm", "Hz", "neither", "state", "Median SM clock of a window, then the mean over windows.", "mean"),
    Metric(
        "clock.memory", "Hz", "neither", "state", "Median memory clock of a window, then the mean over windows.", "mean"
    ),
    Metric("temperature", "°C", "lower", "state", "Highest GPU temperature inside the window."),
    Metric("temperature.memory", "°C", "lower", "state", "Highest temperature of the GPU's memory inside the window."),
    Metric(
        "throttle.share",
        "1",
        "lower",
        "state",
        "Share of time in which a power or thermal limit held the clock down; of several limits, the longest.",
        "mean",
        kind="share",
    ),
    Metric(
        "throttle.power",
        "1",
        "lower",
        "state",
        "Share of time in which the power cap held the clock down.",
        "mean",
        kind="share",
    ),
    Metric(
        "throttle.thermal",
        "1",
        "lower",
        "state",
        "Share of time in which heat held the clock down.",
        "mean",
        kind="share",
    ),
    Metric(
        "utilization.gpu",
        "1",
        "neither",
        "state",
        "Share of time with a kernel running (not occupancy).",
        "mean",
        kind="share",
    ),
    Metric(
        "utilization.memory",
        "1",
        "neither",
        "state",
        "Share of time in which memory was accessed.",
        "mean",
        kind="share",
    ),
    Metric(
        "utilization.sm",
        "1",
        "neither",
        "state",
        "Share of time that the SMs had work, over all of them.",
        "mean",
        kind="share",
    ),
    Metric(
        "utilization.tensor",
        "1",
        "neither",
        "state",
        "Share of cycles in which tensor cores were busy.",
        "mean",
        kind="share",
    ),
    Metric(
        "utilization.dram",
        "1",
        "neither",
        "state",
        "Share of the memory's bandwidth that was used.",
        "mean",
        kind="share",
    ),
    Metric("pcie.rx", "B/s", "neither", "state", "Data to the GPU over PCIe.", "mean"),
    Metric("pcie.tx", "B/s", "neither", "state", "Data from the GPU over PCIe.", "mean"),
    Metric("nvlink.rx", "B/s", "neither", "state", "Data to the GPU over all NVLinks.", "mean"),
    Metric("nvlink.tx", "B/s", "neither", "state", "Data from the GPU over all NVLinks.", "mean"),
    Metric(
        "pcie.generation",
        "1",
        "higher",
        "state",
        "Lowest PCIe generation of the link under load.",
        "smallest",
        kind="count",
    ),
    Metric("pcie.width", "1", "higher", "state", "Lowest number of PCIe lanes under load.", "smallest", kind="count"),
    Metric(
        "ecc.corrected",
        "1",
        "lower",
        "state",
        "Memory errors that were corrected during the windows.",
        "sum",
        kind="count",
    ),
    Metric("ecc.uncorrected", "1", "lower", "state", "Memory errors that were not corrected.", "sum", kind="count"),
    Metric(
        "allocator.retries",
        "1",
        "lower",
        "state",
        "Times the allocator gave its cache back to find memory.",
        "sum",
        kind="count",
    ),
    Metric(
        "data.wait",
        "1",
        "lower",
        "data",
        "Share of the windows in which the step waited for its input pipeline.",
        kind="share",
    ),
    Metric("data.rate", "item/s", "higher", "data", "Work that the input pipeline feeds while no step asks for it."),
    Metric("loss.first", "1", "neither", "quality", "Training loss of the first step after preparing."),
    Metric("loss.last", "1", "neither", "quality", "Training loss of the last measured step."),
    Metric(
        "deviation.loss",
        "1",
        "lower",
        "quality",
        "Error of the first losses against strict fp32 by the plain way, without dropout: root mean square, relative.",
        kind="error",
    ),
    Metric(
        "deviation.output",
        "1",
        "lower",
        "quality",
        "Error of all that inference puts out against strict fp32 by the plain way: root mean square, relative.",
        kind="error",
    ),
)

METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def unit_of(metric: str, item: str) -> str:
    """The unit of a metric for a workload whose work is counted in ``item``.

    >>> unit_of("throughput", "image")
    'image/s'
    """
    unit = METRICS[metric].unit
    return unit.replace("item", item)
