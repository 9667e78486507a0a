"""BERT (Devlin et al. 2018) at its published sizes: pretraining, fine-tuning and classification of film reviews."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

from workloads import flops, inputs, rungs, steps, weights
from workloads.axes import check
from workloads.inputs import feed
from workloads.inputs.feed import OFF
from workloads.inputs.pretraining import Pairs
from workloads.inputs.reviews import review_batches
from workloads.inputs.text import VOCABULARY, documents
from workloads.prepared import Prepared
from workloads.rungs import ONEDNN, Rung, climb, compile_as, compiling, graphing, took

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import AdamW

    from workloads.setup import Setup

Batch = Mapping[str, "Tensor"]
Read = Callable[[Sequence[int]], Any]  # documents by their numbers
Again = Callable[[Read, int], Batch]  # makes a batch of what is read anew
Padding = Literal["max_length", "longest"]
Optimizer = Literal["for-loop", "foreach", "fused"]

# Worth importing once before forking; none of them runs anything or touches a device.
PRELOAD = (
    "pandas",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "workloads.models.chosen",
)

# (layers, width); a head is 64 wide and the inner layer four times the width.
_SIZES = {"tiny": (2, 128), "base": (12, 768), "large": (24, 1024)}
_MOST_SEQUENCES = 512
_FULL = 0.9  # of the positions are text: tuned does not pack then

_FUSED = Rung("optimizer=fused", rungs.on("cpu", "cuda"), {"optimizer": "fused"})
_MASKED_HEAD = Rung("words guessed at the hidden positions only", rungs.always)
_PACKED = Rung("no padding: all sequences in one row, each attending to itself", rungs.on("cpu"), {"attention": "sdpa"})
_RUNGS: Mapping[str, Rung] = {
    "packed": _PACKED,
    "onednn": ONEDNN,
    "compile": compiling(compile=True),
    "graphs": graphing(compile=True),
}
_LEARNING = {**_RUNGS, "no-attention-dropout": Rung("no dropout in attention: another training", rungs.never)}


@dataclass(frozen=True)
class _Bert:
    """The axes that all BERT workloads share."""

    size: Literal["tiny", "base", "large"] = "base"
    batch_size: int = 8
    sequence_length: int = 128
    attention: Literal["sdpa", "eager"] = "sdpa"
    compile: bool = False
    variant: str = rungs.PLAIN
    pipeline: str = OFF

    RUNGS: ClassVar[Mapping[str, Rung]] = _RUNGS

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), sequence_length=(8, 512))
        rungs.check(self)
        feed.check(self.pipeline)

    def _build(self, class_name: str, setup: Setup) -> Any:
        """The model class of that name from transformers, built at this size."""
        from transformers import BertConfig
        from transformers.models.bert import modeling_bert

        layers, width = _SIZES[self.size]
        config = BertConfig(
            vocab_size=VOCABULARY,
            hidden_size=width,
            num_hidden_layers=layers,
            num_attention_heads=width // 64,
            intermediate_size=4 * width,
        )
        config.problem_type = "single_label_classification"
        shape = ("hidden_size", "num_hidden_layers", "vocab_size")
        model = weights.build(getattr(modeling_bert, class_name), config, setup, shape, self.attention)
        if took(self, "no-attention-dropout"):
            for layer in model.bert.encoder.layer:
                layer.attention.self.dropout.p = 0.0
        return model

    def _arrange(
        self, model: Any, text: inputs.Inputs[Any], batches: Sequence[Batch], again: Again, setup: Setup
    ) -> _Arranged:
        """The model and its batches as a climbed workload runs them; ``again`` makes one of texts read anew."""
        packed, words = took(self, "packed"), took(self, "masked-head")
        called = model
        if packed or words:
            from workloads.models.chosen import Chosen

            called = Chosen(model, packed)
        if self.compile:
            compile_as(self, called)
        masked = not packed and any(not batch["attention_mask"].all() for batch in batches)
        place = _placing(model, setup, masked, _choice(packed, words))
        fed = feed.feed(self.pipeline, text, again, len(batches), place, setup)
        count = partial(flops.bert, *_SIZES[self.size], trains=model.training)
        computed = [count(batch, packed, words) for batch in batches]
        required = [count(batch, packed=True, words=True) for batch in batches]
        return _Arranged(called, feed.resident(batches, place, fed), fed, computed, required)


class _Arranged(NamedTuple):
    """What is called on which batches, or what feeds them to it, and what a step computes and requires for each."""

    model: Any
    batches: Sequence[Batch]
    feed: feed.Feed | None
    computed: Sequence[int]
    required: Sequence[int]


@dataclass(frozen=True)
class Pretrain(_Bert):
    """BERT pretraining: one optimizer step of masked words and next sentences.

    15 % of the words are to be guessed, drawn anew for every batch; half of the sentence pairs are true. AdamW at a
    constant learning rate, dropout 0.1, the output layer run on all positions as in `BertForPreTraining`.
    """

    version: ClassVar[int] = 1
    optimizer: Optimizer = "foreach"

    RUNGS: ClassVar[Mapping[str, Rung]] = {"fused": _FUSED, "masked-head": _MASKED_HEAD} | _LEARNING

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in train mode, its AdamW and up to four batches of sentence pairs."""
        count = inputs.distinct(self.batch_size, _MOST_SEQUENCES)
        text = documents(setup.data, count * self.batch_size + 1)
        pairs = Pairs(text.content, self.batch_size, self.sequence_length)
        batches = [pairs.batch(number, text.content.__getitem__) for number in range(count)]

        def again(read: Read, number: int) -> Batch:
            needed = pairs.needed(number)
            return pairs.batch(number, dict(zip(needed, read(needed), strict=True)).__getitem__)

        climbed = climb(self, setup, _useless(batches))
        model = climbed._build("BertForPreTraining", setup).train()
        return _training(climbed, model, adamw(model, 1e-4, climbed.optimizer), text, batches, again, setup)


