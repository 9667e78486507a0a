"""Shows records: `build` words a report once, and an exporter, one file here with an ``export``, lays it out."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.errors import SpecError
from bench.record import Record
from reports.report import Report, build

__all__ = ["Report", "build", "exporter", "write"]

Export = Callable[[Report], bytes]


def write(records: Sequence[Record], baseline: Sequence[Record] | None, paths: Sequence[Path]) -> None:
    """Write one report in several forms: each path's suffix names the exporter; a bare name goes to stdout.

    Raises:
        SpecError: there is no such exporter (then nothing is written), or a file cannot be written.
    """
    exports = [(path, exporter(path)) for path in paths]
    report = build(records, baseline)
    for path, export in exports:
        if path.suffix:
            _replace(path, export(report))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(export(report))


def exporter(path: Path) -> Export:
    """The exporter that a path asks for by its suffix, or by its name where it has none.

    Raises:
        SpecError: there is none.
    """
    name = path.suffix.removeprefix(".") or path.name
    found = _export(name) if name in _modules() else None
    if found is None:
        known = ", ".join(module for module in _modules() if _export(module))
        raise SpecError(f"-o {path}: no exporter {name!r}; end the file's name in one of {known}")
    return found


def _modules() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def _export(name: str) -> Export | None:
    return getattr(importlib.import_module(f"reports.{name}"), "export", None)


def _replace(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: readers see the old one or the new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).chmod(0o644)
        os.replace(file.name, path)
    except OSError as error:
        raise SpecError(f"-o {path}: cannot be written ({error.strerror or error})") from error
