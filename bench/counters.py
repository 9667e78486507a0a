"""Exact counts of one warm step, on the first batch: operators, FLOPs, bytes, kernels, graph breaks, page faults.

Whatever draws random numbers is seeded alike before every step, and garbage is collected between steps only, so the
same code counts the same in any process. Where two steps in a row differ all the same, the count is absent.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import math
import os
import random
import resource
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch

from bench.device import Device
from bench.errors import in_one_line
from bench.operators import Operators
from bench.record import Flops, absent
from workloads import Prepared

# Page faults come and go with what else the process does, so several steps are looked at: fewer where they are slow.
_FAULT_STEPS, _FAULT_SECONDS = (2, 5), 1.0
# Steps of each other part: one that is looked at, and one that shows it to be no accident.
_TWICE = 2

_SEED = 20261123
_PR_SET_THP_DISABLE = 41  # linux/prctl.h
_ALLOCATOR = "MALLOC_MMAP_THRESHOLD_"  # glibc's, mallopt(3)

# torch's names (torch.accelerator.memory_stats): what tensors asked for, without what blocks are rounded up by.
_ASKED, _LIVE, _PEAK = "requested_bytes.all.allocated", "requested_bytes.all.current", "requested_bytes.all.peak"

Counts = dict[str, Any]


def count(prepared: Prepared, device: Device, flops: Sequence[Flops | None], most_steps: float = math.inf) -> Counts:
    """The counters of a step by name (`bench.counted`), each with ``value`` and ``source``, or absent.

    Some have a ``histogram``: how often which operator, kernel or cause. Bytes are told ``by_intensity`` too. Steps
    must have run before, as many as it takes for each to do the same as the last. ``flops`` are those of the batches.
    No more steps are run than ``most_steps``: what a case is bound by hangs on the operators, so they are counted
    before all else. Whatever fails costs the counters that it counts, and never raises.
    """
    step = _settled(prepared.step, device)
    operators = ("operators", "flop.dispatched", "bytes.dispatched")
    parts: tuple[tuple[tuple[str, ...], int, Callable[[], Counts]], ...] = (
        (("graph.breaks", "graph.recompiles"), 0, _graphs),  # first: the steps below compile, or do not
        (("flop.computed",), 0, lambda: _computed(flops)),
        (("parameters", "parameters.bytes"), 0, lambda: _parameters(prepared.model)),
        (("faults",), max(_FAULT_STEPS), lambda: _faults(step)),
        (("allocated.step", "memory.peak"), _TWICE, lambda: _memory(step, device)),
        (("kernels",), _TWICE if device.kind == "cuda" else 0, lambda: _kernels(step, device)),
        (operators, _TWICE, lambda: _operators(step)),
    )
    found: Counts = {}
    left = most_steps - _TWICE
    with _no_collector():
        for names, steps, part in parts:
            left += _TWICE if names == operators else 0  # which were kept for them
            if steps > max(left, 0):
                found |= dict.fromkeys(names, absent(f"not counted: {steps} more steps would have taken too long"))
                continue
            left -= steps
            try:
                found |= part()
            except Exception as error:  # a count must never cost what was measured
                reason = in_one_line(error)
                found |= {name: absent(reason) for name in names}
    return found


def _counted(value: float, source: str, histogram: Mapping[str, int] | None = None) -> Counts:
    found = {"value": value, "source": source}
    return found if histogram is None else {**found, "histogram": dict(sorted(histogram.items()))}


def _settled(step: Callable[[int], Any], device: Device) -> Callable[[], None]:
    """The step on the first batch, from the same random numbers every time, waited for."""

    def run() -> None:
        random.seed(_SEED)
        torch.manual_seed(_SEED)
        if "numpy" in sys.modules:
            sys.modules["numpy"].random.seed(_SEED)
        step(0)
        device.synchronize()

    return run


@contextlib.contextmanager
def _no_collector() -> Iterator[None]:
    """Garbage is collected now and not within a step, where it would free memory at a moment of its own."""
    enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _graphs() -> Counts:
    """What torch.compile has done in this process so far."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is None or not dynamo.counters["frames"]["total"]:
        reason = "nothing is compiled"
        return {"graph.breaks": absent(reason), "graph.recompiles": absent(reason)}
    breaks = Counter[str]()
    for why, times in dynamo.counters["graph_break"].items():
        breaks[str(why).strip().splitlines()[0]] += times
    again = Counter(
        str(metrics.recompile_reason or "not known").partition(": ")[2] or "not known"
        for metrics in dynamo.get_compilation_metrics()
        if _is_recompile(str(metrics.compile_id))
    )
    return {
        "graph.breaks": _counted(breaks.total(), "torch._dynamo counters", breaks),
        "graph.recompiles": _counted(again.total(), "torch._dynamo compilation metrics", again),
    }


