"""Workloads for testing the harness: small real torch steps, and every way to go wrong."""

from __future__ import annotations

import itertools
import mmap
import os
import random
import signal
import time
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import psutil

from workloads import Prepared


@dataclass(frozen=True)
class Mlp:
    """One linear layer."""

    version: ClassVar[int] = 1
    batch_size: int = 4
    width: int = 64
    bias: bool = True
    kind: Literal["plain", "wide"] = "plain"

    def __post_init__(self):
        if self.width < 1:
            raise ValueError(f"width = {self.width}; 1 or more is needed")

    def prepare(self, setup):
        import torch

        options = {"device": setup.device, "dtype": setup.precision.weights}
        net = torch.nn.Linear(self.width, self.width, bias=self.bias, **options)
        x = torch.randn(self.batch_size, self.width, **options)

        def step(i):
            with torch.no_grad(), setup.precision.autocast():
                return net(x)

        return Prepared(
            step=step,
            work=[{"sequence": self.batch_size}],
            inputs={"kind": "generated", "name": "normal", "sha256": "0" * 64},
            model={"parameters": sum(p.numel() for p in net.parameters()), "weights": "random"},
            flops=lambda i: 2 * self.batch_size * self.width**2,
        )


@dataclass(frozen=True)
class Faulty(Mlp):
    """Fails in the way that it is told to, when it is told to."""

    fault: str = "none"
    at: Literal["prepare", "step"] = "step"

    def prepare(self, setup):
        if self.at == "prepare":
            fail(self.fault)
        prepared = super().prepare(setup)

        def step(i):
            if i >= 3 and self.at == "step":
                result = fail(self.fault)
                if result is not None:
                    return result
            return prepared.step(i)

        return Prepared(step=step, work=prepared.work, inputs=prepared.inputs, model=prepared.model)


@dataclass(frozen=True)
class Limited(Mlp):
    """Needs more memory than there is beyond a batch size of 5."""

    def prepare(self, setup):
        if self.batch_size > 5:
            fail("oom")
        return super().prepare(setup)


@dataclass(frozen=True)
class Changed(Mlp):
    """A change that can be counted: ``extra`` matrix products, ``copies`` of the input, another ``activation``, touched
    ``pages`` of memory that the system gives and takes back, layers left out by chance, or each step unlike the last.
    """

    extra: int = 0
    copies: int = 0
    activation: Literal["relu", "tanh"] = "relu"
    pages: int = 0
    chance: Literal["none", "torch", "numpy", "random", "step"] = "none"

    def prepare(self, setup):
        import torch

        prepared = super().prepare(setup)
        x, weights = (torch.randn(rows, self.width, device=setup.device) for rows in (self.batch_size, self.width))
        steps = itertools.count()

        def step(i):
            result = prepared.step(i)
            with torch.no_grad():
                for _ in range(self.extra + self._drawn(next(steps))):
                    x @ weights
                for _ in range(self.copies):
                    x.clone()
                if self.pages:
                    touch(self.pages)
                return getattr(torch, self.activation)(result)

        return replace(prepared, step=step)

    def _drawn(self, step):
        """How many products chance adds."""
        import numpy as np
        import torch

        drawn = {"none": lambda: 0, "random": random.random, "torch": lambda: torch.rand([]).item()}
        drawn |= {"numpy": np.random.rand, "step": lambda: step % 7 / 10}
        return int(10 * drawn[self.chance]())


@dataclass(frozen=True)
class Apart(Mlp):
    """Gives more than it should, by the share ``off``, where its variant is not the plain one."""

    variant: str = "plain"
    gives: Literal["output", "loss", "token", "other shape", "noise", "nan", "nothing", "error", "slowly"] = "output"
    off: float = 0.001

    def prepare(self, setup):
        import torch

        plain = self.variant == "plain"
        factor = 1.0 if plain else 1.0 + self.off
        there = 0.0 if self.gives == "nothing" else float("nan") if self.gives == "nan" else 3.0

        def step(i):
            if self.gives == "error" and plain:
                raise RuntimeError("the plain one breaks\nlater lines")
            if self.gives == "slowly" and plain:
                time.sleep(0.02)
            if self.gives == "noise":
                return torch.rand(4)
            if self.gives == "token":
                return torch.arange(4)
            if self.gives == "loss":
                return torch.tensor(float(i + 1) * factor, dtype=torch.float64)
            return torch.full((5 if self.gives == "other shape" and plain else 4,), there * factor, dtype=torch.float64)

        return replace(super().prepare(setup), step=step, trains=self.gives == "loss", work=[{"row": 1}] * 3)


@dataclass(frozen=True)
class Compiled(Mlp):
    """A compiled layer, whose graph breaks ``breaks`` times, on batches of ``shapes`` different sizes."""

    breaks: int = 0
    shapes: int = 1

    def prepare(self, setup):
        import torch

        prepared = super().prepare(setup)
        net = torch.nn.Linear(self.width, self.width)
        batches = [torch.randn(self.batch_size + 1 + i, self.width) for i in range(self.shapes)]

        def forward(x):
            if self.breaks > 0:
                torch._dynamo.graph_break()
            if self.breaks > 1:
                torch._dynamo.graph_break()
            return net(x)

        compiled = torch.compile(forward, backend="eager", dynamic=False)

        def step(i):
            with torch.no_grad():
                return compiled(batches[i % self.shapes])

        return replace(prepared, step=step, work=prepared.work * self.shapes)


def touch(pages):
    """Have the system give so many small pages, and take them back."""
    with mmap.mmap(-1, pages * mmap.PAGESIZE) as memory:
        memory.madvise(mmap.MADV_NOHUGEPAGE)
        for start in range(0, len(memory), mmap.PAGESIZE):
            memory[start] = 1


def fail(fault):
    import torch

    if fault == "segv":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif fault == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif fault == "hang":
        time.sleep(600)
    elif fault == "hang with a child":
        if os.fork() == 0:  # in a session of its own, which the timeout has to reach too
            os.setsid()
            time.sleep(60)
            os._exit(0)
        time.sleep(600)
    elif fault == "oom":
        torch.empty(1 << 50)
    elif fault == "hungry":
        # Less than the machine has in all, so that nothing but our own limit can refuse it; never touched.
        torch.empty(int(psutil.virtual_memory().available * 1.02), dtype=torch.uint8)
    elif fault == "raise":
        raise KeyError("the cat ate it")
    elif fault == "unsupported":
        raise NotImplementedError("this device has no frobnicator")
    elif fault == "interrupt":
        os.kill(os.getppid(), signal.SIGKILL)
    elif fault == "nan":
        return torch.tensor(float("nan"))
    return None


@dataclass(frozen=True)
class Resetting(Mlp):
    """Changes a setting of the process while it is prepared."""

    def prepare(self, setup):
        import torch

        torch.backends.cuda.matmul.fp32_precision = "tf32"
        return super().prepare(setup)
