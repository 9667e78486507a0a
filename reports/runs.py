"""Cases as trackers of experiments log them: parameters, numbers, and the reasons for those that are not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from bench.case import Scalar
from reports.report import Report


@dataclass(frozen=True)
class Logged:
    """One case: ``metrics`` in SI units by their names, ``absent`` the reasons of the others.

    ``group`` is its run, which began at ``moment``, seconds since 1970.
    """

    name: str
    group: str
    moment: float
    parameters: Mapping[str, Scalar]
    metrics: Mapping[str, float]
    absent: Mapping[str, str]


def logged(report: Report) -> Iterator[Logged]:
    """Every case that ended ok."""
    for row in report.cases:
        if row.ok:
            yield Logged(
                row.full_name,
                row.run,
                datetime.fromisoformat(row.record.run.started).timestamp(),
                {
                    "workload": row.workload,
                    "device": row.device_label,
                    "precision": row.precision,
                    "batch_size": row.batch_size,
                    **row.axes,
                },
                {name: value.value for name, value in row.values.items() if value.value is not None},
                {name: value.reason or "not measured" for name, value in row.values.items() if value.value is None},
            )
