"""A whole NVML meter under the fake driver: measured process, sampler and library are the real ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

FAKE = Path(__file__).parents[1] / "fake_nvml"

Python = Callable[..., Any]


@pytest.fixture
def watched(python_with_nvml: Python) -> Python:
    """What the meter of ``target`` gave: ``idle`` and ``windows`` of readings, and ``facts``."""

    def run(target: str = "GPU-aaaa", *windows: float, answers: Mapping[str, str] | None = None, **more: Any) -> Any:
        arguments = [target, *map(str, windows or (0.3,))]
        found = python_with_nvml(str(FAKE / "window.py"), *arguments, answers=answers, **more)
        (found["facts"],) = found["facts"].values()
        return found

    return run
