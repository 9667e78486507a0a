"""Bencher Metric Format: every measured metric of every case, with its interval, in SI units.

`{benchmark: {measure: {value, lower_value, upper_value}}}`, as ``bencher run --adapter json --file x.bencher.json``
reads it (bencher.dev/docs/reference/bencher-metric-format). It has no place for a reason: what is absent is left out.
"""

from __future__ import annotations

import json

from bench.rates import Value
from reports.cases import CaseRow
from reports.report import Report


def export(report: Report) -> bytes:
    """The document as UTF-8 text."""
    document = {row.full_name: _measures(row) for row in report.cases if row.ok}
    return (json.dumps(document, allow_nan=False, ensure_ascii=False, indent=1) + "\n").encode()


def _measures(row: CaseRow) -> dict[str, dict[str, float]]:
    # A measure's name is a slug, which knows no dots.
    return {name.replace(".", "-"): _measure(value) for name, value in row.values.items() if value.value is not None}


def _measure(value: Value) -> dict[str, float]:
    bounds = {"value": value.value, "lower_value": value.low, "upper_value": value.high}
    return {name: bound for name, bound in bounds.items() if bound is not None}
