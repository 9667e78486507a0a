"""ResNet v1.5 (He et al. 2015) at its published depths: classifying photographs, and learning to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workloads import flops, inputs, rungs, steps, weights
from workloads.axes import check
from workloads.inputs import feed
from workloads.inputs.feed import OFF
from workloads.inputs.images import DEVIATION, MEAN, squares
from workloads.prepared import Prepared
from workloads.rungs import Rung, climb, compile_as, compiling, graphing, took

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.setup import Setup

Batch = Mapping[str, "Tensor"]

# Worth importing once before forking; none of them runs anything or touches a device.
PRELOAD = ("transformers.models.resnet.modeling_resnet", "torch.utils.flop_counter")

_BLOCKS = {18: [2, 2, 2, 2], 50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}
_MOST_IMAGES = 128

_FOLDED = Rung("each batch norm folded into the convolution before it", rungs.always)
_FUSED = Rung("SGD's update as one kernel", rungs.on("cuda"))


def _channels_last(on_cpu: bool) -> Rung:
    """On CUDA it pays where tensor cores multiply; strict fp32 was seen to become slower (pytorch#44943)."""

    def pays(setup: Setup) -> bool:
        return on_cpu if setup.device.type == "cpu" else setup.device.type == "cuda" and rungs.on_tensor_cores(setup)

    return Rung("layout=channels_last", pays, {"layout": "channels_last"})


@dataclass(frozen=True)
class _ResNet:
    """The axes that both ResNet workloads share."""

    depth: Literal[18, 50, 101, 152] = 50
    batch_size: int = 16
    image: int = 224
    layout: Literal["contiguous", "channels_last"] = "contiguous"
    compile: bool = False
    variant: str = rungs.PLAIN
    pipeline: str = OFF

    RUNGS: ClassVar[Mapping[str, Rung]] = {}

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), image=(32, 1024))
        rungs.check(self)
        feed.check(self.pipeline)

    def _build(self, setup: Setup) -> Any:
        from transformers import ResNetConfig
        from transformers.models.resnet.modeling_resnet import ResNetForImageClassification

        wide = self.depth >= 50
        config = ResNetConfig(
            depths=_BLOCKS[self.depth],
            hidden_sizes=[256, 512, 1024, 2048] if wide else [64, 128, 256, 512],
            layer_type="bottleneck" if wide else "basic",
        )
        config.num_labels, config.problem_type = 1000, "single_label_classification"
        model = weights.build(ResNetForImageClassification, config, setup, ("depths", "hidden_sizes", "layer_type"))
        return model.to(memory_format=self._memory_format)

    def _arrange(self, model: Any) -> Any:
        """The model as a climbed workload runs it."""
        if took(self, "folded"):
            fold(model)
        if self.compile:
            compile_as(self, model)
        return model

    @property
    def _memory_format(self) -> Any:
        import torch

        return torch.channels_last if self.layout == "channels_last" else torch.contiguous_format

    def _photographs(self, classes: int, setup: Setup) -> tuple[Any, list[Batch]]:
        """Pixels of shape (batch_size, image, image, 3) as decoded, and random labels."""
        import numpy as np
        import torch

        count = inputs.distinct(self.batch_size, _MOST_IMAGES)
        photographs = squares(setup.data, count * self.batch_size, self.image)
        classes_drawn = np.random.default_rng(inputs.SEED).integers(classes, size=len(photographs.content))
        pixels, labels = (torch.from_numpy(array).chunk(count) for array in (photographs.content, classes_drawn))
        return photographs, [{"pixels": pixels[i], "labels": labels[i]} for i in range(count)]

    def _fed(
        self, photographs: Any, batches: Sequence[Batch], place: Callable[[Batch], Batch], setup: Setup
    ) -> feed.Feed | None:
        """What feeds such batches to a step, put on the device by ``place``, where that is asked for."""
        import torch

        def again(read: Callable[[Sequence[int]], Any], number: int) -> Batch:
            items = range(number * self.batch_size, (number + 1) * self.batch_size)
            return {"pixels": torch.from_numpy(read(items)), "labels": batches[number]["labels"]}

        return feed.feed(self.pipeline, photographs, again, len(batches), place, setup)

    def _normaliser(self, setup: Setup) -> Callable[[Tensor], Tensor]:
        """Puts pixels on the device as the model takes them: (batch, 3, image, image), normalised as for ImageNet."""
        import torch

        # Once: to put them there waits for all that the device has still to do.
        mean, deviation = (torch.tensor(values, device=setup.device).view(3, 1, 1) for values in (MEAN, DEVIATION))

        def normalised(pixels: Tensor) -> Tensor:
            channels_first = pixels.to(setup.device, non_blocking=True).permute(0, 3, 1, 2)
            found = (channels_first / 255 - mean) / deviation
            return found.to(setup.precision.weights).contiguous(memory_format=self._memory_format)

        return normalised


