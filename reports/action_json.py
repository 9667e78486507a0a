"""For github-action-benchmark with ``tool: customSmallerIsBetter``: what a step takes, of every case.

A list of `{name, unit, value, range, extra}` (github.com/benchmark-action/github-action-benchmark). Throughput is left
out, since the larger one is better, and since the time of a step says the same. It has no place for a reason: what is
absent is left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from reports.cases import CaseRow
from reports.report import Report

_SMALLER = ("time.step", "memory.planning", "energy.item")


def export(report: Report) -> bytes:
    """The document as UTF-8 text; values in SI units."""
    entries = [entry for row in report.cases if row.ok for entry in _entries(row)]
    return (json.dumps(entries, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def _entries(row: CaseRow) -> Iterator[dict[str, str | float]]:
    for name in _SMALLER:
        value, cell = row.values[name], row.cells[name]
        if value.value is not None:
            extra = "\n".join([f"{cell.full} {cell.spread}".strip(), cell.note, *row.caveats])
            entry: dict[str, str | float] = {"name": f"{row.full_name}: {name}", "unit": value.unit}
            yield {**entry, "value": value.value, **({"range": cell.spread} if cell.spread else {}), "extra": extra}
