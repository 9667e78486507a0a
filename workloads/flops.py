"""Counting model FLOPs (a multiply-add is 2) by running the model's shapes on the meta device.

There the count depends on neither device, precision nor kernel: on a CPU torch's counter misses the fused attention
(2 % of BERT, a third of Whisper), and of a fused backward pass it counts the recomputation.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

_Shapes = tuple[tuple[str, Any, Any], ...]


def batch_flops(
    model: Any, batches: Sequence[Mapping[str, Any]], trains: bool, wrap: Callable[[Any], Any] = lambda twin: twin
) -> Callable[[int], int]:
    """FLOPs of a forward pass of batch ``i`` or, where the model trains, of forward and backward.

    ``wrap`` makes of a model like ``model`` what is called with the batches. Nothing is built or counted before the
    first call; a shape is counted once.
    """
    twin = cache(lambda: wrap(meta_copy(model)))

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
