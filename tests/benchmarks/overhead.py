"""What Wattmark itself costs, as ratios of two things in one run: `nox -s overhead`.

1. The measured time of a step against a bare hand-written loop of the same step, in blocks that alternate inside one
   replicate, while the parent waits and draws as it does in a run, and memory is sampled. Bare against bare beside it
   is the noise that this machine has.
   Then the same step in a replicate against a bare process of its own, pair by pair: what the whole arrangement does to
   a number. Two processes of the same code differ by some percent by themselves, so this has no goal but to be near 1.
   Then the same step with the process that samples NVML running and stopped, in blocks that alternate: what being
   watched costs it. On one thread, as a thread that drives a GPU, the sampler has a core of its own; where the step has
   all cores, it takes its CPU time from the step. The driver is the tests' fake one, faster to answer than a real one.
2. The fixed cost of one more replicate against a spawned process that imports torch and BERT and builds it plainly.
3. `wattmark --help` and `wattmark list` against `python -c "import torch"`.

Each line says the ratio, its two sides and the goal. On a machine with other load the ratios of 1 scatter by more than
their goals: then the noise line tells so, and nothing else can be concluded.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from bench.case import Case
from bench.device import Device
from bench.engines.local import PINNED, Engine
from bench.job import Job, Outcome
from bench.matrix import load
from bench.measuring import Plan
from bench.run import axes_of, preload
from bench.typed import typed

sys.path.append(str(Path(__file__).parent))

PLAIN = """
import torch
from transformers import BertConfig, BertForSequenceClassification
BertForSequenceClassification(BertConfig())
"""
BARE = """
import time, torch
from statistics import median
from transformers import BertConfig, BertForSequenceClassification
model = BertForSequenceClassification(BertConfig()).eval()
ids, mask, times = torch.randint(1000, 30000, (1, 128)), torch.ones(1, 128, dtype=torch.long), []
with torch.inference_mode():
    for _ in range(25):
        begin = time.perf_counter()
        model(input_ids=ids, attention_mask=mask)
        times.append(time.perf_counter() - begin)
print(median(times[5:]))
"""
CPU = Device("cpu", "the CPU", None, None).to_json()
BERT = {"size": "base", "sequence_length": 128, "attention": "sdpa", "compile": False, "padding": "max_length"}


def main() -> None:
    """Print the three groups of ratios."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    watchable = fake_driver()
    with Engine(preload=(*preload(load("quick", axes_of)), "paired")) as engine:
        for name, model in (("BERT-base inference, batch 1", "bert"), ("5 ms step", "small")):
            loops(engine, name, {"model": model, "rounds": rounds})
        if watchable:
            watched(engine, 4 * rounds)
        processes(engine)
        replicate(engine)
    commands()


def loops(engine: Engine, name: str, parameters: dict) -> None:
    """Measured against bare, interleaved in one replicate."""
    found = figures(engine, "paired:Loops", parameters)
    for what, goal in (("median", 1.005), ("p99", 1.02)):
        show(f"{name}, {what}: measured / bare", found["measured"][what], found["bare"][what], goal)
        show(f"{name}, {what}: bare / bare (noise)", found["again"][what], found["bare"][what], None)


def watched(engine: Engine, rounds: int) -> None:
    """A step with the sampler at work against the sampler stopped: the median over rounds of the two blocks' ratio,
    with its quartiles, since what is looked for is smaller than the drift of a machine from round to round."""
    for threads, where, goal in ((1, "1 thread", 1.005), (0, "all threads", None)):
        found = figures(engine, "paired:Watched", {"model": "small", "rounds": rounds, "threads": threads})
        for above, words in (("watched", "sampler running / stopped"), ("again", "stopped / stopped (noise)")):
            pairs = zip(found[above]["medians"], found["alone"]["medians"], strict=True)
            low, ratio, high = quantiles([one / other for one, other in pairs], n=4)
            met = f"goal {goal:g}: {'met' if ratio <= goal else 'missed'}" if goal and above == "watched" else ""
            print(f"{f'step on {where}: {words}':<62} {ratio:7.4f}  ({low:.4f} to {high:.4f})  {met}", flush=True)
    print(f"{'CPU time of the sampler over wall time':<62} {found['cpu']:7.4f}", flush=True)