@dataclass(frozen=True)
class Finetune(_Bert):
    """BERT fine-tuning: one optimizer step of telling good film reviews from bad.

    AdamW at a constant 2e-5, dropout 0.1. Reviews are cut to ``sequence_length`` and padded to it (``max_length``)
    or to the longest of their batch (``longest``).
    """

    version: ClassVar[int] = 1
    padding: Padding = "max_length"
    optimizer: Optimizer = "foreach"

    RUNGS: ClassVar[Mapping[str, Rung]] = {"fused": _FUSED} | _LEARNING

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in train mode, its AdamW and up to four batches of reviews."""
        text, batches, again = _reviews(self, self.padding, setup)
        climbed = climb(self, setup, _useless(batches))
        model = climbed._build("BertForSequenceClassification", setup).train()
        return _training(climbed, model, adamw(model, 2e-5, climbed.optimizer), text, batches, again, setup)


@dataclass(frozen=True)
class Classify(_Bert):
    """BERT inference: one batch of film reviews classified, as in an evaluation pass."""

    version: ClassVar[int] = 1
    padding: Padding = "max_length"

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of reviews."""
        text, labelled, again = _reviews(self, self.padding, setup)
        climbed = climb(self, setup, _useless(labelled))
        batches = [_unlabelled(batch) for batch in labelled]
        model = climbed._build("BertForSequenceClassification", setup).eval()
        ready = climbed._arrange(model, text, batches, lambda read, i: _unlabelled(again(read, i)), setup)
        return Prepared(
            step=steps.inference_step(ready.model, ready.feed or ready.batches, setup.precision),
            work=[_work(batch, took(climbed, "packed")) for batch in batches],
            inputs=inputs.describe(text, batches),
            model=weights.describe(model, setup) | rungs.facts(climbed),
            flops=ready.computed.__getitem__,
            required=ready.required.__getitem__,
            feed=ready.feed,
        )


