"""Asking an interpreter what it is and what it has, without importing anything of it here."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import SpecError

OLDEST = (3, 11)
SECONDS = 60.0  # for starting an interpreter on a cold disk

# Older Pythons, 2.7 among them, run the first lines too.
_ASK = """
import json, sys
facts = {"version": list(sys.version_info[:3])}
if sys.version_info >= (3, 11):
    import compileall, importlib.util, platform
    for folder in sys.argv[1:]:
        compileall.compile_dir(folder, quiet=2)
    origins = {name: importlib.util.find_spec(name) for name in ("torch", "psutil", "bench", "workloads")}
    facts["origins"] = {name: spec.origin for name, spec in origins.items() if spec}
    facts["implementation"] = platform.python_implementation()
    facts["closed"] = any(type(finder).__name__ == "Closed" for finder in sys.meta_path)
print(json.dumps(facts))
"""

# RECORD lists a hash of every file: two builds of one version differ in it.
_PACKAGES = """
import hashlib, json
from importlib import metadata
found = {}
for one in metadata.distributions():
    record = hashlib.sha256((one.read_text("RECORD") or "").encode()).hexdigest()[:16]
    found.setdefault(one.metadata["Name"], [one.version, record])
print(json.dumps(found))
"""


@dataclass(frozen=True)
class Answer:
    """What an interpreter said: ``origins`` are the files that modules of interest would be loaded from."""

    version: tuple[int, ...]
    implementation: str = ""
    origins: Mapping[str, str] | None = None
    closed: bool = False


def ask(python: Path, path: Sequence[Path] = (), compiled: Sequence[Path] = ()) -> Answer:
    """What an interpreter says of itself, with a PYTHONPATH; it compiles the folders ``compiled`` first.

    Raises:
        SpecError: the file is no Python, or does not start.
    """
    facts = _run(python, _ASK, path, [str(folder) for folder in compiled])
    try:
        return Answer(**{**facts, "version": tuple(facts["version"])})
    except (TypeError, KeyError) as error:
        raise SpecError(f"{python} is not a Python") from error


def packages(python: Path) -> dict[str, list[str]]:
    """The distributions that an interpreter has: version and a digest of the list of files, by name.

    Raises:
        SpecError: it does not start.
    """
    found: dict[str, list[str]] = _run(python, _PACKAGES, (), ())
    return found


def require(answer: Answer, python: Path) -> None:
    """See that measuring can run there.

    Raises:
        SpecError: it cannot; the message says what is missing.
    """
    if answer.version < OLDEST:
        has, needs = (".".join(map(str, version)) for version in (answer.version, OLDEST))
        raise SpecError(f"{python} is Python {has}; {needs} or newer is needed")
    missing = [name for name in ("torch", "psutil") if name not in (answer.origins or {})]
    if missing:
        raise SpecError(f"{python} has no {' and no '.join(missing)}, which measuring needs there")


def _run(python: Path, script: str, path: Sequence[Path], arguments: Sequence[str]) -> Any:
    settings = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    settings |= {"PYTHONSAFEPATH": "1"}  # the current directory's files are none of its own
    if path:
        settings["PYTHONPATH"] = os.pathsep.join(map(str, path))
    try:
        done = subprocess.run(
            [str(python), "-c", script, *arguments],
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
        )
    except OSError as error:
        raise SpecError(f"{python} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise SpecError(f"{python} gave no answer in {SECONDS:.0f} s; is it a Python?") from error
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        said = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise SpecError(f"{python} is not a Python: asked for its version, it said {said!r}") from error
