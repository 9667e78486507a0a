"""What a workload is built from: where, in which precision, on which inputs, with which weights."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Precision(Protocol):
    """How a workload shall compute."""

    @property
    def weights(self) -> torch.dtype:
        """The type that the model's weights and floating-point inputs are kept in."""

    @property
    def compute(self) -> torch.dtype | None:
        """The autocast type, or None where there is none."""

    def autocast(self) -> AbstractContextManager[Any]:
        """The context that forward passes run in; for a precision without autocast it does nothing."""

    def scaler(self) -> torch.amp.GradScaler | None:
        """A new gradient scaler for a training loop, or None where the precision needs none."""


@dataclass(frozen=True)
class Setup:
    """Everything that ``prepare`` may depend on besides the workload's own axes.

    ``data`` is auto, real, generated or a path; ``model`` a directory of pretrained weights or None. ``seed`` draws
    weights and dropout, and not the inputs: they come from `workloads.inputs.SEED`, so that all replicates of a case do
    the same work and carry the same hash. Without ``dropout`` a step draws no random numbers, so that two ways of
    computing it can be compared.
    """

    device: torch.device
    precision: Precision
    data: str = "auto"
    model: str | None = None
    seed: int = 0
    dropout: bool = True
