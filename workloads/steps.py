"""What is timed: one training step, or one inference, on batch ``i`` of those prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import Optimizer

    from workloads.setup import Precision


def training_step(
    model: Any, optimizer: Optimizer, batches: Sequence[Mapping[str, Tensor]], precision: Precision
) -> Callable[[int], Tensor]:
    """Forward, backward and update, with scaled gradients where the precision has a scaler; gives the detached loss."""
    scaler = precision.scaler()

    def step(i: int) -> Tensor:
        optimizer.zero_grad(set_to_none=True)
        with precision.autocast():
            loss: Tensor = model(**batches[i % len(batches)]).loss
        if scaler is None:
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        else:
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            scaler.step(optimizer)
            scaler.update()
        return loss.detach()

    return step


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
