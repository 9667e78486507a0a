"""The FLOPs of a step (a multiply-add is 2): BERT's by their formula, all others by running shapes on the meta device.

Neither depends on device, precision or kernel: on a CPU torch's counter misses the fused attention (2 % of BERT, a
third of Whisper), and of a fused backward pass it counts the recomputation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from workloads.inputs.pretraining import IGNORED
from workloads.inputs.text import VOCABULARY

_Shapes = tuple[tuple[str, Any, Any], ...]


def bert(layers: int, width: int, batch: Mapping[str, Any], packed: bool, words: bool, trains: bool) -> int:
    """FLOPs of a step of BERT: of all positions, or of the text alone (``packed``), each sequence attending to itself;
    where words are guessed, of these at all of its positions, or (``words``) at the hidden ones. Packed and with the
    hidden words alone it is what the losses require.

    A layer multiplies each token by 12 matrices of width x width (queries, keys, values, output; the inner layer is 4
    wide and crossed twice), and within a sequence each pair of tokens twice (Chowdhery et al. 2022, arXiv 2204.02311,
    appendix B, has the same sum of a decoder). Then come the pooler and two classes of each sequence, and the word head
    (a dense layer and the vocabulary). A backward pass multiplies twice for each product, for its input and its weight.
    """
    rows, length = batch["input_ids"].shape
    lengths = batch["attention_mask"].sum(1).tolist() if packed else [length] * rows
    guessed = 0
    if "next_sentence_label" in batch:
        guessed = int((batch["labels"] != IGNORED).sum()) if words else sum(lengths)
    encoder: int = layers * sum(24 * one * width**2 + 4 * one**2 * width for one in lengths)
    heads: int = rows * 2 * (width**2 + 2 * width) + guessed * 2 * (width**2 + width * VOCABULARY)
    return (3 if trains else 1) * (encoder + heads)


def batch_flops(model: Any, batches: Sequence[Mapping[str, Any]], trains: bool) -> Callable[[int], int]:
    """FLOPs of a forward pass of batch ``i`` or, where the model trains, of forward and backward.

    Nothing is built or counted before the first call; a shape is counted once.
    """
    twin = cache(lambda: meta_copy(model))

    def run(batch: Mapping[str, Any]) -> None:
        import torch

        with torch.set_grad_enabled(trains):
            output = twin()(**batch)
        if trains:
            output.loss.backward()

    @cache
    def count_shapes(shapes: _Shapes) -> int:
        import torch

        batch = {
            name: torch.empty(shape, dtype=dtype, device="meta") if dtype else shape for name, shape, dtype in shapes
        }
        return count(lambda: run(batch))

    return lambda i: count_shapes(_shapes(batches[i % len(batches)]))


def meta_copy(model: Any) -> Any:
    """The same model without weights: fp32, with plain attention, whose products are counted one by one.

    It trains or not as the model does: in training, wav2vec 2.0 leaves out layers by chance.
    """
    import torch

    with torch.device("meta"):
        twin = type(model)(copy.deepcopy(model.config))  # a configuration of its own: the next line writes to it
    twin.set_attn_implementation("eager")
    return twin.train(model.training)


def count(run: Callable[[], object]) -> int:
    """The FLOPs of the matrix products and convolutions that ``run`` dispatches."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def _shapes(batch: Mapping[str, Any]) -> _Shapes:
    """What the count of a batch depends on: names, shapes and types, floating-point ones in the copy's own fp32.

    What is no tensor stands for itself, without a type.
    """
    import torch

    def shape(value: Any) -> tuple[Any, Any]:
        if not torch.is_tensor(value):
            return value, None
        return tuple(value.shape), torch.float32 if value.is_floating_point() else value.dtype

    return tuple((name, *shape(value)) for name, value in batch.items())