def _is_recompile(compile_id: str) -> bool:
    """Whether an id (``frame/compilation``, or ``frame/compilation_restart``) is not its frame's first compilation."""
    return compile_id.rpartition("/")[2].partition("_")[0] not in ("", "0", "None")


def _computed(flops: Sequence[Flops | None]) -> Counts:
    first = flops[0]
    reason = "the workload does not count its FLOPs"
    return {"flop.computed": absent(reason) if first is None else _counted(first.computed, "the workload")}


def _parameters(model: Mapping[str, Any]) -> Counts:
    names = {"parameters": "parameters", "parameters.bytes": "bytes"}
    return {
        name: _counted(model[key], "the workload") if key in model else absent(f"the workload does not give its {key}")
        for name, key in names.items()
    }


def _faults(step: Callable[[], None]) -> Counts:
    """Minor page faults: the least of some steps, which is what every step costs again."""
    if _ALLOCATOR not in os.environ:
        return {"faults": absent(f"they differ from process to process unless {_ALLOCATOR} pins the allocator")}
    fewest, most = _FAULT_STEPS
    begin, found = time.perf_counter(), list[int]()
    with _small_pages():
        while len(found) < fewest or (len(found) < most and time.perf_counter() - begin < _FAULT_SECONDS):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            step()
            found.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    return {"faults": _counted(min(found), "getrusage ru_minflt, the least of some steps")}


@contextlib.contextmanager
def _small_pages() -> Iterator[None]:
    """No huge pages: whether the kernel has one to give depends on what else runs, and saves 511 faults (Linux)."""
    control = ctypes.CDLL(None).prctl if sys.platform == "linux" else lambda *arguments: None
    control(_PR_SET_THP_DISABLE, 1, 0, 0, 0)
    try:
        yield
    finally:
        control(_PR_SET_THP_DISABLE, 0, 0, 0, 0)


def _memory(step: Callable[[], None], device: Device) -> Counts:
    asked, peak, source = _host_memory(step) if device.kind == "cpu" else _device_memory(step, device)
    if asked[0] != asked[1]:
        reason = f"two steps in a row asked for {asked[0]} and {asked[1]} bytes"
        return {"allocated.step": absent(reason), "memory.peak": absent(reason)}
    return {"allocated.step": _counted(asked[1], source), "memory.peak": _counted(peak, source)}


def _host_memory(step: Callable[[], None]) -> tuple[tuple[int, int], int, str]:
    """Bytes that each of two steps asked for, and the most that the second held beyond what lived at its start.

    Of a block that was there before the profiler, torch does not report the end. So the first step is there to be
    forgotten: what it leaves behind, as gradients, is known to the second.
    """
    from torch.profiler import ProfilerActivity, profile, record_function

    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        step()
        with record_function("wattmark: second step"):
            step()
    events = sorted(_events(profiler), key=lambda event: int(event.start_ns()))
    begin = next(event.start_ns() for event in events if event.name() == "wattmark: second step")
    blocks = [(event.start_ns() >= begin, int(event.nbytes())) for event in events if event.name() == "[memory]"]
    first, second = (sum(size for late, size in blocks if late == wanted and size > 0) for wanted in (False, True))
    live = peak = 0
    for late, size in blocks:
        live += size if late else 0
        peak = max(peak, live)
    return (first, second), peak, "torch profiler"


