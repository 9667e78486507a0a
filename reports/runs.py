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

    ``group`` is its run, which began at ``moment``, seconds since 1970, where the record says a time. An axis that is
    called like a parameter of ours is one under ``parameter.`` and its name.
    """

    name: str
    group: str
    moment: float | None
    parameters: Mapping[str, Scalar]
    metrics: Mapping[str, float]
    absent: Mapping[str, str]


def logged(report: Report) -> Iterator[Logged]:
    """Every case that ended ok."""
    for row in report.cases:
        if row.ok:
            ours: dict[str, Scalar] = {
                "workload": row.workload,
                "device": row.device_label,
                "precision": row.precision,
                "batch_size": row.batch_size,
            }
            yield Logged(
                row.full_name,
                row.run,
                _moment(row.record.run.started),
                {**ours, **{f"parameter.{name}" if name in ours else name: value for name, value in row.axes.items()}},
                {name: value.value for name, value in row.values.items() if value.value is not None},
                {name: value.reason or "not measured" for name, value in row.values.items() if value.value is None},
            )


def _moment(started: str) -> float | None:
    try:
        return datetime.fromisoformat(started).timestamp()
    except (ValueError, OverflowError):
        return None
