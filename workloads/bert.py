"""BERT (Devlin et al. 2018) at its published sizes: pretraining, fine-tuning and classification of film reviews."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workloads import flops, inputs, steps, weights
from workloads.axes import check
from workloads.inputs.pretraining import pretraining_batches
from workloads.inputs.reviews import review_batches
from workloads.inputs.text import VOCABULARY, documents
from workloads.prepared import Prepared

if TYPE_CHECKING:
    from torch import Tensor
    from torch.optim import AdamW

    from workloads.setup import Setup

Batch = Mapping[str, "Tensor"]
Padding = Literal["max_length", "longest"]
Optimizer = Literal["for-loop", "foreach", "fused"]

# Worth importing once before forking; none of them runs anything or touches a device.
PRELOAD = (
    "pandas",
    "transformers.models.bert.modeling_bert",
    "transformers.models.bert.tokenization_bert",
    "torch.utils.flop_counter",
)

# (layers, width); a head is 64 wide and the inner layer four times the width.
_SIZES = {"tiny": (2, 128), "base": (12, 768), "large": (24, 1024)}

_MOST_SEQUENCES = 512


@dataclass(frozen=True)
class _Bert:
    """The axes that all BERT workloads share."""

    size: Literal["tiny", "base", "large"] = "base"
    batch_size: int = 8
    sequence_length: int = 128
    attention: Literal["sdpa", "eager"] = "sdpa"
    compile: bool = False

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), sequence_length=(8, 512))

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
        if self.compile:
            model.compile()
        return model


@dataclass(frozen=True)
class Pretrain(_Bert):
    """BERT pretraining: one optimizer step of masked words and next sentences.

    15 % of the words are to be guessed, drawn anew for every batch; half of the sentence pairs are true. AdamW at a
    constant learning rate, dropout 0.1, the output layer run on all positions as in `BertForPreTraining`.
    """

    version: ClassVar[int] = 1
    optimizer: Optimizer = "foreach"

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in train mode, its AdamW and up to four batches of sentence pairs."""
        count = inputs.distinct(self.batch_size, _MOST_SEQUENCES)
        text = documents(setup.data, count * self.batch_size + 1)
        batches = pretraining_batches(text.content, self.batch_size, count, self.sequence_length)
        model = self._build("BertForPreTraining", setup).train()
        return _training(model, adamw(model, 1e-4, self.optimizer), text, batches, setup)


@dataclass(frozen=True)
class Finetune(_Bert):
    """BERT fine-tuning: one optimizer step of telling good film reviews from bad.

    AdamW at a constant 2e-5, dropout 0.1. Reviews are cut to ``sequence_length`` and padded to it (``max_length``)
    or to the longest of their batch (``longest``).
    """

    version: ClassVar[int] = 1
    padding: Padding = "max_length"
    optimizer: Optimizer = "foreach"

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in train mode, its AdamW and up to four batches of reviews."""
        text, batches = _reviews(self, self.padding, setup)
        model = self._build("BertForSequenceClassification", setup).train()
        return _training(model, adamw(model, 2e-5, self.optimizer), text, batches, setup)


@dataclass(frozen=True)
class Classify(_Bert):
    """BERT inference: one batch of film reviews classified, as in an evaluation pass."""

    version: ClassVar[int] = 1
    padding: Padding = "max_length"

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of reviews."""
        text, labelled = _reviews(self, self.padding, setup)
        batches = [{name: tensor for name, tensor in batch.items() if name != "labels"} for batch in labelled]
        model = self._build("BertForSequenceClassification", setup).eval()
        resident = _resident(batches, model, setup)
        return Prepared(
            step=steps.inference_step(model, resident, setup.precision),
            work=[_work(batch) for batch in batches],
            inputs=inputs.describe(text, batches),
            model=weights.describe(model, setup),
            flops=flops.batch_flops(model, resident, trains=False),
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


def _reviews(workload: Finetune | Classify, padding: Padding, setup: Setup) -> tuple[Any, list[dict[str, Tensor]]]:
    count = inputs.distinct(workload.batch_size, _MOST_SEQUENCES) * workload.batch_size
    text = documents(setup.data, count)
    return text, review_batches(text.content, workload.batch_size, workload.sequence_length, padding)


def _training(
    model: Any, optimizer: AdamW, text: inputs.Inputs[Any], batches: Sequence[Batch], setup: Setup
) -> Prepared:
    resident = _resident(batches, model, setup)
    step = steps.training_step(model, optimizer, resident, setup.precision)
    return Prepared(
        step=step,
        work=[_work(batch) for batch in batches],
        inputs=inputs.describe(text, batches),
        model=weights.describe(model, setup),
        flops=flops.batch_flops(model, resident, trains=True),
        trains=True,
        parts=step,
    )


def _resident(batches: Sequence[Batch], model: Any, setup: Setup) -> list[dict[str, Tensor]]:
    """The batches on the device, their masks in the form that the model's attention takes.

    The model would make the same masks in every step, and first wait for the device to say whether a batch has any
    padding. As it does, batches go without a mask where no batch has padding (other, faster kernels take them then).
    """
    import torch
    from transformers.masking_utils import create_bidirectional_mask

    padded = any(not batch["attention_mask"].all() for batch in batches)

    def mask(attention_mask: Tensor) -> Any:
        embedded = torch.empty(*attention_mask.shape, 0, dtype=setup.precision.weights, device=setup.device)
        return create_bidirectional_mask(
            model.config, inputs_embeds=embedded, attention_mask=attention_mask, allow_is_bidirectional_skip=False
        )

    def move(batch: Batch) -> dict[str, Tensor]:
        moved = {name: tensor.to(setup.device) for name, tensor in batch.items()}
        attention_mask = moved.pop("attention_mask")
        return {**moved, "attention_mask": mask(attention_mask)} if padded else moved

    return [move(batch) for batch in batches]


def _work(batch: Batch) -> dict[str, float]:
    """Sequences; tokens, padding included; and tokens of text."""
    ids = batch["input_ids"]
    return {"sequence": len(ids), "token": ids.numel(), "real_token": int(batch["attention_mask"].sum())}
