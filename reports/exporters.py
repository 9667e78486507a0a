"""Finds the exporter that a path asks for, and brings what it made to where the path says."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path
from types import ModuleType

from bench.errors import SpecError
from bench.store import write_whole


def find(package: str, path: Path) -> ModuleType:
    """The module of a package that a path asks for by its suffix, or by its name where it has none.

    A module with an ``export`` is an exporter. Raises:
        SpecError: there is none.
    """
    name = path.suffix.removeprefix(".") or path.name
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    found = importlib.import_module(f"{package}.{name}") if name in names else None
    if found is None or not hasattr(found, "export"):
        known = ", ".join(name for name in names if hasattr(importlib.import_module(f"{package}.{name}"), "export"))
        raise SpecError(f"-o {path}: no exporter {name!r}; end the file's name in one of {known}")
    return found


def put(path: Path, content: bytes) -> None:
    """Replace the file, whole or not at all; a bare name is no file and goes to stdout.

    Raises:
        SpecError: the file cannot be written.
    """
    if not path.suffix:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(path, content)
    except OSError as error:
        raise SpecError(f"-o {path}: cannot be written ({error.strerror or error})") from error
