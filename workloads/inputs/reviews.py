"""Documents as batches for classification: one sequence each, cut and padded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from workloads.inputs.text import CLS, PAD, SEP, Document

if TYPE_CHECKING:
    from torch import Tensor


def review_batches(
    documents: Sequence[Document], batch_size: int, sequence_length: int, padding: Literal["max_length", "longest"]
) -> list[dict[str, Tensor]]:
    """Batches of ``[CLS] tokens [SEP]``, cut to ``sequence_length`` and padded to it, or to the batch's longest.

    Each has ``input_ids``, ``token_type_ids``, ``attention_mask`` of shape (batch_size, length) and ``labels`` of
    shape (batch_size).
    """
    import torch

    def batch(part: Sequence[Document]) -> dict[str, Tensor]:
        rows = [[CLS, *document.tokens[: sequence_length - 2], SEP] for document in part]
        length = sequence_length if padding == "max_length" else max(map(len, rows))
        ids = torch.tensor([row + [PAD] * (length - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
        return {
            "input_ids": ids,
            "token_type_ids": torch.zeros_like(ids),
            "attention_mask": mask,
            "labels": torch.tensor([document.label for document in part]),
        }

    return [batch(documents[i : i + batch_size]) for i in range(0, len(documents), batch_size)]
