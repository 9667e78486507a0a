"""Shows records: `build` words a report once, and an exporter, one file here with an ``export``, lays it out.

`reports.gate` does the same for what a gate found.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast, runtime_checkable

from bench.record import Record
from reports.exporters import find, put
from reports.report import Report, build

__all__ = ["Report", "build", "exporter", "write"]


class Exporter(Protocol):
    """A module here that lays a report out."""

    def export(self, report: Report) -> bytes | Mapping[str, bytes]:
        """The whole file, or several by their names; for a bare name on the command line, what goes to stdout."""


@runtime_checkable
class Sender(Protocol):
    """A module here that brings a report to another program."""

    def send(self, report: Report, name: str) -> None:
        """Log the report under a name."""


def write(
    records: Sequence[Record],
    baseline: Sequence[Record] | None,
    paths: Sequence[Path],
    earlier: Sequence[Record] = (),
) -> None:
    """Write one report in several forms: each path's suffix names the exporter; a bare name goes to stdout.

    Raises:
        SpecError: there is no such exporter (then nothing is written), or a file cannot be written.
    """
    exporters = [(path, exporter(path)) for path in paths]
    report = build(records, baseline, earlier)
    for path, module in exporters:
        if isinstance(module, Sender):
            module.send(report, path.stem)
        else:
            put(path, module.export(report))


def exporter(path: Path) -> Exporter | Sender:
    """The exporter that a path asks for by its suffix, or by its name where it has none.

    Raises:
        SpecError: there is none.
    """
    return cast(Exporter | Sender, find("reports", path))
