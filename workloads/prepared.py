"""What a workload hands over once everything is built."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.inputs.wait import Wait

Mark = Callable[[str], object]


class Parts(Protocol):
    """A step that can tell its parts apart: it calls ``mark`` with the name of each part as that part ends."""

    def __call__(self, i: int, mark: Mark = ...) -> Tensor: ...


class Waited(Protocol):
    """An input pipeline: how long the step has waited for it so far, and the batches a second that it gives alone, over
    so many seconds at least."""

    @property
    def wait(self) -> Wait: ...

    def alone(self, seconds: float) -> float: ...


@dataclass(frozen=True)
class Prepared:
    """A built workload: only ``step`` is timed.

    ``step(i)`` runs one step on batch ``i % len(work)`` and returns a tensor that stays on the device: the loss where
    ``trains``, else the output; whoever measures looks at it after the window, and a value that is not finite fails
    the case. ``work[i]`` counts that batch's work in the workload's units; the first unit is its item, the one
    throughput is quoted in. ``flops(i)`` counts the FLOPs that the step computes for batch ``i`` (a multiply-add is 2
    FLOPs), or is None where they are not defined; ``required(i)`` those of them that the result requires, without
    padding and outputs that nothing reads, or is None where it requires them all. ``inputs`` has ``kind`` (real or
    generated), ``name`` and ``sha256`` of the inputs used; ``model`` has ``parameters`` (a count), ``weights`` (random,
    or where they were loaded from) and, where it is known, ``bytes`` of the parameters. ``parts`` is None, or the very
    same step which also tells its parts apart: forward, backward and optimizer; what it marks by no name is the rest.
    ``feed`` is None where batches lie on the device, or the input pipeline that the step takes them from.
    """

    step: Callable[[int], Tensor]
    work: Sequence[Mapping[str, float]]
    inputs: Mapping[str, Any]
    model: Mapping[str, Any]
    flops: Callable[[int], int] | None = None
    required: Callable[[int], int] | None = None
    trains: bool = False
    parts: Parts | None = None
    feed: Waited | None = None