def adamw(model: Any, learning_rate: float, kind: Optimizer) -> AdamW:
    """AdamW as BERT was trained with: weight decay 0.01, but none on biases and norms."""
    from torch.optim import AdamW

    # Biases and the gains of norms are exactly the parameters with one dimension.
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01},
        {"params": [p for p in model.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    return AdamW(groups, lr=learning_rate, foreach=kind == "foreach", fused=kind == "fused")


def _reviews(workload: Finetune | Classify, padding: Padding, setup: Setup) -> tuple[Any, Sequence[Batch], Again]:
    size, length = workload.batch_size, workload.sequence_length
    text = documents(setup.data, inputs.distinct(size, _MOST_SEQUENCES) * size)

    def again(read: Read, number: int) -> Batch:
        return review_batches(read(range(number * size, (number + 1) * size)), size, length, padding)[0]

    return text, review_batches(text.content, size, length, padding), again


def _unlabelled(batch: Batch) -> Batch:
    return {name: tensor for name, tensor in batch.items() if name != "labels"}


def _useless(batches: Sequence[Batch]) -> tuple[str, ...]:
    """The rungs that do no good on such batches: with little padding, attention one by one costs what packing saves."""
    text = sum(int(batch["attention_mask"].sum()) for batch in batches)
    positions = sum(batch["attention_mask"].numel() for batch in batches)
    return ("packed",) if text > _FULL * positions else ()


def _training(
    climbed: Pretrain | Finetune,
    model: Any,
    optimizer: AdamW,
    text: inputs.Inputs[Any],
    batches: Sequence[Batch],
    again: Again,
    setup: Setup,
) -> Prepared:
    ready = climbed._arrange(model, text, batches, again, setup)
    step = steps.training_step(ready.model, optimizer, ready.feed or ready.batches, setup.precision)
    return Prepared(
        step=step,
        work=[_work(batch, took(climbed, "packed")) for batch in batches],
        inputs=inputs.describe(text, batches),
        model=weights.describe(model, setup) | rungs.facts(climbed),
        flops=ready.computed.__getitem__,
        required=ready.required.__getitem__,
        trains=True,
        parts=step,
        feed=ready.feed,
    )


def _choice(packed: bool, words: bool) -> Callable[[Batch], dict[str, Any]]:
    """Makes of a batch what the model is called with, besides its mask."""
    if not (packed or words):
        return lambda batch: {name: tensor for name, tensor in batch.items() if name != "attention_mask"}
    from workloads.models.chosen import choose

    return partial(choose, packed=packed, words=words)


def _placing(
    model: Any, setup: Setup, masked: bool, choice: Callable[[Batch], dict[str, Any]]
) -> Callable[[Batch], Batch]:
    """Puts a batch on the device, its mask in the form that the model's attention takes.

    The model would make the same masks in every step, and first wait for the device to say whether a batch has any
    padding. As it does, batches go without a mask where no batch has padding (other, faster kernels take them then).
    """
    import torch
    from transformers.masking_utils import create_bidirectional_mask

    def mask(attention_mask: Tensor) -> Any:
        embedded = torch.empty(*attention_mask.shape, 0, dtype=setup.precision.weights, device=setup.device)
        return create_bidirectional_mask(
            model.config, inputs_embeds=embedded, attention_mask=attention_mask, allow_is_bidirectional_skip=False
        )

    def place(value: Any) -> Any:
        return value.to(setup.device, non_blocking=True) if torch.is_tensor(value) else value

    def move(batch: Batch) -> dict[str, Any]:
        moved = {name: place(value) for name, value in choice(batch).items()}
        return {**moved, "attention_mask": mask(place(batch["attention_mask"]))} if masked else moved

    return move


def _work(batch: Batch, packed: bool) -> dict[str, float]:
    """Sequences; tokens computed, padding included where there is any; and tokens of text."""
    ids, real = batch["input_ids"], int(batch["attention_mask"].sum())
    return {"sequence": len(ids), "token": real if packed else ids.numel(), "real_token": real}
