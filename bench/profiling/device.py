"""What ran on the device, and why it idled. Kernel names tell which used tensor cores."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.profile import Kernel
from bench.profiling.trace import Span, Trace

# Kernels of matrix products on tensor cores: cuBLAS and cuDNN (shapes of the instruction, xmma but where it multiplies
# floats, nvjet), CUTLASS (tensorop, the warp-group instruction), Flash Attention but for its sums and conversions.
# After NVIDIA's PyProf (prof/tc.py), and what has come since.
_TENSOR_CORE = re.compile(
    r"[hs]884|1688|16816|i8816|hmma|imma|gmma|tensorop|xmma_(?!.*f32f32_f32f32)|nvjet|fmha_cutlass[fb]_b?f16"
    r"|::flash_(?:fwd|bwd)(?!_(?:splitkv_combine|dot_do_o|convert))",
    re.IGNORECASE,
)


def uses_tensor_cores(kernel: str) -> bool:
    """Whether a kernel of that name computes on tensor cores.

    >>> uses_tensor_cores("ampere_bf16_s16816gemm_bf16_128x128"), uses_tensor_cores("ampere_sgemm_128x64_tn")
    (True, False)
    """
    return bool(_TENSOR_CORE.search(kernel))


def kernels(device: Sequence[Span]) -> list[Kernel]:
    """Every kernel by name, the longest first; copies and fills by the memory engines are none."""
    found: dict[str, list[int]] = defaultdict(list)
    for span in device:
        if span.category == "kernel":
            found[span.name].append(span.length)
    made = (Kernel(name, len(times), sum(times) / 1e9, uses_tensor_cores(name)) for name, times in found.items())
    return sorted(made, key=lambda one: (-one.seconds, one.name))


def launches(trace: Trace) -> list[tuple[Span, Span]]:
    """What ran on the device with the host's call that launched it, in the order in which it ran."""
    calls = {
        span.args["correlation"]: span
        for span in trace.host
        if span.category in ("cuda_runtime", "cuda_driver") and "correlation" in span.args
    }
    pairs = ((span, calls.get(span.args.get("correlation"))) for span in trace.device)
    return [(span, call) for span, call in pairs if call is not None]


def idle(trace: Trace) -> int:
    """Nanoseconds of the window in which nothing ran on the device, on any of its streams."""
    return sum(end - begin for begin, end, _ in _gaps(trace))


def launch_bound(trace: Trace) -> int:
    """Nanoseconds of the window in which the device idled because what it ran next had not been launched."""
    launched = {id(span): call for span, call in launches(trace)}
    waits = ((begin, end, launched.get(id(span))) for begin, end, span in _gaps(trace) if span is not None)
    return sum(max(min(call.end, end) - begin, 0) for begin, end, call in waits if call is not None)


def _gaps(trace: Trace) -> Iterator[tuple[int, int, Span | None]]:
    """The times in which the device idled, each with what ended it; None at the window's end."""
    at, last = trace.window
    for span in trace.device:
        if span.begin > at:
            yield at, span.begin, span
        at = max(at, span.end)
    if last > at:
        yield at, last, None
