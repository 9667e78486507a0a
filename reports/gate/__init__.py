"""Shows what a gate found: `build` words it once, and an exporter, one file here with an ``export``, lays it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from reports.exporters import find, put
from reports.gate.face import Face, build
from reports.gate.github import annotation_lines

__all__ = ["Face", "annotation_lines", "build", "exporter", "write"]


class Exporter(Protocol):
    """A module here that lays a judgement out."""

    def export(self, face: Face) -> bytes:
        """The whole file; for a bare name on the command line, what goes to stdout."""


def write(face: Face, paths: Sequence[Path]) -> None:
    """Write one face in several forms: each path's suffix names the exporter; a bare name goes to stdout.

    Raises:
        SpecError: there is no such exporter (then nothing is written), or a file cannot be written.
    """
    exporters = [(path, exporter(path)) for path in paths]
    for path, module in exporters:
        put(path, module.export(face))


def exporter(path: Path) -> Exporter:
    """The exporter that a path asks for by its suffix, or by its name where it has none.

    Raises:
        SpecError: there is none.
    """
    return cast(Exporter, find("reports.gate", path))
