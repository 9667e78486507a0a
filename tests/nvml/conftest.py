"""Reads a GPU of the fake driver at chosen moments, in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

READ = Path(__file__).parents[1] / "fake_nvml" / "read.py"


@pytest.fixture
def at(python_with_nvml: Callable[..., Any]) -> Callable[..., Any]:
    """What expressions of ``gpu`` answer, each at its moment; read.py says how."""

    def run(
        *reads: tuple[float | str, str], answers: Mapping[str, str] | None = None, uuid: str = "GPU-aaaa", **more: Any
    ) -> Any:
        words = [str(word) for read in reads for word in read]
        return python_with_nvml(str(READ), uuid, *words, answers=answers, **more)

    return run


@pytest.fixture
def ask(at: Callable[..., Any]) -> Callable[..., Any]:
    """What one expression of ``gpu`` answers at 0."""

    def run(expression: str, answers: Mapping[str, str] | None = None, **more: Any) -> Any:
        (answer,) = at((0, expression), answers=answers, **more)
        return answer

    return run
