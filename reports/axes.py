"""How cases lie to each other: which axes vary, in which order cases stand, and how their devices are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from bench.case import PRECISIONS, Scalar
from bench.record import Record
from reports.text import line

Axes = dict[str, Scalar]


def axes(record: Record) -> Axes:
    """What a case differs in besides device, precision and batch size; ``data`` and ``model`` where they were asked."""
    asked = {"data": record.case.data, "model": record.case.model}
    return {**record.case.parameters, **{name: value for name, value in asked.items() if value not in ("auto", None)}}


def constant_axes(records: Sequence[Record]) -> dict[str, Axes]:
    """For each workload the axes that are the same in all its cases."""
    of_workload: dict[str, list[Axes]] = defaultdict(list)
    for record in records:
        of_workload[record.case.workload].append(axes(record))
    return {
        workload: {name: value for name, value in cases[0].items() if all(_has(case, name, value) for case in cases)}
        for workload, cases in of_workload.items()
    }


def order(record: Record) -> tuple[Any, ...]:
    """Sorts cases: by workload, axes, device, precision and batch size; the same case by the time of its run."""
    case = record.case
    rank = PRECISIONS.index(case.precision) if case.precision in PRECISIONS else len(PRECISIONS)
    # An axis may hold numbers and words: numbers stand first, each kind in its own order.
    along = [
        (name, isinstance(value, str), value if isinstance(value, (int, float)) else 0, str(value))
        for name, value in sorted(axes(record).items())
    ]
    return (case.workload, along, case.device, rank, case.precision, case.batch_size, record.run.started, record.run.id)


def device_label(record: Record) -> str:
    """The product name of the device, or else torch's name of it."""
    return line(_device_part(record, "label") or record.case.device)


def device_memory(record: Record) -> float | None:
    """What the device has in all, B, where the environment says it."""
    size = _device_part(record, "memory_bytes")
    return size if isinstance(size, (int, float)) else None


def device_words(records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """What to call the device of a (name, label): its name, unless one name stands for several products."""
    pairs = dict.fromkeys((record.case.device, device_label(record)) for record in records)
    names = [name for name, _ in pairs]
    return {(name, label): line(name) if names.count(name) == 1 else f"{line(name)} ({label})" for name, label in pairs}


def repeated(records: Sequence[Record]) -> set[str]:
    """The ids of the cases that stand in more than one run."""
    times = Counter(record.case.id for record in records)
    return {case for case, count in times.items() if count > 1}


def _device_part(record: Record, part: str) -> Any:
    device = record.environment.get("device")
    return device.get(part) if isinstance(device, Mapping) else None


def _has(case: Axes, name: str, value: Scalar) -> bool:
    return name in case and case[name] == value and type(case[name]) is type(value)
