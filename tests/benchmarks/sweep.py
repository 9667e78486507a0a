"""The fixed cost of a sweep of 12 small cases, in one run: forked replicates, one process for all, a process for each.

Fixed is what a sweep takes beyond the steps that it runs: starting, importing, building models and inputs, proving the
precision, opening meters, writing what was found. The first two run the same code, once in a process for each case that
can die alone and once in one process, so their difference is what isolation costs. The third is what a script would do:
import torch and transformers, build the model plainly and call it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from itertools import product
from pathlib import Path

from bench.case import Case
from bench.engines.local import PINNED, Engine
from bench.job import Job, Outcome
from bench.matrix import load
from bench.measuring import Plan
from bench.run import axes_of, preload
from bench.typed import typed

sys.path.append(str(Path(__file__).parent))

from overhead import CPU

SWEEP = tuple(product((1, 2, 4), (16, 32, 64, 128)))  # batch sizes and sequence lengths
METERS = ("host", "accelerator", "nvml", "rapl")
PLAN = Plan(0.2, warmup_least=0.1, warmup_most=0.5)
# Goals: a further case costs so many seconds more in a process of its own, and the sweep so small a part of spawning.
ISOLATION, OF_SPAWNED = 0.05, 1 / 12

ALONE = """
import json, sys, time
begin = time.perf_counter()
from bench.job import Job
from bench.replicate import run
import transformers.models.bert.modeling_bert
found = []
for job in json.load(sys.stdin):
    begun = time.perf_counter()
    replicate = run(Job.from_json(job), lambda event, facts: None).replicate
    assert replicate.status == "ok", replicate.reason
    steps = sum(replicate.warmup_seconds) + sum(sample.seconds for sample in replicate.samples)
    found.append(time.perf_counter() - begun - steps)
print(json.dumps(found))
"""
SPAWNED = """
import sys, time
import torch
from transformers import BertConfig, BertForSequenceClassification
batch, length = map(int, sys.argv[1:])
model = BertForSequenceClassification(BertConfig()).eval()
ids = torch.randint(1000, 30000, (batch, length))
begin = time.perf_counter()
with torch.inference_mode():
    for _ in range(10):
        model(input_ids=ids)
print(time.perf_counter() - begin)
"""


def fixed_costs() -> tuple[tuple[int, float, float], tuple[int, float, float]]:
    """How many further cases there are, with the mean fixed seconds of one forked and of one in one process; and how
    many cases in all, with the fixed seconds of them forked, the server's start included, and of a process for each."""
    forked, starting = _forked()
    alone = _alone()
    spawned = sum(map(_spawned, SWEEP))
    # The first case pays for what is made once: what a further one costs is asked.
    further = len(SWEEP) - 1
    mean = sum(forked[1:]) / further, sum(alone[1:]) / further
    return (further, *mean), (len(SWEEP), starting + sum(forked), spawned)


def _jobs() -> list[Job]:
    axes = {"size": "base", "attention": "sdpa", "compile": False, "padding": "max_length"}
    return [
        Job(Case("bert:Classify", "cpu", "fp32", batch, {**axes, "sequence_length": length}), CPU, 0, 1, PLAN, METERS)
        for batch, length in SWEEP
    ]


def _forked() -> tuple[list[float], float]:
    """Fixed seconds of each case in a replicate, and of the server's start."""
    found = []
    begin = time.perf_counter()
    with Engine(preload=preload(load("quick", axes_of))) as engine:
        for at, job in enumerate(_jobs()):
            begun = time.perf_counter()
            ended = engine.run("replicate", job.to_json(), timeout=600)
            replicate = typed(ended.result, Outcome).replicate
            assert replicate.status == "ok", replicate.reason
            steps = sum(replicate.warmup_seconds) + sum(sample.seconds for sample in replicate.samples)
            found.append(time.perf_counter() - begun - steps)
            if at == 0:
                starting = begun - begin
    return found, starting


def _alone() -> list[float]:
    """Fixed seconds of each case where one process runs all."""
    jobs = json.dumps([job.to_json() for job in _jobs()])
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, input=jobs, capture_output=True, text=True, env={**os.environ, **PINNED}, check=True)
    return list(json.loads(done.stdout))


def _spawned(case: tuple[int, int]) -> float:
    """Fixed seconds of a case in a process that begins from nothing."""
    begin = time.perf_counter()
    command = [sys.executable, "-c", SPAWNED, *map(str, case)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return time.perf_counter() - begin - float(done.stdout)


if __name__ == "__main__":
    print(fixed_costs())
