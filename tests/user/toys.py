"""Workloads for testing the harness: small real torch steps, and every way to go wrong."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
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
