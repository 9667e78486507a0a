"""The dense peaks that vendors publish: what no computation on a part can exceed.

Public tables of them are wrong by up to two: figures with 2:4 sparsity, which counts zeros as work, figures of another
board of the same name, figures that fp16 accumulation doubles. So every figure here is dense, accumulates in fp32,
belongs to one board, and was checked against the board's own arithmetic: a peak is multiprocessors x operations of one
of them in a cycle x clock, and a figure that is twice too high would need a clock that no GPU reaches.

Where the vendor's documents differ (B200: 75 or 80 in fp32, 1100 or 1125 in tf32, 7.7 or 8 TB/s), the higher one stands
here, since what exceeds it is called impossible.

A part that is not listed, or listed wrong, can be given in a file (`bench.peak_table`); its figures are kept in the
environment of each record and go before those here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Any

TABLE = "peak_table"  # the part of an environment that holds what a file said of the device


@dataclass(frozen=True)
class Peak:
    """The dense peak of a part in one precision.

    ``flops`` is in FLOP/s, a multiplication and an addition being two; ``clock`` is the SM clock in Hz that the figure
    belongs to, by the part's arithmetic; ``watts`` is the board's thermal design power: what it is sold as, never a
    stand-in for a measurement. Both are None of a part that was given in a file.
    """

    sku: str
    precision: str
    flops: float
    clock: float | None
    watts: float | None
    source: str

    def at(self, clock: float | None) -> float:
        """The peak at an SM clock (Hz). Units: FLOP/s.

        Data sheets state it at a boost clock, and boards run faster where power and heat allow it; at a slower one the
        data sheet's stands.
        """
        return self.flops if clock is None or self.clock is None else self.flops * max(1.0, clock / self.clock)


@dataclass(frozen=True)
class Bandwidth:
    """What a part's memory transfers at most, in B/s, reads and writes together."""

    sku: str
    rate: float
    source: str


@dataclass(frozen=True)
class _Part:
    """A board. ``multiprocessors`` have the rates of ``architecture``; the peaks are in TFLOP/s, dense, ``half`` being
    that of 16-bit products with fp32 accumulation; None is what the hardware has not. ``bandwidth`` is in GB/s."""

    sku: str
    labels: tuple[str, ...]
    architecture: str
    multiprocessors: int
    fp32: float
    tf32: float | None
    half: float
    bandwidth: float
    watts: float
    source: str


# FLOP that one multiprocessor does in a cycle, dense, with fp32 accumulation: fp32 outside the tensor cores, tf32 and
# 16-bit products in them (the architectures' whitepapers; Blackwell: hmc-tech.com, 148 multiprocessors and a tensor
# clock of 1.86 GHz). GeForce boards accumulate in fp32 at half of the rate.
_RATES = {
    "Volta": (128, None, 1024),
    "Turing": (128, None, 1024),
    "GA100": (128, 1024, 2048),
    "GA102": (256, 512, 1024),
    "Ada": (256, 512, 1024),
    "GeForce Ada": (256, 256, 512),
    "Hopper": (256, 2048, 4096),
    "Blackwell": (256, 4096, 8192),
}

_VOLTA = "V100 data sheet, as in Lightning's table"
_A100 = "A100 data sheet, without sparsity, as in Lightning's and torchtitan's tables"
_HOPPER = "H100 data sheet, halved: it counts 2:4 sparsity; as in Lightning's and torchtitan's tables"

