"""Precisions: setting one up, refusing what a device only emulates, and proving that the label is what ran."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch

from bench.device import Device
from bench.errors import Unsupported
from workloads.rungs import relative_error

# A precision whose matrix product is this much slower than strict fp32 on the same device runs by emulation: native
# lower precision is never slower, and emulated fp16 was seen at a hundredth to a thousandth of fp32's speed.
EMULATED_SLOWDOWN = 3.0

# The root mean square error of a 256 x 256 product of normal random matrices against float64, relative to the
# result, and the type it comes in. Rounding to a p-bit significand costs about 2^-p / sqrt(12) per operand: about
# 3e-7 for fp32, 4e-4 for tf32 and fp16 (11 bits), 3e-3 for bf16 (8 bits).
_PROOF = {
    "fp32": (0.0, 1e-5, torch.float32),
    "tf32": (1e-5, 1e-3, torch.float32),
    "bf16": (1e-3, 1e-2, torch.bfloat16),
    "fp16": (1e-5, 1e-3, torch.float16),
    "bf16-pure": (1e-3, 1e-2, torch.bfloat16),
}


@dataclass(frozen=True)
class Precision:
    """How a case computes: the type of its weights and, where there is one, the autocast type over them."""

    name: str
    kind: str
    weights: torch.dtype
    compute: torch.dtype | None = None
    scale: float = 2.0**16  # that gradients are multiplied by at first, torch's default

    def autocast(self) -> AbstractContextManager[Any]:
        """The context for forward passes; it does nothing where there is no autocast type."""
        if self.compute is None:
            return nullcontext()
        return torch.autocast(self.kind, dtype=self.compute)

    def scaler(self) -> torch.amp.GradScaler | None:
        """A new gradient scaler where training needs one: fp16, whose small gradients underflow."""
        return torch.amp.GradScaler(self.kind, init_scale=self.scale) if self.compute == torch.float16 else None


def apply(name: str, device: Device) -> Precision:
    """Set the process up for a precision.

    Raises:
        Unsupported: the device cannot compute in it, or only by emulation.
    """
    _require(name, device)
    # "ieee" turns TF32 off everywhere. Each is set by itself too: before torch 2.13 convolutions kept a TF32 of their
    # own (pytorch#179445), and what was compiled leaves products with what they had then.
    wanted = "tf32" if name == "tf32" else "ieee"
    # The older switches first: who reads them is refused where they say another thing than the newer ones.
    torch.set_float32_matmul_precision("high" if name == "tf32" else "highest")
    torch.backends.cudnn.allow_tf32 = name == "tf32"
    torch.backends.fp32_precision = wanted  # type: ignore[attr-defined]
    torch.backends.cuda.matmul.fp32_precision = wanted
    torch.backends.cudnn.conv.fp32_precision = wanted  # type: ignore[attr-defined]
    torch.backends.cudnn.rnn.fp32_precision = wanted  # type: ignore[attr-defined]
    torch.backends.mkldnn.matmul.fp32_precision = "none"  # type: ignore[attr-defined]  # as all: a rung may have set it
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    compute = {"bf16": torch.bfloat16, "fp16": torch.float16}.get(name)
    weights = torch.bfloat16 if name == "bf16-pure" else torch.float32
    precision = Precision(name, device.kind, weights, compute)
    if name not in ("fp32", "tf32"):
        _refuse_emulation(precision, device)
    return precision


def prove(precision: Precision, device: Device) -> dict[str, Any]:
    """The effective settings, and a numeric probe that they are what the label says.

    A convolution has settings of its own, and need not be less exact than its label allows: cuDNN may run it otherwise.

    Raises:
        RuntimeError: a product or a convolution came out in another type, or with another precision's error.
    """
    left, right = _operands(device, 256)
    product = _product(precision, left, right)
    error = relative_error(product.cpu(), left.cpu().double() @ right.cpu().double())
    images, filters = left.view(1, 64, 32, 32), right[:, :64].reshape(64, 64, 2, 2)
    convolved = _convolution(precision, images, filters)
    exact = torch.nn.functional.conv2d(images.cpu().double(), filters.cpu().double())
    off = relative_error(convolved.cpu(), exact)
    least, most, dtype = _PROOF[precision.name]
    for what, result, found, lowest in (("product", product, error, least), ("convolution", convolved, off, 0.0)):
        if result.dtype != dtype or not lowest <= found <= most:
            raise RuntimeError(
                f"precision {precision.name} did not run as labelled: a {what} came out as {result.dtype} "
                f"with relative error {found:.1e}, expected {dtype} with {lowest:.0e} to {most:.0e}"
            )
    return {
        "weights": str(precision.weights).removeprefix("torch."),
        "autocast": str(precision.compute).removeprefix("torch.") if precision.compute else None,
        "fp32_precision": {
            "cuda.matmul": torch.backends.cuda.matmul.fp32_precision,
            "cudnn.conv": torch.backends.cudnn.conv.fp32_precision,  # type: ignore[attr-defined]
            "mkldnn.matmul": torch.backends.mkldnn.matmul.fp32_precision,  # type: ignore[attr-defined]
        },
        "product_dtype": str(product.dtype).removeprefix("torch."),
        "product_error": error,
        "convolution_error": off,
    }


def _require(name: str, device: Device) -> None:
    """Refuse what a kind of device is known not to have, before anything is timed."""
    if device.kind == "cuda":
        capability = torch.cuda.get_device_capability(device.torch)
        if name == "tf32" and torch.version.hip:
            raise Unsupported("tf32 is a mode of NVIDIA GPUs")
        if name == "tf32" and capability < (8, 0):
            raise Unsupported(f"tf32 needs compute capability 8.0; {device.label} has {capability[0]}.{capability[1]}")
        if name.startswith("bf16") and capability < (8, 0):
            raise Unsupported(f"{device.label} has no bf16 units (compute capability {capability[0]}.{capability[1]})")
    elif name == "tf32":
        raise Unsupported("tf32 is a mode of NVIDIA GPUs from compute capability 8.0")


def _refuse_emulation(precision: Precision, device: Device) -> None:
    plain = Precision("fp32", device.kind, torch.float32)
    left, right = _operands(device, 512)
    threads = torch.get_num_threads()
    # On one thread: with several, a busy neighbour holds all of them up at every barrier, and looks like emulation.
    torch.set_num_threads(1)
    try:
        slowdown = _fastest(precision, device, left, right) / _fastest(plain, device, left, right)
    finally:
        torch.set_num_threads(threads)
    if slowdown > EMULATED_SLOWDOWN:
        raise Unsupported(
            f"emulated: a matrix product in {precision.name} takes {slowdown:.0f} times as long as in fp32 "
            f"on {device.label}"
        )


def _fastest(precision: Precision, device: Device, left: torch.Tensor, right: torch.Tensor) -> float:
    """The shortest of many products, s: the shortest, since other load can only lengthen one."""
    times: list[float] = []
    while len(times) < 2 or (len(times) < 50 and sum(times) < 0.1):
        device.synchronize()
        begin = time.perf_counter()
        _product(precision, left, right)
        device.synchronize()
        times.append(time.perf_counter() - begin)
    return min(times)


def _operands(device: Device, size: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(size, size, generator=generator) for _ in range(2))
    return left.to(device.torch), right.to(device.torch)


def _convolution(precision: Precision, images: torch.Tensor, filters: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), precision.autocast():
        return torch.nn.functional.conv2d(images.to(precision.weights), filters.to(precision.weights))


def _product(precision: Precision, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), precision.autocast():
        return left.to(precision.weights) @ right.to(precision.weights)