def _device_memory(step: Callable[[], None], device: Device) -> tuple[tuple[int, int], int, str]:
    """The same by the statistics of the device's allocator.

    Raises:
        KeyError, RuntimeError: it does not count what was asked for.
    """
    start = torch.accelerator.memory_stats(device.torch)
    step()
    torch.accelerator.reset_peak_memory_stats(device.torch)
    middle = torch.accelerator.memory_stats(device.torch)
    step()
    end = torch.accelerator.memory_stats(device.torch)
    if not end.get(_ASKED):  # a model lives on the device, so no bytes at all means that nobody counted
        raise RuntimeError(f"the {device.kind} allocator does not count {_ASKED}")
    asked = (middle[_ASKED] - start[_ASKED], end[_ASKED] - middle[_ASKED])
    return asked, end[_PEAK] - middle[_LIVE], f"torch {device.kind} allocator"


def _kernels(step: Callable[[], None], device: Device) -> Counts:
    """Kernels that ran on the device; copies and fills by its memory engines are none."""
    from torch.profiler import ProfilerActivity, profile, supported_activities

    if device.kind != "cuda":
        return {"kernels": absent(f"kernels are counted on cuda only, not on {device.kind}")}
    if ProfilerActivity.CUDA not in supported_activities():  # type: ignore[no-untyped-call]
        return {"kernels": absent("this torch has no profiler of CUDA")}
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        step()
        step()
    ran = Counter(_short(event.name()) for event in _events(profiler) if event.activity_type() == "kernel")
    if not ran:
        return {"kernels": absent("the profiler saw no kernel: CUPTI is not there, or somebody else uses it")}
    if any(times % 2 for times in ran.values()):
        return {"kernels": absent("two steps in a row ran different kernels")}
    each = {name: times // 2 for name, times in ran.items()}
    return {"kernels": _counted(sum(each.values()), "torch profiler, CUPTI", each)}


def _short(kernel: str) -> str:
    """A kernel's name without its parameters.

    >>> _short("void at::native::elementwise_kernel<4, at::native::Add<float>>(int)")
    'at::native::elementwise_kernel'
    """
    return kernel.removeprefix("void ").partition("<")[0].partition("(")[0]


def _events(profiler: Any) -> Iterable[Any]:
    return profiler.profiler.kineto_results.events()  # type: ignore[no-any-return]


def _operators(step: Callable[[], None]) -> Counts:
    """What torch dispatches, forward, backward and update; a model that is compiled is run as it was written."""
    runs = []
    for _ in range(2):
        with Operators() as run:
            step()
        runs.append(run)
    first, second = runs
    if (first.ran, first.flops, first.groups) != (second.ran, second.flops, second.groups):
        differing = sorted(name for name in first.ran | second.ran if first.ran[name] != second.ran[name])
        reason = f"two steps in a row dispatched different operators: {', '.join(differing[:3]) or 'in their shapes'}"
        return {name: absent(reason) for name in ("operators", "flop.dispatched", "bytes.dispatched")}
    source = "TorchDispatchMode"
    return {
        "operators": _counted(second.ran.total(), source, second.ran),
        "flop.dispatched": _counted(second.flops.total(), f"{source}, torch.utils.flop_counter", +second.flops),
        "bytes.dispatched": {
            **_counted(second.bytes, f"{source}, operators' inputs and outputs"),
            "by_intensity": [{"flop": flop, "bytes": moved} for flop, moved in second.groups],
        },
    }
