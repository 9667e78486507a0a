"""BERT on chosen tokens: sequences in one row without padding, and the word head on the hidden words alone.

The model's own layers, weights and losses, called in another order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AttentionInterface

from workloads.inputs.pretraining import IGNORED

PACKED = "packed"


class Output(NamedTuple):
    """What `workloads.steps` takes of a model."""

    loss: Tensor | None
    logits: Tensor


class Chosen(torch.nn.Module):
    """A BERT of transformers with one or two heads, on the batches of `choose`."""

    def __init__(self, model: Any, packed: bool) -> None:
        super().__init__()
        self.model = model
        if packed:
            model.set_attn_implementation(PACKED)

    def forward(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        first: Tensor,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        words: Tensor | None = None,
        position_ids: Tensor | None = None,
        **more: Any,
    ) -> Output:
        """The loss and the logits of the sequences.

        ``first`` and ``words`` are positions in the rows one after the other: of each sequence's first token, and of
        the words to guess. ``more`` is ``attention_mask`` of padded rows, or `choose`'s of a packed one.
        """
        bert = self.model.bert
        hidden = bert.embeddings(input_ids, token_type_ids, position_ids)
        tokens = bert.encoder(hidden, **more).last_hidden_state.flatten(0, 1)  # (tokens, width)
        pooled = bert.pooler(tokens[first][:, None])
        if next_sentence_label is None or labels is None:
            logits = self.model.classifier(self.model.dropout(pooled))
            return Output(None if labels is None else cross_entropy(logits, labels), logits)
        guessed, logits = self.model.cls(tokens if words is None else tokens[words], pooled)
        return Output(cross_entropy(guessed, labels.flatten()) + cross_entropy(logits, next_sentence_label), logits)


def choose(batch: Mapping[str, Tensor], packed: bool, words: bool) -> dict[str, Any]:
    """A padded batch of rows (batch_size, length) as `Chosen` takes it, without its mask where it is not packed.

    Packed it is one row of all real tokens, with their ``position_ids`` and the sequences' ``lengths`` and ``offsets``.
    With ``words`` the labels are those of the hidden words alone, and ``words`` their positions.
    """
    rows, length = batch["input_ids"].shape
    real = batch["attention_mask"].bool() if packed else torch.ones(rows, length, dtype=torch.bool)
    lengths = real.sum(1)
    offsets = torch.cat([torch.zeros(1, dtype=torch.long), lengths.cumsum(0)])
    chosen: dict[str, Any] = {
        name: tensor[real] if tensor.shape == real.shape else tensor
        for name, tensor in batch.items()
        if name != "attention_mask"
    }
    if words:
        chosen["words"] = (chosen["labels"] != IGNORED).nonzero()[:, 0]
        chosen["labels"] = chosen["labels"][chosen["words"]]
    places = {"position_ids": torch.arange(length).expand(rows, length)[real][None]}
    packing = {**places, "lengths": tuple(lengths.tolist()), "offsets": offsets} if packed else {}
    shape = (1, -1) if packed else (rows, length)
    ids = {name: chosen[name].view(shape) for name in ("input_ids", "token_type_ids")}
    return {**chosen, **ids, **packing, "first": offsets[:-1]}


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: None,
    dropout: float = 0.0,
    scaling: float | None = None,
    *,
    lengths: tuple[int, ...],
    offsets: Tensor,
    **unused: Any,
) -> tuple[Tensor, None]:
    """Attention within each of the sequences that stand in one row.

    Query, key and value have the shape (1, heads, tokens, width), the result (1, tokens, heads, width). On a GPU it is
    one kernel for sequences of different lengths, on a CPU one after the other.
    """
    if query.device.type == "cuda":
        return one_kernel(query, key, value, offsets, lengths, dropout, scaling), None
    each = zip(*(tensor.split_with_sizes(lengths, dim=2) for tensor in (query, key, value)), strict=True)
    found = [
        scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling).transpose(1, 2) for q, k, v in each
    ]
    return torch.cat(found, dim=1), None


def one_kernel(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    offsets: Tensor,
    lengths: tuple[int, ...],
    dropout: float,
    scaling: float | None,
) -> Tensor:
    """The same by nested tensors; with the lengths known, nothing waits for the device."""
    q, k, v = (
        torch.nested.nested_tensor_from_jagged(
            tensor[0].transpose(0, 1).contiguous(), offsets, min_seqlen=min(lengths), max_seqlen=max(lengths)
        ).transpose(1, 2)
        for tensor in (query, key, value)
    )
    found = scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=scaling)
    return found.transpose(1, 2).values()[None]


AttentionInterface.register(PACKED, attend)
