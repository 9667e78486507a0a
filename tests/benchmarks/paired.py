"""The same step by a bare loop and by the harness, in blocks that alternate: A B C, then C B A.

A workload, so that it runs where replicates run: forked, pinned, with the parent asleep beside it.
"""

from __future__ import annotations

import json
import os
import signal
import time
from dataclasses import dataclass
from statistics import median
from typing import ClassVar, Literal

import psutil

from workloads import Prepared


@dataclass(frozen=True)
class Loops:
    """Times one step three ways: by the harness (measured), by a bare loop, and by the bare loop again."""

    version: ClassVar[int] = 1
    batch_size: int = 1
    model: Literal["bert", "small"] = "small"
    rounds: int = 12

    def prepare(self, setup):
        step, steps = self._bert(setup) if self.model == "bert" else self._small()
        plain = lambda: bare(step, steps)  # noqa: E731
        ways = {"measured": lambda: harness(step, steps), "bare": plain, "again": plain}
        return prepared(step, compared(ways, self.rounds))

    def _bert(self, setup):
        from workloads.bert import Classify

        return Classify(batch_size=1).prepare(setup).step, 8

    def _small(self):
        import torch

        net = torch.nn.Sequential(*(torch.nn.Linear(1024, 1024) for _ in range(8))).eval()
        x = torch.randn(64, 1024)

        def step(i):
            with torch.no_grad():
                return net(x)

        return step, 100


@dataclass(frozen=True)
class Watched(Loops):
    """Times one step with the NVML sampler reading beside it, with the sampler stopped, and so again.

    On one thread the step leaves cores free, as the thread does that drives a GPU; 0 is torch's number of threads.
    """

    threads: int = 1

    def prepare(self, setup):
        import torch

        from bench.meters.nvml import Sampler

        if self.threads:
            torch.set_num_threads(self.threads)
        step, steps = self._bert(setup) if self.model == "bert" else self._small()
        sampler = Sampler("0", None)
        pid = sampler._process.pid

        def block(signal_before):
            os.kill(pid, signal_before)
            time.sleep(0.3)  # a sampler that was stopped looks for the counter's rhythm first
            return bare(step, steps)

        stopped = lambda: block(signal.SIGSTOP)  # noqa: E731
        ways = {"watched": lambda: block(signal.SIGCONT), "alone": stopped, "again": stopped}
        try:
            return prepared(step, {**compared(ways, self.rounds), "cpu": cpu_share(pid)})
        finally:
            os.kill(pid, signal.SIGCONT)
            sampler.close()


def cpu_share(pid, seconds=5.0):
    """CPU time of a process over wall time, nothing else being measured meanwhile."""
    os.kill(pid, signal.SIGCONT)
    time.sleep(0.3)
    before, begin = psutil.Process(pid).cpu_times(), time.perf_counter()
    time.sleep(seconds)
    after = psutil.Process(pid).cpu_times()
    return (after.user + after.system - before.user - before.system) / (time.perf_counter() - begin)


def compared(ways, rounds):
    """Each way's summary over rounds of blocks: A B C, then C B A. The first block of all is for warming up."""
    next(iter(ways.values()))()
    times = {name: [] for name in ways}
    for number in range(rounds):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            times[name].append(ways[name]())
    return {name: summary(blocks) for name, blocks in times.items()}


def prepared(step, found):
    return Prepared(
        step=step,
        work=[{"sequence": 1}],
        inputs={"kind": "generated", "name": "the benchmark's own", "sha256": ""},
        model={"parameters": 0, "weights": json.dumps(found)},  # the way out of a replicate for the figures
    )


def bare(step, steps):
    """The loop that one would write by hand."""
    times = []
    for i in range(steps):
        begin = time.perf_counter()
        step(i)
        times.append(time.perf_counter() - begin)
    return times


def harness(step, steps):
    """The same steps in one window of ours, with meters and covariates, as in any run."""
    from bench.covariates import Covariates
    from bench.device import device
    from bench.measuring import Window
    from bench.meters import open_meters

    where = device("cpu")
    window = Window(step, where, time.perf_counter_ns)
    sample, _ = window.sample(steps, 0.0, steps, [{"sequence": 1}], open_meters(("host",), where), Covariates())
    return list(sample.step_seconds)


def summary(rounds):
    """Over rounds: the median of the rounds' medians, and of their 99th percentiles (the largest of 8 to 100 steps)."""
    return {
        "medians": [median(times) for times in rounds],
        "median": median(median(times) for times in rounds),
        "p99": median(sorted(times)[min(len(times) - 1, round(0.99 * len(times)))] for times in rounds),
    }
