"""What is counted of a step: exact numbers, the same on any machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Counter:
    """The meaning of a count of one step on the first batch; less is better.

    ``unit`` is B, FLOP, or 1 for things counted. ``share`` of the base and ``least`` in its unit, whichever is more, is
    how much the same code may differ from process to process. ``swaps`` says whether equal counts of different things
    are a change. ``gated`` is the short name in `bench.gating.COMPARED` without which the count is not judged.
    ``later`` came when there were baselines already: where one side has no such counter, the others are compared.
    """

    name: str
    unit: str
    meaning: str
    share: float = 0.0
    least: float = 0.0
    swaps: bool = False
    gated: str | None = None
    later: bool = False


# In the order in which one explains the next: a graph break adds operators, operators add kernels, bytes and faults.
_ALL = (
    Counter("graph.breaks", "1", "Times that torch.compile gave up on a graph, since the process began."),
    Counter("graph.recompiles", "1", "Times that torch.compile compiled a frame again, since the process began."),
    Counter(
        "operators",
        "1",
        "Operators dispatched by forward, backward and update, as the model is written, compiled or not.",
        swaps=True,
    ),
    Counter("kernels", "1", "Kernels that ran on the GPU."),
    Counter("parameters", "1", "Parameters of the model, tied ones once."),
    Counter("parameters.bytes", "B", "Bytes of the parameters."),
    Counter("flop.computed", "FLOP", "FLOPs that the step computes by the workload's own count.", later=True),
    Counter(
        "flop.dispatched", "FLOP", "FLOPs of the matrix products, convolutions and attention that were dispatched."
    ),
    Counter(
        "bytes.dispatched",
        "B",
        "Bytes that the dispatched operators read and write, as if there were no cache and nothing were fused.",
        later=True,
    ),
    Counter("allocated.step", "B", "Bytes that the step asked torch's allocator for, in all."),
    Counter("memory.peak", "B", "Most bytes alive at a time, beyond those alive when the step began.", gated="memory"),
    # Among 440 processes, those of one case differed by 37 at most, and by 30 where faults are few (docs/gating.md).
    Counter("faults", "1", "Minor page faults that every step costs again.", share=0.05, least=64.0),
)

COUNTERS: dict[str, Counter] = {counter.name: counter for counter in _ALL}
