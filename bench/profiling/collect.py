"""Runs steps under torch's profiler and keeps the trace; nothing here is timed for a result."""

from __future__ import annotations

import contextlib
import gzip
import re
import tempfile
import time
import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile, record_function, schedule, supported_activities

from bench.device import Device
from bench.environment import scrub
from bench.profile import PHASE_MARK, Profile
from bench.profiling.phases import BACKWARD
from bench.profiling.summary import summarize
from bench.profiling.trace import read
from workloads import Prepared

STEPS = 3

# What kineto tells of the machine and its user; its readers need none of it.
_PRIVATE = re.compile(r'("(?:host_name|traceName|kernel_file)": *)"(?:[^"\\]|\\.)*"')


def collect(prepared: Prepared, device: Device, folder: Path, worker: str, first: int = 0) -> Profile:
    """The profile of some steps from number ``first`` on, its trace written into a folder of the store as ``worker``'s.

    Steps must have run before, as many as it takes for each to do the same as the last; an input pipeline only feeds
    those that follow them.
    """
    with _marked_backward(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of blocks that were there before: known, see `bench.profile.Memory`
        profiler = profiled(prepared, device, first)
    text = _exported(profiler)
    name = f"{worker}.{time.time_ns() // 1_000_000}.pt.trace.json.gz"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(gzip.compress(text.encode(), mtime=0))
    return summarize(
        read(text, device.kind),
        device.name,
        {average.key: average.flops for average in profiler.key_averages()},
        torch.__version__,
        datetime.now(UTC).isoformat(timespec="seconds"),
        f"{folder.name}/{name}",
        _no_kernels(device),
    )


def profiled(prepared: Prepared, device: Device, first: int = 0) -> Any:
    """Torch's profiler after it has watched the steps; before them it warms up for one that it forgets."""
    plan = schedule(wait=0, warmup=1, active=STEPS, repeat=1)
    profiler = profile(
        activities=_activities() if device.kind != "cpu" else [ProfilerActivity.CPU],
        schedule=plan,
        record_shapes=True,
        profile_memory=True,
        with_flops=True,
        acc_events=True,
    )
    with profiler:
        for number in range(1 + STEPS):
            prepared.step(first + number)
            if number in (0, STEPS):  # as at the edges of a window
                device.synchronize()
            profiler.step()
    return profiler


def _exported(profiler: Any) -> str:
    """The trace as text, free of the machine's and the user's name."""
    with tempfile.TemporaryDirectory(prefix="wattmark-") as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        return scrub(_PRIVATE.sub(r'\1""', path.read_text(encoding="utf-8", errors="replace")))


@contextlib.contextmanager
def _marked_backward() -> Iterator[None]:
    """Has the backward pass mark itself in the trace, as the optimizer does by itself."""
    backward = torch.autograd.backward

    def marked(*arguments: Any, **options: Any) -> None:
        with record_function(PHASE_MARK + BACKWARD):
            backward(*arguments, **options)

    torch.autograd.backward = marked
    try:
        yield
    finally:
        torch.autograd.backward = backward


def _activities() -> set[ProfilerActivity]:
    found: set[ProfilerActivity] = supported_activities()  # type: ignore[no-untyped-call]
    return found


def _no_kernels(device: Device) -> str:
    if device.kind != "cuda":
        return f"kernels are profiled on cuda only, not on {device.kind}"
    if ProfilerActivity.CUDA not in _activities():
        return "this torch has no profiler of CUDA"
    return "the profiler saw no kernel: CUPTI is not there, or somebody else uses it"
