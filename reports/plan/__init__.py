"""Plans capacity from what was measured: `build` computes a plan once, and an exporter, one file here, lays it out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol, cast

from reports.exporters import find, put
from reports.plan.plan import Plan, build
from reports.plan.planfile import read, usual

__all__ = ["Plan", "build", "exporter", "read", "usual", "write"]


class Exporter(Protocol):
    """A module here that lays a plan out."""

    def export(self, plan: Plan) -> bytes:
        """The whole file; for a bare name on the command line, what goes to stdout."""


def write(plan: Plan, paths: Sequence[Path]) -> None:
    """Write one plan in several forms: each path's suffix names the exporter; a bare name goes to stdout.

    Raises:
        SpecError: there is no such exporter (then nothing is written), or a file cannot be written.
    """
    exporters = [(path, exporter(path)) for path in paths]
    for path, module in exporters:
        put(path, module.export(plan))


def exporter(path: Path) -> Exporter:
    """The exporter that a path asks for by its suffix, or by its name where it has none.

    Raises:
        SpecError: there is none.
    """
    return cast(Exporter, find("reports.plan", path))
