"""The same training by the plain way, by each rung of the ladder, and by hand: in blocks that alternate, A B C, C B A.

A workload, so that it runs where replicates run: forked, pinned, in the precision that its label says.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import ClassVar

from paired import bare, harness, prepared

BATCHES = 4  # distinct ones, each of its own length: a block runs every one of them


@dataclass(frozen=True)
class Ladder:
    """BERT-base fine-tuning on reviews padded to ``sequence_length``, against what tuned makes of it rung by rung."""

    version: ClassVar[int] = 1
    size: str = "base"
    batch_size: int = 4
    sequence_length: int = 512
    rounds: int = 2

    @property
    def axes(self):
        """Those of the workload that is trained."""
        return {"size": self.size, "batch_size": self.batch_size, "sequence_length": self.sequence_length}

    def prepare(self, setup):
        from workloads.bert import Finetune
        from workloads.rungs import climb

        axes = self.axes
        taken = climb(Finetune(**axes, variant="tuned"), setup).variant.split("+")
        ladder = ["plain", *("+".join(taken[: number + 1]) for number in range(len(taken)))]
        built = {name: Finetune(**axes, variant=name).prepare(setup) for name in ladder}
        ways = {name: way(name, one.step) for name, one in built.items()}
        ways["by hand"] = way(ladder[-1], by_hand(Finetune(**axes), setup))
        lower = self._bf16(Finetune(**axes, variant="tuned"), setup)
        if not isinstance(lower, str):
            ways["bf16"] = way(ladder[-1], lower.step)
        found = {"ladder": ladder, "blocks": blocks(ways, self.rounds), "bf16": lower if isinstance(lower, str) else ""}
        work = built["plain"].work
        return prepared(built["plain"].step, found | {"real": share(work)})

    def _bf16(self, workload, setup):
        """Tuned in bf16, or why that cannot be had here."""
        from bench.device import device
        from bench.errors import Unsupported
        from bench.precision import apply
        from workloads import Setup

        try:
            return workload.prepare(Setup(setup.device, apply("bf16", device("cpu")), setup.data))
        except Unsupported as why:
            return str(why)


@dataclass(frozen=True)
class ByHand(Ladder):
    """Tuned in the harness beside the same recipe by hand, and nothing else."""

    rounds: int = 3

    def prepare(self, setup):
        from workloads.bert import Finetune
        from workloads.rungs import climb

        axes = self.axes
        taken = climb(Finetune(**axes, variant="tuned"), setup).variant
        tuned = Finetune(**axes, variant=taken).prepare(setup)
        hand = by_hand(Finetune(**axes), setup)
        ways = {"harness": way(taken, tuned.step, harness), "by hand": way(taken, hand)}
        return prepared(tuned.step, {"blocks": blocks(ways, self.rounds)})


def way(variant, step, loop=bare):
    """A block of steps. One rung is a setting of the whole process, so each way has it set as its own variant wants."""
    import torch

    precision = "bf16" if "onednn" in variant else "ieee"

    def block():
        torch.backends.mkldnn.matmul.fp32_precision = precision
        loop(step, BATCHES)

    return block


def share(work):
    """Tokens of text over token positions, all batches together."""
    return sum(batch["real_token"] for batch in work) / sum(batch["token"] for batch in work)


def blocks(ways, rounds):
    """Seconds and CPU seconds of every way's blocks, after one for warming up."""
    times = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            begin, cpu = time.perf_counter(), os.times()
            ways[name]()
            now = os.times()
            spent = now.user + now.system - cpu.user - cpu.system
            if number:
                times[name].append((time.perf_counter() - begin, spent))
    return times


def by_hand(workload, setup):
    """The best recipe known for a CPU, as one would write it without a harness: fused AdamW, no padding.

    Plain torch and transformers: the sequences of a batch stand in one row, and attention goes from one to the next.
    """
    import torch
    from torch.nn.functional import cross_entropy, scaled_dot_product_attention
    from transformers import BertConfig, BertForSequenceClassification

    from workloads.inputs.reviews import review_batches
    from workloads.inputs.text import documents

    layers, width = {"tiny": (2, 128), "base": (12, 768)}[workload.size]
    heads = width // 64
    config = BertConfig(
        hidden_size=width, num_hidden_layers=layers, num_attention_heads=heads, intermediate_size=4 * width
    )
    model = BertForSequenceClassification(config).train()
    groups = [
        {"params": [one for one in model.parameters() if one.ndim > 1], "weight_decay": 0.01},
        {"params": [one for one in model.parameters() if one.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=2e-5, fused=True)
    texts = documents(setup.data, BATCHES * workload.batch_size).content
    rows = []
    for batch in review_batches(texts, workload.batch_size, workload.sequence_length, "longest"):
        real = batch["attention_mask"].bool()
        places = torch.arange(real.shape[1]).expand_as(real)
        lengths = real.sum(1)
        rows.append((batch["input_ids"][real][None], places[real][None], lengths.tolist(), batch["labels"]))

    def step(i):
        ids, places, lengths, labels = rows[i % len(rows)]
        optimizer.zero_grad(set_to_none=True)
        hidden = model.bert.embeddings(ids, position_ids=places)
        for layer in model.bert.encoder.layer:
            own = layer.attention.self
            q, k, v = (
                of(hidden).view(1, -1, heads, 64).transpose(1, 2).split(lengths, dim=2)
                for of in (own.query, own.key, own.value)
            )
            each = [scaled_dot_product_attention(*one, dropout_p=0.1) for one in zip(q, k, v, strict=True)]
            mixed = torch.cat(each, dim=2).transpose(1, 2).reshape(1, -1, width)
            hidden = layer.feed_forward_chunk(layer.attention.output(mixed, hidden))
        first = [sum(lengths[:number]) for number in range(len(lengths))]
        pooled = model.bert.pooler(hidden[0, first][:, None])
        loss = cross_entropy(model.classifier(model.dropout(pooled)), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
