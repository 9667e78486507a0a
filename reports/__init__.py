"""Shows records: `build` words a report once, and an exporter, one file here with an ``export``, lays it out."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from bench.errors import SpecError
from bench.record import Record
from bench.store import write_whole
from reports.report import Report, build

__all__ = ["Report", "build", "exporter", "write"]


class Exporter(Protocol):
    """A module here that lays a report out."""

    def export(self, report: Report) -> bytes:
        """The whole file; for a bare name on the command line, what goes to stdout."""


def write(records: Sequence[Record], baseline: Sequence[Record] | None, paths: Sequence[Path]) -> None:
    """Write one report in several forms: each path's suffix names the exporter; a bare name goes to stdout.

    Raises:
        SpecError: there is no such exporter (then nothing is written), or a file cannot be written.
    """
    exporters = [(path, exporter(path)) for path in paths]
    report = build(records, baseline)
    for path, module in exporters:
        if path.suffix:
            _replace(path, module.export(report))
        else:
            sys.stdout.flush()
            sys.stdout.buffer.write(module.export(report))
            sys.stdout.buffer.flush()


def exporter(path: Path) -> Exporter:
    """The exporter that a path asks for by its suffix, or by its name where it has none.

    Raises:
        SpecError: there is none.
    """
    name = path.suffix.removeprefix(".") or path.name
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    found = importlib.import_module(f"reports.{name}") if name in names else None
    if not hasattr(found, "export"):
        known = ", ".join(name for name in names if hasattr(importlib.import_module(f"reports.{name}"), "export"))
        raise SpecError(f"-o {path}: no exporter {name!r}; end the file's name in one of {known}")
    return found  # type: ignore[return-value]


def _replace(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except OSError as error:
        raise SpecError(f"-o {path}: cannot be written ({error.strerror or error})") from error
