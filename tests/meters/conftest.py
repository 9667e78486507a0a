"""A fake NVIDIA driver for the real pynvml: compiled once, loaded first by a fresh process."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FAKE = ROOT / "tests" / "fake_nvml"

Python = Callable[..., Any]


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the fake driver needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("fake_nvml")
    soname = "libnvidia-ml.so.1"
    options = ["-shared", "-fPIC", f"-Wl,-soname,{soname}", "-o", str(folder / soname)]
    subprocess.run([compiler, *options, str(FAKE / "nvml.c")], check=True)
    return folder


@pytest.fixture
def python_with_nvml(fake_library: Path, tmp_path: Path) -> Python:
    """Runs Python in a fresh process whose NVML answers as told, and returns the JSON that it printed."""

    def run(*arguments: str, answers: Mapping[str, str] | None = None, libraries: Path = fake_library) -> Any:
        script = tmp_path / "answers"
        script.write_text("".join(f"{key} {values}\n" for key, values in (answers or {}).items()))
        settings = {"LD_LIBRARY_PATH": str(libraries), "FAKE_NVML": str(script), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, *arguments], env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture
def window(python_with_nvml: Python) -> Python:
    """The readings of one window of ``seconds`` with samples at the given moments."""

    def run(
        uuid: str = "GPU-aaaa",
        seconds: float = 5.0,
        samples: tuple[float, ...] = (1.0, 2.0, 3.0),
        answers: Mapping[str, str] | None = None,
    ) -> Any:
        moments = [str(moment) for moment in samples]
        return python_with_nvml(str(FAKE / "window.py"), uuid, str(seconds), *moments, answers=answers)

    return run
