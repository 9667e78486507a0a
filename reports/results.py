"""The comparison of cases: one table a workload, whose columns share a unit, and the summary over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from bench.metric import METRICS
from reports.cases import CaseRow, counts, why_absent
from reports.cell import TIMES, Cell, Column, Table, absent, plain

# The metrics that tell cases apart at a glance, with short titles; all others stand under each case.
SHOWN = {
    "throughput": "Throughput",
    "throughput.token": "With padding",
    "throughput.real_token": "Without padding",
    "time.step": "Time per step",
    "latency.p50": "p50",
    "latency.p95": "p95",
    "memory.planning": "Memory",
    "power.mean": "Power",
    "energy.item": "Energy per item",
    "flop.rate": "Model FLOP/s",
}
_MINOR = ("throughput.token", "throughput.real_token", "latency.p50", "latency.p95", "flop.rate")
# Of some workloads only, and no loss to the others.
_WHERE_COUNTED = ("throughput.token", "throughput.real_token")


def result_tables(rows: Sequence[CaseRow]) -> tuple[Table, ...]:
    """A table for each workload."""
    return tuple(_table(workload, tuple(group)) for workload, group in groupby(rows, key=lambda row: row.workload))


def _table(workload: str, rows: tuple[CaseRow, ...]) -> Table:
    varying = dict.fromkeys(name for row in rows for name in row.varying)
    several_runs = len({row.case for row in rows}) < len(rows)
    present = [name for name in SHOWN if any(row.cells[name].raw is not None for row in rows)]
    columns: list[Column] = [Column("Run")] if several_runs else []
    columns += [*(Column(plain(name).text, numeric=True) for name in varying), Column("Device"), Column("Precision")]
    columns += [Column("Batch", numeric=True), Column("Status")]
    for name in present:
        unit = next(row.cells[name].unit for row in rows if row.cells[name].raw is not None)
        columns.append(Column(SHOWN[name], unit, True, METRICS[name].meaning, name in _MINOR))
        if name == "throughput":
            columns.append(Column("±", numeric=True, meaning="The wider side of the 95 % interval over replicates."))
    faster = any(row.speedup.raw is not None for row in rows)
    if faster:
        columns.append(Column("vs fp32", TIMES, True, "Throughput over that of the same case in fp32."))
    notes: dict[str, int] = {}
    body = []
    for row in rows:
        cells = [plain(row.run)] if several_runs else []
        cells += [plain(row.axes.get(name), "this case has no such axis") for name in varying]
        cells += [replace(plain(row.device_words), note=row.device_label), plain(row.precision)]
        cells += [plain(row.batch_size), _status(row)]
        for name in present:
            cell = row.cells[name]
            cells.append(_marked(cell, notes) if row.ok else cell)
            if name == "throughput":
                cells.append(Cell(cell.spread, note=cell.note) if cell.spread else absent(cell.note))
        body.append((*cells, *([row.speedup] if faster else [])))
    return Table(
        workload,
        tuple(columns),
        tuple(body),
        remarks=(*_constants(rows[0]), *_unmeasured(rows, present)),
        notes=tuple(notes),
        anchors=tuple(row.anchor for row in rows),
        groups=tuple(f"{row.problem} {row.device_words} {row.precision}" for row in rows),
    )


def _marked(cell: Cell, notes: dict[str, int]) -> Cell:
    """An absent cell gets the number of the footnote that holds its reason."""
    if not cell.absent:
        return cell
    return replace(cell, mark=notes.setdefault(cell.note, len(notes) + 1))


def _status(row: CaseRow) -> Cell:
    """A measured case with caveats is not simply ok."""
    if row.ok and row.caveats:
        return replace(row.status, text="ok, caveat", note="; ".join(row.caveats), tone="warn")
    return row.status


def _constants(row: CaseRow) -> Iterable[str]:
    fixed = [f"{plain(name).text} = {plain(value).text}" for name, value in row.axes.items() if name not in row.varying]
    return [f"All with {', '.join(fixed)}."] if fixed else []


def _unmeasured(rows: tuple[CaseRow, ...], present: list[str]) -> Iterable[str]:
    """Columns that no case fills are left out, and said so once with their reason."""
    of_reason: dict[str, list[str]] = {}
    for name in SHOWN:
        if name not in (*present, *_WHERE_COUNTED):
            of_reason.setdefault(why_absent(rows, name), []).append(SHOWN[name])
    return [f"Not measured: {', '.join(titles)} ({reason})." for reason, titles in of_reason.items()]


def summary_table(rows: Sequence[CaseRow]) -> Table:
    """For each problem the case that is fastest, takes least memory and least energy, and how many cases there are."""
    body = []
    for problem, group in groupby(rows, key=lambda row: row.problem):
        cases = tuple(group)
        body.append(
            (
                Cell(problem),
                _best(cases, "throughput", max),
                _best(cases, "memory.planning", min),
                _best(cases, "energy.item", min),
                Cell(counts(cases), tone="plain" if all(row.ok for row in cases) else "warn"),
            )
        )
    titles = ("Workload", "Fastest", "Least memory", "Least energy per item", "Cases")
    return Table("Summary", tuple(map(Column, titles)), tuple(body))


def _best(rows: Sequence[CaseRow], metric: str, choose: Callable[..., CaseRow]) -> Cell:
    """The best case's cell with its unit; under it the case, and those that the intervals cannot tell from it."""
    there = [row for row in rows if row.ok and row.values[metric].value is not None]
    if not there:
        return absent(why_absent(rows, metric))
    best = choose(there, key=lambda row: row.values[metric].value)
    cell = best.cells[metric]
    near = sum(row is not best and _overlap(row, best, metric) for row in there)
    doubt = f", not told apart from {near} other{'s' * (near != 1)}" if near else ""
    return Cell(cell.full, raw=cell.raw, spread=cell.spread, under=f"{best.name}{doubt}", note=cell.note)


def _overlap(one: CaseRow, other: CaseRow, metric: str) -> bool:
    """Whether the intervals of two cases meet; one without an interval is a point."""
    first, second = one.values[metric], other.values[metric]
    low = max(bound for bound in (first.low or first.value, second.low or second.value) if bound is not None)
    high = min(bound for bound in (first.high or first.value, second.high or second.value) if bound is not None)
    return low <= high
