"""A case over many runs: its level in each, and where it changed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.judge.changepoint import last_change
from bench.judge.history import LEAST_RUNS
from bench.metric import METRICS
from bench.rates import value
from bench.record import Record
from bench.store import in_order
from reports.axes import axes_of, constant_axes, device_label, device_words, problem, setting
from reports.cell import Cell, Column, Table, measured, plain
from reports.number import scale
from reports.text import line

_METRIC = "throughput"
_LEAST = 3  # runs that make a history
_MOST = 200  # the newest ones that are drawn

_Key = tuple[str, str]  # a case by its id, and the product that it ran on


@dataclass(frozen=True)
class Moment:
    """One run of a case: its date, its commit if it was kept, and its level with the interval in the display unit."""

    date: str
    commit: str
    y: float
    low: float | None
    high: float | None
    told: str


@dataclass(frozen=True)
class History:
    """A case over its runs, oldest first; ``changes`` are the places of the runs with which a new level began."""

    title: str
    subject: str
    description: str
    unit: str
    moments: tuple[Moment, ...]
    changes: tuple[int, ...]
    table: Table
    note: str


def histories(records: Sequence[Record], earlier: Sequence[Record]) -> tuple[History, ...]:
    """A history of each of the records' cases of which there are enough runs on the same product: that another one is
    faster is no change of the case."""
    found: dict[_Key, dict[str, Record]] = {}
    for record in in_order([*earlier, *records]):
        if record.status == "ok" and value(record, _METRIC).value is not None:
            found.setdefault(_key(record), {})[record.run.id] = record
    return tuple(
        _history(name, list(runs.values())[-_MOST:])
        for case, name in _names(records).items()
        if len(runs := found.get(case, {})) >= _LEAST
    )


def over_runs(found: Sequence[History]) -> Table | None:
    """All histories in a table of one line each, where there is one."""
    columns = (
        *(Column("Case"), Column("Runs", numeric=True), Column("Since")),
        *(Column("Throughput now", numeric=True), Column("±", numeric=True), Column("Change")),
    )
    rows = []
    for one in found:
        *_, now, spread = one.table.rows[-1]
        since, runs = plain(one.moments[0].date), plain(len(one.moments))
        rows.append((Cell(one.subject), runs, since, now, spread, Cell(one.note)))
    return Table("History", columns, tuple(rows)) if rows else None


def _key(record: Record) -> _Key:
    return record.case.id, device_label(record)


def _names(records: Sequence[Record]) -> dict[_Key, str]:
    constant = constant_axes(record.case for record in records)
    words = device_words(records)
    names: dict[_Key, str] = {}
    for record in records:
        case = record.case
        varying = {name: one for name, one in axes_of(case).items() if name not in constant[case.workload]}
        names[_key(record)] = f"{problem(case, varying)} · {setting(case, words[case.device, device_label(record)])}"
    return names


def _history(name: str, runs: Sequence[Record]) -> History:
    values = [value(record, _METRIC) for record in runs]
    numbers = [one.value for one in values if one.value is not None]
    shown = scale(line(values[-1].unit), numbers, METRICS[_METRIC].kind)
    cells = [measured(one, shown) for one in values]
    moments = tuple(
        Moment(
            line(record.run.started)[:10],
            _commit(record),
            number / shown.size,
            None if one.low is None else one.low / shown.size,
            None if one.high is None else one.high / shown.size,
            f"{line(record.run.started)[:16]} {_commit(record)} {cell.full} {cell.spread}".strip(),
        )
        for record, one, cell, number in zip(runs, values, cells, numbers, strict=True)
    )
    changes = _changes([math.log(number) for number in numbers])
    told = [f"from {moments[at].told}" for at in changes]
    note = f"A new level {'; '.join(told)}." if told else _unchanged(len(moments))
    columns = (Column("Run"), Column("Date"), Column("Commit"), Column("Throughput", shown.unit, True))
    rows = tuple(
        (plain(record.run.id), plain(line(record.run.started)[:16]), plain(_commit(record)), cell)
        for record, cell in zip(runs, cells, strict=True)
    )
    description = (
        f"Throughput in {shown.unit} of {len(moments)} runs, from {moments[0].told} to {moments[-1].told}. {note}"
    )
    table = Table(f"History of {name}", (*columns, Column("±", numeric=True)), tuple(map(_with_spread, rows)))
    return History("Throughput over runs", name, description, shown.unit, moments, changes, table, note)


def _with_spread(row: tuple[Cell, ...]) -> tuple[Cell, ...]:
    return (*row, plain(row[-1].spread, "no interval"))


def _unchanged(runs: int) -> str:
    """That no new level was found, where one could have been."""
    if runs < LEAST_RUNS:
        return f"{runs} runs: too few to tell a change from chance, which takes {LEAST_RUNS}."
    return f"No change in {runs} runs."


def _changes(logs: Sequence[float]) -> tuple[int, ...]:
    """Where new levels began, as far as shuffling confirms each."""
    found: list[int] = []
    end = len(logs)
    while change := last_change(logs[:end]):
        found.append(change[1])
        end = change[1]
    return tuple(reversed(found))


def _commit(record: Record) -> str:
    git = record.environment.get("git")
    commit = git.get("commit") if isinstance(git, dict) else None
    return line(commit)[:10] if isinstance(commit, str) else ""
