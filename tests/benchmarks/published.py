"""On a GPU: our rates and MFU beside what has been published of the same board.

Published rates are of whole trainings by their own scripts and count padded sequences; ours are of the step. So a ratio
says how far the step is from what people have got, and no more. Nothing is compared across boards.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.measured_peaks import is_peak
from bench.peaks import label_of, peak_of
from bench.rates import value
from bench.record import Record
from bench.store import Store

MATRIX = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True)
class Published:
    """Somebody's rates on single boards, by the names that `bench.peaks` has of them, in the workload's item a second;
    ``goal`` is the multiple that the tuned step is to reach."""

    workload: str
    axes: Mapping[str, object]
    precision: str
    rates: Mapping[str, float]
    source: str
    goal: float | None = None

    def is_of(self, record: Record) -> bool:
        case = record.case
        alike = all(case.parameters.get(name) == wanted for name, wanted in self.axes.items())
        return (case.workload, case.precision) == (self.workload, self.precision) and alike


_LAMBDA = "lambdal/deeplearning-benchmark, pytorch-train-throughput-v2"
_NVIDIA = "NVIDIA/DeepLearningExamples, README"
PUBLISHED = (
    Published(
        "bert:Finetune",
        {"size": "base", "sequence_length": 384},
        "fp16",
        {"H100 SXM5": 863.5, "H100 PCIe": 573.5, "A100 SXM4 80 GB": 443, "H200 SXM": 932, "RTX 4090": 297},
        _LAMBDA,
        goal=2.0,
    ),
    Published(
        "bert:Finetune",
        {"size": "base", "sequence_length": 384},
        "tf32",
        {"H100 SXM5": 423.5, "H100 PCIe": 297, "A100 SXM4 80 GB": 239, "H200 SXM": 514, "RTX 4090": 137},
        _LAMBDA,
    ),
    Published("bert:Pretrain", {"size": "large", "sequence_length": 128}, "fp16", {"A100 SXM4 80 GB": 580}, _NVIDIA),
    Published("bert:Pretrain", {"size": "large", "sequence_length": 128}, "tf32", {"A100 SXM4 80 GB": 317}, _NVIDIA),
    Published("resnet:Train", {"depth": 50}, "fp16", {"H100 SXM5": 2708, "A100 SXM4 80 GB": 1582}, _LAMBDA),
)


def rows(device: str = "cuda:0", *options: str) -> Iterator[str]:
    """A line for each measured case, tuned beside plain, with what was published of this board, or why there is none;
    ``options`` go to `wattmark run`."""
    found = json.loads(_wattmark("list", "devices", "--json"))["devices"]
    if device not in [one["name"] for one in found]:
        yield f"rates beside published ones: not measured, {device} is not here"
        return
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        _wattmark("run", str(MATRIX), "--device", device, "--variant", "plain,tuned", "-o", str(store), *options)
        for record in Store(store):
            if not is_peak(record.case):
                yield _line(record)


def _line(record: Record) -> str:
    rate, mfu = value(record, "throughput"), value(record, "mfu")
    if rate.value is None:
        return f"{record.case}: {record.status}, {rate.reason}"
    share = f"no MFU: {mfu.reason}"
    if mfu.value is not None:  # published ones count padding
        useful = value(record, "flop.useful").value or 1.0
        share = f"MFU {mfu.value:.1%}, {mfu.value / useful:.1%} with padding"
    return "  ".join([f"{record.case}: {rate.value:.4g} {rate.unit}", share, *_beside(record, rate.value)])


def _beside(record: Record, rate: float) -> Iterator[str]:
    named = peak_of(record.environment, record.case.precision)
    board = named.sku if named else label_of(record.environment)
    for one in PUBLISHED:
        theirs = one.rates.get(str(board))
        if one.is_of(record) and theirs is not None:
            met = ""
            if one.goal is not None and record.case.parameters.get("variant") == "tuned":
                met = f", goal {one.goal:g}: {'met' if rate >= one.goal * theirs else 'missed'}"
            yield f"{rate / theirs:.2f} times {theirs:g} ({one.source}{met})"


def _wattmark(*arguments: str) -> str:
    done = subprocess.run([sys.executable, "-m", "bench", *arguments], capture_output=True, text=True)
    if done.returncode > 1:  # 1: a case failed, which its line says
        raise RuntimeError(f"wattmark {arguments[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout


if __name__ == "__main__":
    for row in rows(*sys.argv[1:]):
        print(row, flush=True)
