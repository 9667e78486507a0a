"""What a machine can reach at most: matrix products by several kernels, the bandwidth of memory and between devices.

A peak is the best of several kernels and sizes. Where one library is slow, as MKL at half width on AMD, its product
alone would be a peak that ordinary models exceed. Operands are drawn from the normal distribution: a GPU multiplies
zeros with less power, and so at a higher clock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workloads import inputs, ranks
from workloads.axes import check
from workloads.prepared import Prepared

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from workloads.setup import Setup

_SIDE = 14  # of a convolution's images, as in the deeper stages of ResNet
_INPUTS = {"kind": "generated", "name": "normal", "sha256": ""}
_NOTHING = {**_INPUTS, "name": "zeros"}
_NO_MODEL = {"parameters": 0, "weights": "none", "bytes": 0}


@dataclass(frozen=True)
class Product:
    """Matrix products of about 2 x edge^3 FLOPs each: what the device can compute in a precision.

    ``mm`` is square, ``linear`` a layer that is four times as wide behind as before, ``packed`` the same with weights
    that oneDNN has laid out for it (on a CPU), ``conv`` a 3 x 3 convolution of images with their channels last.
    """

    version: ClassVar[int] = 1
    kernel: Literal["mm", "linear", "packed", "conv"] = "mm"
    edge: int = 1024
    batch_size: int = 1

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), edge=(64, 32768))

    @property
    def flops(self) -> int:
        """FLOPs of one product; a multiplication and an addition are two."""
        if self.kernel == "conv":
            return 2 * 9 * self._images * _SIDE**2 * (self.edge // 4) ** 2
        return 2 * self.edge * (self.edge // 2) * (2 * self.edge) if self.kernel != "mm" else 2 * self.edge**3

    @property
    def _images(self) -> int:
        """So many that the convolution costs about what the products do."""
        return max(1, round(16 * self.edge / 9 / _SIDE**2))

    def prepare(self, setup: Setup) -> Prepared:
        """Draw the operands, in the type that the precision multiplies."""
        import torch

        if self.kernel == "packed":
            _require_onednn(setup)
        product = self._product(torch.Generator(device=setup.device).manual_seed(inputs.SEED), setup)

        def step(number: int) -> Tensor:
            with torch.inference_mode():
                for _ in range(self.batch_size - 1):
                    product()
                return product()

        return Prepared(
            step=step,
            work=[{"product": self.batch_size}],
            inputs=_INPUTS,
            model=_NO_MODEL,
            flops=lambda i: self.batch_size * self.flops,
        )

    def _product(self, generator: torch.Generator, setup: Setup) -> Callable[[], Tensor]:
        import torch

        dtype = multiplied(setup)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, device=setup.device).to(dtype)

        n = self.edge
        if self.kernel == "mm":
            left, right = normal(n, n), normal(n, n)
            return lambda: left @ right
        if self.kernel == "conv":
            images = normal(self._images, n // 4, _SIDE, _SIDE).contiguous(memory_format=torch.channels_last)
            filters = normal(n // 4, n // 4, 3, 3).contiguous(memory_format=torch.channels_last)
            return lambda: torch.nn.functional.conv2d(images, filters, padding=1)
        rows, weights, bias = normal(n, n // 2), normal(2 * n, n // 2), normal(2 * n)
        if self.kernel == "linear":
            return lambda: torch.nn.functional.linear(rows, weights, bias)
        onednn: Any = torch.ops.mkldnn  # what torch.compile uses when it freezes a model
        packed = onednn._reorder_linear_weight(weights, n)
        return lambda: onednn._linear_pointwise(rows, packed, bias, "none", [], "")


@dataclass(frozen=True)
class Stream:
    """Long arrays read and written: the bandwidth of the device's memory, as STREAM counts it (McCalpin).

    ``copy`` reads one array and writes another, ``triad`` reads two. What a cache reads before it is overwritten is
    not counted. Arrays are to be several times as large as all caches.
    """

    version: ClassVar[int] = 1
    kernel: Literal["copy", "triad"] = "copy"
    mebibytes: int = 256
    batch_size: int = 1

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), mebibytes=(1, 1 << 16))

    def prepare(self, setup: Setup) -> Prepared:
        """Draw the arrays, of the type that the precision multiplies."""
        import torch

        dtype = multiplied(setup)
        count = (self.mebibytes << 20) // dtype.itemsize
        generator = torch.Generator(device=setup.device).manual_seed(inputs.SEED)
        block = torch.randn(1 << 20, generator=generator, device=setup.device).to(dtype)
        first, second = (block.repeat(-(-count // len(block)))[:count].clone() for _ in range(2))
        target = torch.empty_like(first)

        def once() -> Tensor:
            if self.kernel == "copy":
                return target.copy_(first)
            return torch.add(first, second, alpha=3.0, out=target)

        def step(number: int) -> Tensor:
            with torch.inference_mode():
                for _ in range(self.batch_size):
                    once()
                return target[:1024]

        arrays = 2 if self.kernel == "copy" else 3
        return Prepared(
            step=step,
            work=[{"B": self.batch_size * arrays * count * dtype.itemsize}],
            inputs=_INPUTS,
            model=_NO_MODEL,
        )


@dataclass(frozen=True)
class Collective:
    """Collectives between the devices of one machine, the case's and those after it: what their links carry.

    Counted are the bytes on the bus (`workloads.ranks.ON_THE_BUS`), as nccl-tests counts them. ``mebibytes`` are those
    of the whole tensor; on a CPU the ranks are processes of this host.
    """

    version: ClassVar[int] = 1
    kernel: Literal["all_reduce", "all_gather", "reduce_scatter"] = "all_reduce"
    mebibytes: int = 256
    world_size: int = 2
    batch_size: int = 1

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), mebibytes=(1, 1 << 16), world_size=(2, 1024))

    def prepare(self, setup: Setup) -> Prepared:
        """Start the other ranks, and find them."""
        dtype = multiplied(setup)
        elements = (self.mebibytes << 20) // dtype.itemsize // self.world_size * self.world_size
        once = ranks.collective(self.kernel, elements, dtype, setup.device, self.world_size)
        moved = elements * dtype.itemsize * ranks.ON_THE_BUS[self.kernel](self.world_size)

        def step(number: int) -> Tensor:
            for _ in range(self.batch_size - 1):
                once()
            return once()[:1024]

        return Prepared(step=step, work=[{"B": self.batch_size * moved}], inputs=_NOTHING, model=_NO_MODEL)


def multiplied(setup: Setup) -> torch.dtype:
    """The type that products come in under a precision: autocast's where there is one, else that of the weights."""
    import torch

    with torch.no_grad(), setup.precision.autocast():
        one = torch.ones(1, 1, device=setup.device, dtype=setup.precision.weights)
        return (one @ one).dtype


def _require_onednn(setup: Setup) -> None:
    """Raise where oneDNN does not compute.

    Raises:
        NotImplementedError: the device is no CPU, or torch was built without it.
    """
    import torch

    if setup.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        raise NotImplementedError("oneDNN packs weights on a CPU, where torch was built with it")
