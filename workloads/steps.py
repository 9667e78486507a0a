"""What is timed: one training step, or one inference, on batch ``i`` of those prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from workloads.prepared import Mark, Parts
    from workloads.setup import Precision


def training_step(
    model: Any, optimizer: Optimizer, batches: Sequence[Mapping[str, Tensor]], precision: Precision
) -> Parts:
    """Forward, backward and update, with scaled gradients where the precision has a scaler; gives the detached loss.

    One and the same code is the step that is timed and the step that tells when each of its parts has ended: unheard,
    the marks cost a fraction of a microsecond. Zeroing the gradients and unscaling them is the optimizer's part.
    """
    scaler = precision.scaler()

    def step(i: int, mark: Mark = _unheard) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        mark("optimizer")
        with precision.autocast():
            loss: Tensor = model(**batches[i % len(batches)]).loss
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
    model: Any, batches: Sequence[Mapping[str, Tensor]], precision: Precision
) -> Callable[[int], Tensor]:
    """The forward pass in inference mode; gives the logits."""
    import torch

    def step(i: int) -> Tensor:
        with torch.inference_mode(), precision.autocast():
            logits: Tensor = model(**batches[i % len(batches)]).logits
        return logits

    return step
