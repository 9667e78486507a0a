"""A report as a workbook: the capacity plan over its cases, with inputs still to be entered."""

from __future__ import annotations

from datetime import date

from reports.plan import build, exporter, usual
from reports.report import Report


def export(report: Report) -> bytes:
    """The workbook. The plan's day, from which the age of measurements counts, is today."""
    from pathlib import Path

    return exporter(Path("plan.xlsx")).export(build(report, usual(report.cases, date.today())))
