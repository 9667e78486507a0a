"""A trace's summary: what a record keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from bench.profile import Kernel, Operator, Phase, Profile
from bench.profiling import device as devices
from bench.profiling.memory import memory
from bench.profiling.nesting import nest
from bench.profiling.operators import operators
from bench.profiling.phases import DATA, Phases
from bench.profiling.trace import DEVICES, Trace
from bench.record import Reading

T = TypeVar("T", Operator, Kernel)

SOURCE = "torch.profiler"

_KEPT = 30  # operators and kernels of a record; the totals are over all
_NAME = 300  # letters of a name: templates of kernels have thousands

NO_PHASES = "the step calls neither backward nor an optimizer, and marks no phase"
NO_DATA = "the step calls no DataLoader, and marks no phase that loads data"


def summarize(
    trace: Trace, device: str, flops: Mapping[str, int], torch: str, taken: str, path: str, no_kernels: str
) -> Profile:
    """The profile of a trace.

    Args:
        device: the case's device.
        flops: the FLOPs of operators by name, as torch's profiler counts them.
        path: the trace's path in the store.
        no_kernels: why nothing ran on the device, where that is so.
    """
    nodes = nest(trace.host)
    phases = Phases(trace)
    found = operators(nodes, trace.device, flops)
    kernels = devices.kernels(trace.device)
    launched = [(call.begin, span.length) for span, call in devices.launches(trace)]
    times = phases.times(launched) if phases.marked else ()
    curve = memory(trace, nodes, phases, device)
    absent = {
        "phases": "" if times else NO_PHASES,
        "kernels": "" if kernels else no_kernels,
        "memory": "" if curve else _no_memory(trace.kind),
    }
    return Profile(
        source=SOURCE,
        torch=torch,
        taken=taken,
        trace=path,
        steps=len(trace.steps),
        seconds=trace.nanoseconds / 1e9,
        operators=tuple(map(_named, found[:_KEPT])),
        operator_names=len(found),
        operator_seconds=sum(one.self_seconds for one in found),
        kernels=tuple(map(_named, kernels[:_KEPT])),
        kernel_names=len(kernels),
        kernel_seconds=sum(one.seconds for one in kernels),
        phases=times,
        shares=_shares(trace, times, no_kernels),
        memory=curve,
        absent={part: reason for part, reason in absent.items() if reason},
    )


def _no_memory(kind: str) -> str:
    if kind not in DEVICES:
        return f"memory is profiled on {' and '.join(DEVICES)} only, not on {kind}"
    return "no tensor was allocated in the last step"


def _shares(trace: Trace, phases: tuple[Phase, ...], no_kernels: str) -> dict[str, Reading]:
    loading = next((phase.seconds for phase in phases if phase.name == DATA), None)
    shares = {"data_loading": Reading.absent(NO_DATA) if loading is None else _share(loading * 1e9, trace.nanoseconds)}
    if not trace.device:
        return {name: Reading.absent(no_kernels) for name in ("idle", "launch_bound", "tensor_core")} | shares
    kernels = [span for span in trace.device if span.category == "kernel"]
    tensor_core = sum(span.length for span in kernels if devices.uses_tensor_cores(span.name))
    return {
        "idle": _share(devices.idle(trace), trace.nanoseconds),
        "launch_bound": _share(devices.launch_bound(trace), trace.nanoseconds),
        "tensor_core": _share(tensor_core, sum(span.length for span in kernels), "kernel names"),
        **shares,
    }


def _share(part: float, whole: float, source: str = SOURCE) -> Reading:
    return Reading(part / whole, source) if whole else Reading.absent("no kernel ran")


def _named(one: T) -> T:
    return replace(one, name=one.name[:_NAME])