def figures(engine: Engine, workload: str, parameters: dict, seed: int = 1) -> dict:
    """What a workload of paired.py found when it was prepared; the seed draws weights and the layout of memory."""
    job = Job(Case(workload, "cpu", "fp32", 1, parameters), CPU, 0, seed, Plan(0.05), ("host",))
    ended = engine.run("replicate", job.to_json(), timeout=3600)
    if ended.result is None or ended.result["replicate"]["status"] != "ok":
        sys.exit(f"{workload}: {ended.result or ended.reason}\n{ended.stderr}")
    return json.loads(ended.result["model"]["weights"])


def fake_driver() -> bool:
    """Put the tests' fake NVIDIA driver where the engine's processes find it; False where it cannot be compiled."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        print("the sampler's cost was not measured: the fake driver needs Linux and a C compiler")
        return False
    folder = Path(tempfile.mkdtemp(prefix="wattmark-"))
    sources = map(str, (Path(__file__).parents[1] / "fake_nvml").glob("*.c"))
    library = "libnvidia-ml.so.1"
    subprocess.run(
        [
            compiler,
            "-shared",
            "-fPIC",
            f"-Wl,-soname,{library}",
            "-Wl,-Bsymbolic",
            "-o",
            folder / library,
            *sources,
            "-lm",
        ],
        check=True,
    )
    (folder / "script").write_text("power.watts square 200 400 0.03 0.5\ngpm.supported 1\ngpm.2 50\n")
    os.environ |= {"LD_LIBRARY_PATH": str(folder), "FAKE_NVML": str(folder / "script")}
    atexit.register(shutil.rmtree, folder)
    return True


def processes(engine: Engine, pairs: int = 6) -> None:
    """A step in a replicate against the same step in a bare process, in turn: A B, B A, ..."""
    found: dict[str, list[float]] = {"replicate": [], "bare": []}
    environment = {**os.environ, **PINNED}

    def forked() -> float:
        job = Job(Case("bert:Classify", "cpu", "fp32", 1, BERT), CPU, 0, 1, Plan(2.0), ("host",), (1, 1, 1, 1))
        outcome = typed(engine.run("replicate", job.to_json(), timeout=600).result, Outcome)
        return median(step for sample in outcome.replicate.samples for step in sample.step_seconds)

    def bare() -> float:
        command = [sys.executable, "-c", BARE]
        return float(subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout)

    ways = {"replicate": forked, "bare": bare}
    for number in range(pairs):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            found[name].append(ways[name]())
    show("BERT-base inference, batch 1: replicate / bare process", *map(median, found.values()), None)


def replicate(engine: Engine, times: int = 5) -> None:
    """What one more replicate takes beyond its steps, against a spawned process built the plain way."""
    case = Case("bert:Classify", "cpu", "fp32", 1, BERT)
    flops = None
    forked, spawned = [], []
    for index in range(times + 1):
        job = Job(case, CPU, index, index, Plan(0.2), ("host", "accelerator", "nvml"), flops)
        wall, ended = timed(lambda job=job: engine.run("replicate", job.to_json(), timeout=600))
        outcome = typed(ended.result, Outcome)
        flops = outcome.flops
        steps = sum(outcome.replicate.warmup_seconds) + sum(sample.seconds for sample in outcome.replicate.samples)
        if index:  # the first one counts FLOPs, once for the case
            forked.append(wall - steps)
            spawned.append(timed(lambda: subprocess.run([sys.executable, "-c", PLAIN], check=True))[0])
    show("fixed cost of one more replicate: forked / spawned", median(forked), median(spawned), 0.1)


def commands(times: int = 7) -> None:
    """Our commands that need no torch, against importing it."""
    torch = [sys.executable, "-c", "import torch"]
    for arguments in (["--help"], ["list"]):
        ours = [sys.executable, "-m", "bench", *arguments]
        pairs = [(spawn(ours), spawn(torch)) for _ in range(times)]
        show(f"wattmark {arguments[0]} / import torch", *map(median, zip(*pairs, strict=True)), 0.25)


def spawn(command: list[str]) -> float:
    return timed(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=dict(os.environ)))[0]


def timed(call):
    begin = time.perf_counter()
    result = call()
    return time.perf_counter() - begin, result


def show(name: str, above: float, below: float, goal: float | None) -> None:
    ratio = above / below
    verdict = "" if goal is None else f"goal {goal:g}: {'met' if ratio <= goal else 'missed'}"
    print(f"{name:<62} {ratio:7.4f}  = {1e3 * above:.4g} ms / {1e3 * below:.4g} ms  {verdict}", flush=True)


if __name__ == "__main__":
    main()
