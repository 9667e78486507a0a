"""What a workload is built from, as this side of the house sees it: `bench.workload.Setup` fits it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Precision(Protocol):
    """How a workload computes: the type of its weights, and the autocast context and gradient scaler over them."""

    @property
    def weights(self) -> torch.dtype: ...

    def autocast(self) -> AbstractContextManager[Any]: ...

    def scaler(self) -> torch.amp.GradScaler | None: ...


class Setup(Protocol):
    """Everything that ``prepare`` depends on besides the workload's own axes.

    ``seed`` draws weights and dropout. It does not draw the inputs: they come from `workloads.inputs.SEED`, so that
    all replicates of a case do the same work and carry the same hash.
    """

    @property
    def device(self) -> torch.device: ...

    @property
    def precision(self) -> Precision: ...

    @property
    def data(self) -> str: ...

    @property
    def model(self) -> str | None: ...

    @property
    def seed(self) -> int: ...
