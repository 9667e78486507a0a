"""The same step by us, by optimum-benchmark and by a loop written by hand: whose number is right, and what it costs.

BERT-base inference, batch 1 at length 128, fp32, random weights from a local configuration. optimum-benchmark 0.6.0 has
an environment of its own, with the versions that it works with, made where it is not there yet. All sides run in turn,
round by round, in processes of their own, so that what the machine does meanwhile hits all of them. Theirs is shown
with both of its launchers: the default one waits for its process in a loop, on a core that the step needs.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from bench.engines.local import PINNED
from bench.rates import value
from bench.store import Store

# Later ones of its dependencies cannot be imported by it.
PEER = ("optimum-benchmark==0.6.0", "transformers<5", "datasets<5", "accelerate<1.12")
RIGHT = 0.01  # share by which our throughput may lie apart from the loop's
ROUNDS = 5

BY_HAND = """
import time, torch
from statistics import median
from transformers import BertConfig, BertForSequenceClassification
model = BertForSequenceClassification(BertConfig()).eval()
ids, mask, times = torch.randint(1000, 30000, (1, 128)), torch.ones(1, 128, dtype=torch.long), []
with torch.inference_mode():
    end = time.perf_counter() + 4
    while time.perf_counter() < end or len(times) < 10:
        begin = time.perf_counter()
        model(input_ids=ids, attention_mask=mask)
        times.append(time.perf_counter() - begin)
print(median(times[len(times) // 4:]))
"""
SAVE = """
import sys
from transformers import BertConfig, BertForSequenceClassification
BertForSequenceClassification(BertConfig()).save_pretrained(sys.argv[1])
"""
THEIRS = """
import json, sys
from optimum_benchmark import (
    Benchmark, BenchmarkConfig, InferenceConfig, InlineConfig, ProcessConfig, PyTorchConfig,
)
if __name__ == "__main__":
    shapes = {"batch_size": 1, "sequence_length": 128}
    report = Benchmark.launch(BenchmarkConfig(
        name="bert",
        launcher=ProcessConfig() if sys.argv[2] == "process" else InlineConfig(),
        scenario=InferenceConfig(memory=False, input_shapes=shapes),
        backend=PyTorchConfig(
            model=sys.argv[1], task="text-classification", library="transformers", device="cpu", torch_dtype="float32",
        ),
    ))
    print("\\n" + json.dumps(report.to_dict()["forward"]["latency"]["p50"]))
"""
OURS = ("bert:Classify", "--precision", "fp32", "--batch", "1", "--device", "cpu", "--meter", "host", "--budget", "2")


def rows(folder: Path) -> Iterator[str]:
    """A line for each thing that is compared, with both sides."""
    python = _environment(folder)
    found: dict[str, list[tuple[float, float]]] = {}  # seconds of a step, and of the whole result
    spreads: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        checkpoint = Path(name) / "model"
        subprocess.run([python, "-c", SAVE, str(checkpoint)], check=True, capture_output=True)
        script = Path(name) / "theirs.py"
        script.write_text(THEIRS)
        ways = {
            "by hand": lambda: float(_run([sys.executable, "-c", BY_HAND])),
            "ours": lambda: _ours(Path(name), spreads),
            "inline": lambda: float(_run([python, str(script), str(checkpoint), "inline"], name)),
            "process": lambda: float(_run([python, str(script), str(checkpoint), "process"], name)),
        }
        for number in range(ROUNDS):
            for side in list(ways)[:: 1 if number % 2 else -1]:
                begin = time.perf_counter()
                step = ways[side]()
                found.setdefault(side, []).append((step, time.perf_counter() - begin))
    hand = found["by hand"]
    for side, words in (
        ("ours", "wattmark"),
        ("inline", "optimum-benchmark, inline"),
        ("process", "optimum-benchmark, its default"),
    ):
        ratios = [hand[at][0] / found[side][at][0] for at in range(ROUNDS)]
        met = "met" if abs(median(ratios) - 1) <= RIGHT else "missed"
        if met == "missed" and min(ratios) <= 1 <= max(ratios):
            met = "cannot tell, rounds differ by more"
        goal = f"goal 1 within {RIGHT:.0%}: {met}" if side == "ours" else ""
        steps = " / ".join(f"{1e3 * median(step for step, _ in of):.4g} ms" for of in (found[side], hand))
        yield (
            f"throughput, {words} / by hand: {median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f} in {ROUNDS} "
            f"rounds; steps of {steps})  {goal}"
        )
    whole = {side: median(seconds for _, seconds in found[side]) for side in found}
    part = whole["ours"] / whole["process"]
    yield (
        f"one result: {whole['ours']:.1f} s by wattmark (3 replicates, ±{100 * median(spreads):.1f} %), "
        f"{whole['inline']:.1f} s inline and {whole['process']:.1f} s by default by optimum-benchmark (one process, no "
        f"interval): {part:.2f} of its default  goal below 1: {'met' if part < 1 else 'missed'}"
    )


def _ours(folder: Path, spreads: list[float]) -> float:
    """Seconds of a step as a whole `wattmark run` finds them, reports included."""
    store = folder / f"store-{len(spreads)}"
    command = [sys.executable, "-m", "bench", "run", "quick", "-w", *OURS, "--set", "sequence_length=128", "--no-peaks"]
    _run([*command, "--set", "attention=sdpa", "-o", str(store)])
    (record,) = Store(store)
    step = value(record, "time.step")
    assert step.value is not None, record.reason
    spreads.append((step.high - step.low) / 2 / step.value if step.high and step.low else float("nan"))
    return step.value


def _environment(folder: Path) -> str:
    """The interpreter that has optimum-benchmark, with the torch that we have."""
    from importlib.metadata import version

    python = folder.absolute() / "bin" / "python"  # scripts run in folders of their own
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True)
        torch = version("torch").partition("+")[0]
        for packages in ([f"torch=={torch}"], PEER):
            subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "ready").touch()
    return str(python)


def _run(command: list[str], folder: str | None = None) -> str:
    """The last line that a command prints in a folder, where it may leave its logs; with nothing from a hub, and with
    the allocator pinned for all alike."""
    environment = {**os.environ, **PINNED, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=folder)
    if done.returncode:
        raise RuntimeError(f"{command[0]} ended with {done.returncode}: {done.stderr[-2000:]}")
    return (done.stdout.strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    for row in rows(Path(sys.argv[1])):
        print(row, flush=True)
