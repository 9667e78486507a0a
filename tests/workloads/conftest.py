"""A setup as the harness would make it: fp32 on the CPU; and what is needed for real inputs."""

import importlib.util
from contextlib import nullcontext
from dataclasses import dataclass, replace

import pytest
import torch


@dataclass(frozen=True)
class FakePrecision:
    name: str = "fp32"
    weights: torch.dtype = torch.float32
    compute: torch.dtype | None = None
    scaled: bool = False

    def autocast(self):
        return nullcontext()

    def scaler(self):
        return torch.amp.GradScaler("cpu") if self.scaled else None


CPU, FP32 = torch.device("cpu"), FakePrecision()


@dataclass(frozen=True)
class FakeSetup:
    device: torch.device = CPU
    precision: FakePrecision = FP32
    data: str = "generated"
    model: str | None = None
    seed: int = 0
    dropout: bool = True


@pytest.fixture(autouse=True)
def on_one_thread(one_thread):
    """All tests of workloads compute small products."""


@pytest.fixture
def setup():
    """Makes a setup; generated inputs unless another ``data`` is given."""
    return lambda **changes: replace(FakeSetup(), **changes)


@pytest.fixture
def precision():
    """Makes a precision; fp32 without a scaler unless told otherwise."""
    return lambda **changes: replace(FakePrecision(), **changes)


@pytest.fixture
def installed():
    """Skips a test of real inputs where a package it needs is missing."""

    def require(*packages):
        missing = [package for package in packages if importlib.util.find_spec(package) is None]
        if missing:
            pytest.skip(f"real inputs need {', '.join(missing)}: pip install 'wattmark[data]'")

    return require