# fmt: off
_PARTS = (
    _Part("V100 SXM2", ("Tesla V100-SXM2-16GB", "Tesla V100-SXM2-32GB"),
          "Volta", 80, 15.7, None, 125, 900, 300, _VOLTA),
    _Part("T4", ("Tesla T4",),
          "Turing", 40, 8.1, None, 65, 320, 70, "T4 data sheet, as in Lightning's table"),
    _Part("A10", ("NVIDIA A10",),
          "GA102", 72, 31.2, 62.5, 125, 600, 150, "A10 data sheet, without sparsity"),
    _Part("A100 SXM4 40 GB", ("NVIDIA A100-SXM4-40GB",),
          "GA100", 108, 19.5, 156, 312, 1555, 400, _A100),
    _Part("A100 SXM4 80 GB", ("NVIDIA A100-SXM4-80GB",),
          "GA100", 108, 19.5, 156, 312, 2039, 400, _A100),
    _Part("A100 PCIe 40 GB", ("NVIDIA A100-PCIE-40GB",),
          "GA100", 108, 19.5, 156, 312, 1555, 250, _A100),
    _Part("A100 PCIe 80 GB", ("NVIDIA A100 80GB PCIe",),
          "GA100", 108, 19.5, 156, 312, 1935, 300, _A100),
    _Part("L4", ("NVIDIA L4",),
          "Ada", 58, 30.3, 60, 121, 300, 72, "L4 data sheet, halved: it counts 2:4 sparsity"),
    _Part("L40S", ("NVIDIA L40S",),
          "Ada", 142, 91.6, 183, 362.05, 864, 350, "L40S data sheet, without sparsity, as in torchtitan's table"),
    _Part("RTX 4090", ("NVIDIA GeForce RTX 4090",),
          "GeForce Ada", 128, 82.6, 82.6, 165.2, 1008, 450, "Ada whitepaper; 330 is with fp16 accumulation"),
    _Part("H100 PCIe", ("NVIDIA H100 PCIe",),
          "Hopper", 114, 51.2, 378, 756, 2039, 350, _HOPPER),
    _Part("H100 NVL", ("NVIDIA H100 NVL",),
          "Hopper", 132, 60, 417.5, 835, 3938, 400, _HOPPER),
    _Part("H100 SXM5", ("NVIDIA H100 80GB HBM3",),
          "Hopper", 132, 67, 494.7, 989.4, 3350, 700, _HOPPER),
    _Part("H200 SXM", ("NVIDIA H200",),
          "Hopper", 132, 67, 494.7, 989.4, 4800, 700, "H200 data sheet, halved: it counts 2:4 sparsity"),
    _Part("B200 SXM", ("NVIDIA B200",),
          "Blackwell", 148, 80, 1125, 2250, 8000, 1000, "HGX B200 data sheet (1000 W), as in torchtitan's table"),
)
# fmt: on

_PART_OF = MappingProxyType({label: part for part in _PARTS for label in part.labels})


@cache
def peak(label: str, precision: str) -> Peak | None:
    """The dense peak of a device in one of our precisions, or None where none is known.

    Args:
        label: the product's name as torch and the driver give it, matched in full: boards of one name differ by a
            third, a MIG slice has its own name, and another part's figure is no answer.
        precision: fp32, tf32, bf16, fp16 or bf16-pure.
    """
    part = _PART_OF.get(label)
    if part is None:
        return None
    fp32_rate, tf32_rate, half_rate = _RATES[part.architecture]
    half = (part.half, half_rate)
    bf16 = half if part.tf32 else (None, None)  # what has no tf32 has no bf16 either: both came with Ampere
    figures = {"fp32": (part.fp32, fp32_rate), "tf32": (part.tf32, tf32_rate), "fp16": half}
    figure, rate = (figures | {"bf16": bf16, "bf16-pure": bf16}).get(precision, (None, None))
    if figure is None or rate is None:
        return None
    flops = figure * 1e12
    return Peak(part.sku, precision, flops, flops / (part.multiprocessors * rate), part.watts, part.source)


def peak_of(environment: Mapping[str, Any], precision: str) -> Peak | None:
    """The dense peak of the device of an environment: by the file that was given for it, else by the table here."""
    label = label_of(environment)
    flops = _given(environment, "flops", precision)
    if flops is not None:
        return Peak(label, precision, flops, None, None, environment[TABLE]["source"])
    return peak(label, precision)


def bandwidth_of(environment: Mapping[str, Any]) -> Bandwidth | None:
    """The bandwidth of the memory of an environment's device, by the same sources."""
    label = label_of(environment)
    bandwidth = _given(environment, "bandwidth")
    if bandwidth is not None:
        return Bandwidth(label, bandwidth, environment[TABLE]["source"])
    part = _PART_OF.get(label)
    return None if part is None else Bandwidth(part.sku, part.bandwidth * 1e9, part.source)


def _given(environment: Mapping[str, Any], *names: str) -> float | None:
    """What a file gave for the device of an environment, which may be from elsewhere: only a number is one."""
    found: Any = environment.get(TABLE)
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found if isinstance(found, (int, float)) else None


def label_of(environment: Mapping[str, Any]) -> str:
    """The product name of an environment's device, or nothing."""
    device = environment.get("device")
    return str(device.get("label") or "") if isinstance(device, Mapping) else ""


def labels() -> tuple[str, ...]:
    """Every label that `peak` knows."""
    return tuple(_PART_OF)
