"""What is timed: one training step, or one inference, on batch ``i`` of those prepared, or of what an input pipeline
gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

Batch = Mapping[str, Any]
T = TypeVar("T")

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from workloads.prepared import Mark, Parts
    from workloads.setup import Precision


def in_turn(batches: Sequence[T] | Callable[[int], T]) -> Callable[[int], T]:
    """Gives the batch of a step: what an input pipeline has next (`workloads.inputs.feed`), or of those that there are
    one after the other, over and over."""
    if callable(batches):
        return batches
    there, count = batches, len(batches)
    return lambda i: there[i % count]


def training_step(
    model: Any, optimizer: Optimizer, batches: Sequence[Batch] | Callable[[int], Batch], precision: Precision
) -> Parts:
    """Forward, backward and update, with scaled gradients where the precision has a scaler; gives the detached loss.

    One and the same code is the step that is timed and the step that tells when each of its parts has ended: unheard,
    the marks cost a fraction of a microsecond. Zeroing the gradients and unscaling them is the optimizer's part.
    """
    scaler, batch = precision.scaler(), in_turn(batches)

    def step(i: int, mark: Mark = _unheard) -> Tensor:
        given = batch(i)
        mark("rest")
        optimizer.zero_grad(set_to_none=True)
        mark("optimizer")
        with precision.autocast():
            loss: Tensor = model(**given).loss
        if scaler is None:
            mark("forward")
            loss.backward()  # type: ignore[no-untyped-call]
            mark("backward")
            optimizer.step()
            mark("optimizer")
        else:
            scaled = scaler.scale(loss)
            mark("forward")
            scaled.backward()  # type: ignore[no-untyped-call]
            mark("backward")
            scaler.step(optimizer)
            mark("optimizer")
            scaler.update()
        return loss.detach()

    return step


def _unheard(part: str) -> None:
    """Nobody wants to know the parts of a step that is timed as a whole."""


def inference_step(
    model: Any, batches: Sequence[Batch] | Callable[[int], Batch], precision: Precision
) -> Callable[[int], Tensor]:
    """The forward pass in inference mode; gives the logits."""
    import torch

    batch = in_turn(batches)

    def step(i: int) -> Tensor:
        given = batch(i)
        with torch.inference_mode(), precision.autocast():
            logits: Tensor = model(**given).logits
        return logits

    return step
