"""What a gate is calibrated on: stacks of equal layers of BERT, ResNet and wav2vec 2.0.

A slowdown of 3 % is three layers more on a hundred: real work of the same kind, which the exact counters see as 3 %
more. How much is added is the constant of the module `injected` beside this one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from injected import SLOWER

from workloads import Prepared


@dataclass(frozen=True)
class Stack:
    """A forward pass, or a step of training, through a stack of layers."""

    version: ClassVar[int] = 1
    batch_size: int = 1
    model: Literal["bert", "resnet", "wav2vec2"] = "bert"
    task: Literal["infer", "train"] = "infer"
    layers: int = 100
    threads: int = 1

    def prepare(self, setup):
        import torch

        torch.set_num_threads(self.threads)
        torch.manual_seed(setup.seed)
        make, shape = KINDS[self.model]
        layers = torch.nn.ModuleList(make() for _ in range(self.layers + round(SLOWER * self.layers))).to(setup.device)
        x = torch.randn(self.batch_size, *shape, device=setup.device)
        train = self.task == "train"
        layers.train(train)
        # No momentum and a small rate: a thousand steps on one batch stay finite.
        optimizer = torch.optim.SGD(layers.parameters(), lr=1e-4, foreach=True) if train else None

        def forward():
            y = x
            for layer in layers:
                y = layer(y)
                y = y[0] if isinstance(y, tuple) else y
            return y

        def infer(i):
            with torch.inference_mode(), setup.precision.autocast():
                return forward()

        def learn(i):
            optimizer.zero_grad(set_to_none=True)
            with setup.precision.autocast():
                loss = forward().square().mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return Prepared(
            step=learn if train else infer,
            work=[{"sequence": self.batch_size}],
            inputs={"kind": "generated", "name": "normal", "sha256": "0" * 64},
            model={"parameters": sum(p.numel() for p in layers.parameters()), "weights": "random"},
            trains=train,
        )


def bert():
    from transformers import BertConfig
    from transformers.models.bert.modeling_bert import BertLayer

    shape = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 256, "attn_implementation": "sdpa"}
    return BertLayer(BertConfig(**shape, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0))


def resnet():
    from transformers import ResNetConfig
    from transformers.models.resnet.modeling_resnet import ResNetBasicLayer

    return ResNetBasicLayer(16, 16, activation=ResNetConfig().hidden_act)


def wav2vec2():
    from transformers import Wav2Vec2Config
    from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2EncoderLayer

    shape = {"hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 256, "attn_implementation": "sdpa"}
    return Wav2Vec2EncoderLayer(Wav2Vec2Config(**shape, hidden_dropout=0.0, attention_dropout=0.0))


KINDS = {"bert": (bert, (32, 64)), "resnet": (resnet, (16, 16, 16)), "wav2vec2": (wav2vec2, (49, 64))}

PRELOAD = (
    "transformers.models.bert.modeling_bert",
    "transformers.models.resnet.modeling_resnet",
    "transformers.models.wav2vec2.modeling_wav2vec2",
    "torch.utils.flop_counter",
)
