"""How cases lie to each other: which axes vary, in which order cases stand, and how their devices are called."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from bench.case import PRECISIONS, WAYS, Case, Scalar, changes_work
from bench.judge.keys import differences
from bench.record import Record
from bench.store import in_order
from reports.text import name_of

Axes = dict[str, Scalar]


def axes(record: Record) -> Axes:
    """The axes of a record's case."""
    return axes_of(record.case)


def axes_of(case: Case) -> Axes:
    """What a case differs in besides device, precision and batch size; ``data`` and ``model`` where they were asked."""
    asked = {"data": case.data, "model": case.model}
    return {**case.parameters, **{name: value for name, value in asked.items() if value not in ("auto", None)}}


def constant_axes(cases: Iterable[Case]) -> dict[str, Axes]:
    """For each workload the axes that are the same in all its cases."""
    of_workload: dict[str, list[Axes]] = defaultdict(list)
    for case in cases:
        of_workload[case.workload].append(axes_of(case))
    return {
        workload: {name: value for name, value in cases[0].items() if all(_has(case, name, value) for case in cases)}
        for workload, cases in of_workload.items()
    }


def problem(case: Case, varying: Mapping[str, Scalar]) -> str:
    """The workload with those of its axes that vary: cases of one problem do the same work."""
    told = [f"{name}={value}" for name, value in varying.items() if name not in WAYS]
    other = changes_work(case.parameters.get("variant", ""))
    return name_of(" ".join([case.workload, *told, *([other] if other else [])]), limit=500)


def setting(case: Case, device: str, *more: str, without: Collection[str] = ()) -> str:
    """How a case solves its problem, from what its device is called to its batch size; cases that differ in nothing but
    what is left out (``without``: axes, or the device) are called the same."""
    batch = f"batch {case.batch_size}"
    words = {"device": device, "precision": case.precision, **_ways(case), "batch_size": batch}
    told = (word for name, word in words.items() if name not in without)
    return " · ".join(map(name_of, [*told, *more]))


def _ways(case: Case) -> dict[str, str]:
    """In what a case is not as usual."""
    words = {"variant": "{}", "pipeline": "pipeline {}", "world_size": "{} devices"}
    found = {name: case.parameters.get(name, usual) for name, usual in WAYS.items()}
    return {name: words[name].format(value) for name, value in found.items() if value != WAYS[name]}


def order(record: Record) -> tuple[Any, ...]:
    """Sorts records: by case, the same case by the time of its run."""
    return (*case_order(record.case), record.run.started, record.run.id)


def case_order(case: Case) -> tuple[Any, ...]:
    """Sorts cases: by workload and what they do, so that those of one problem stand together, then by how they do."""
    rank = PRECISIONS.index(case.precision) if case.precision in PRECISIONS else len(PRECISIONS)
    # An axis may hold numbers and words: numbers stand first, each kind in its own order.
    along = [
        (name, isinstance(value, str), value if isinstance(value, (int, float)) else 0, str(value))
        for name, value in sorted(axes_of(case).items())
    ]
    what = [axis for axis in along if axis[0] not in WAYS], changes_work(case.parameters.get("variant", ""))
    how = [axis for axis in along if axis[0] in WAYS]
    return (case.workload, what, how, case.device, rank, case.precision, case.batch_size)


def device_label(record: Record) -> str:
    """The product name of the device, or else torch's name of it."""
    return name_of(str(_device_part(record, "label") or record.case.device))


def device_memory(record: Record) -> float | None:
    """What the device has in all, B, where the environment says it."""
    size = _device_part(record, "memory_bytes")
    return size if isinstance(size, (int, float)) else None


def device_words(records: Sequence[Record]) -> dict[tuple[str, str], str]:
    """What to call the device of a (name, label): its name, unless one name stands for several products."""
    pairs = dict.fromkeys((record.case.device, device_label(record)) for record in records)
    names = [name for name, _ in pairs]
    return {
        (name, label): name_of(name) if names.count(name) == 1 else f"{name_of(name)} ({label})"
        for name, label in pairs
    }


def repeated(records: Sequence[Record]) -> set[str]:
    """The ids of the cases that stand in more than one run."""
    times = Counter(record.case.id for record in records)
    return {case for case, count in times.items() if count > 1}


def superseded(records: Iterable[Record]) -> set[tuple[str, str]]:
    """Run and case of what a newer run measured again, on the same product in an environment that compares."""
    newest: dict[tuple[str, str], list[Record]] = defaultdict(list)
    found: set[tuple[str, str]] = set()
    for record in reversed(in_order(one for one in records if one.status == "ok")):
        newer = newest[record.case.id, device_label(record)]
        if any(not differences(record, one)[0] for one in newer):
            found.add((record.run.id, record.case.id))
        else:
            newer.append(record)
    return found


def _device_part(record: Record, part: str) -> Any:
    device = record.environment.get("device")
    return device.get(part) if isinstance(device, Mapping) else None


def _has(case: Axes, name: str, value: Scalar) -> bool:
    return name in case and case[name] == value and type(case[name]) is type(value)