@dataclass(frozen=True)
class Classify(_ResNet):
    """ResNet inference: one batch of photographs classified into ImageNet's 1000 classes."""

    version: ClassVar[int] = 1

    RUNGS: ClassVar[Mapping[str, Rung]] = {
        "channels_last": _channels_last(on_cpu=True),
        "folded": _FOLDED,
        "compile": compiling("cpu", compile=True),
        "graphs": graphing(compile=True),
    }

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of photographs."""
        climbed = climb(self, setup)
        model = climbed._build(setup).eval()
        described = weights.describe(model, setup) | rungs.facts(climbed)

        normalised = climbed._normaliser(setup)

        def place(batch: Batch) -> Batch:
            return {"pixel_values": normalised(batch["pixels"])}

        photographs, batches = self._photographs(model.config.num_labels, setup)
        fed = self._fed(photographs, batches, place, setup)
        resident = feed.resident(batches, place, fed)
        return Prepared(
            step=steps.inference_step(climbed._arrange(model), fed or resident, setup.precision),
            work=[{"image": self.batch_size}] * len(batches),
            inputs=inputs.describe(photographs, batches),
            model=described,
            flops=flops.batch_flops(model, resident, trains=False),
            feed=fed,
        )


@dataclass(frozen=True)
class Train(_ResNet):
    """ResNet training: one optimizer step of the classic ImageNet recipe.

    SGD with momentum 0.9, weight decay 1e-4 and a learning rate of 0.1 for every 256 images (Goyal et al. 2017). The
    photographs' labels are random.
    """

    version: ClassVar[int] = 1

    RUNGS: ClassVar[Mapping[str, Rung]] = {
        "fused": _FUSED,
        "channels_last": _channels_last(on_cpu=False),
        "compile": compiling(compile=True),
        "graphs": graphing(compile=True),
    }

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in train mode, its SGD and up to four batches of photographs."""
        from torch.optim import SGD

        climbed = climb(self, setup)
        model = climbed._arrange(climbed._build(setup).train())
        how = {"fused": True} if took(climbed, "fused") else {}
        optimizer = SGD(model.parameters(), lr=0.1 * self.batch_size / 256, momentum=0.9, weight_decay=1e-4, **how)

        normalised = climbed._normaliser(setup)

        def place(batch: Batch) -> Batch:
            labels = batch["labels"].to(setup.device, non_blocking=True)
            return {"pixel_values": normalised(batch["pixels"]), "labels": labels}

        photographs, batches = self._photographs(model.config.num_labels, setup)
        fed = self._fed(photographs, batches, place, setup)
        resident = feed.resident(batches, place, fed)
        step = steps.training_step(model, optimizer, fed or resident, setup.precision)
        return Prepared(
            step=step,
            work=[{"image": self.batch_size}] * len(batches),
            inputs=inputs.describe(photographs, batches),
            model=weights.describe(model, setup) | rungs.facts(climbed),
            flops=flops.batch_flops(model, resident, trains=True),
            trains=True,
            parts=step,
            feed=fed,
        )


def fold(model: Any) -> None:
    """Have each convolution of a ResNet in evaluation mode do its batch norm too, in its weights and a bias."""
    import torch
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for layer in model.modules():
        if isinstance(getattr(layer, "normalization", None), torch.nn.BatchNorm2d):
            layer.convolution = fuse_conv_bn_eval(layer.convolution, layer.normalization)
            layer.normalization = torch.nn.Identity()
