"""The comparison of cases: one table a workload, whose columns share a unit, and the summary over all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import groupby
from types import NoneType

from bench.case import WAYS, Scalar
from bench.metric import METRICS
from bench.rates import Value
from reports.cases import CaseRow, counts, why_absent
from reports.cell import Cell, Column, Table, absent, plain
from reports.changes import CHANGE, Changes
from reports.number import TIMES
from reports.origin import Origin, by_origin, is_power, origin

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
    "energy.item": "Gross energy per item",
    "flop.rate": "Model FLOP/s",
    "flop.useful": "Useful FLOPs",
    "mfu": "MFU",
    "mfu.measured": "Of measured peak",
    "deviation.loss": "Loss off plain fp32",
    "deviation.output": "Output off plain fp32",
}
_MINOR = (
    "throughput.token",
    "throughput.real_token",
    "latency.p50",
    "latency.p95",
    "flop.rate",
    "flop.useful",
    "mfu",
    "mfu.measured",
)
# A brief table has the ratio alone: those that stand out are told with all else in a table of their own.
_CHANGE = (CHANGE[0], *(replace(column, minor=True) for column in CHANGE[1:]))
_ENERGY = 3  # the summary's column of joules
_ALONE = "one replicate has no interval"
# Of some cases only, and no loss to the others.
WHERE_KNOWN = ("throughput.token", "throughput.real_token", "flop.useful", "deviation.loss", "deviation.output")
_USUAL = {"flop.useful": 1.0}  # where all cases have it, there is nothing to tell


def result_tables(rows: Sequence[CaseRow], changes: Changes | None = None) -> tuple[Table, ...]:
    """A table for each workload, with what changed since a baseline where there is one."""
    by_workload = groupby(rows, key=lambda row: row.workload)
    return tuple(_table(workload, tuple(group), changes) for workload, group in by_workload)


def _table(workload: str, rows: tuple[CaseRow, ...], changes: Changes | None) -> Table:
    varying = dict.fromkeys(name for row in rows for name in row.varying)
    several_runs = len({row.case for row in rows}) < len(rows)
    present = [name for name in SHOWN if any(row.cells[name].raw not in (None, _USUAL.get(name)) for row in rows)]
    columns: list[Column] = [Column("Run")] if several_runs else []
    columns += [Column(plain(name).text, numeric=_all_numbers(rows, name)) for name in varying]
    columns += [Column("Device"), Column("Precision")]
    columns += [Column("Batch", numeric=True), Column("Status")]
    for name in present:
        unit = next(row.cells[name].unit for row in rows if row.cells[name].raw is not None)
        columns.append(Column(SHOWN[name], unit, True, METRICS[name].meaning, name in _MINOR, name))
        if name == "throughput":
            columns.append(Column("±", numeric=True, meaning="The wider side of the 95 % interval over replicates."))
            columns += _CHANGE if changes else ()
    faster = any(row.speedup.raw is not None for row in rows)
    if faster:
        columns.append(Column("vs fp32", TIMES, True, "Throughput over that of the same case in fp32, plain."))
    notes = _Notes(rows, present)
    body = []
    for row in rows:
        cells = [plain(row.run)] if several_runs else []
        cells += [plain(_along(row, name), "this case has no such axis") for name in varying]
        cells += [plain(row.device_words)._replace(note=row.device_label), plain(row.precision)]
        cells += [plain(row.batch_size), _status(row)]
        for name in present:
            cell = row.cells[name]
            cells.append(notes.marked(row, name))
            if name == "throughput":
                spread = absent(cell.note if cell.absent else _ALONE)
                cells.append(Cell(cell.spread, note=cell.note) if cell.spread else notes.footed(spread, row))
                cells += (notes.footed(one, row) for one in (changes.of[row.anchor].cells if changes else ()))
        body.append((*cells, *([notes.footed(row.speedup, row)] if faster else [])))
    return Table(
        workload,
        tuple(columns),
        tuple(body),
        remarks=(*_constants(rows[0]), *notes.remarks, *_unmeasured(rows, present)),
        notes=tuple(notes.marks),
        anchors=tuple(row.anchor for row in rows),
        groups=tuple(f"{row.problem} {row.device_words} {row.precision}" for row in rows),
    )


def _all_numbers(rows: Iterable[CaseRow], axis: str) -> bool:
    """Whether an axis can be read down as numbers."""
    return all(type(_along(row, axis)) in (int, float, NoneType) for row in rows)


def _along(row: CaseRow, axis: str) -> Scalar:
    """Where a case lies along an axis; None where its workload has no such axis."""
    return row.axes.get(axis, WAYS.get(axis))


class _Notes:
    """What must be told of a table's cells: why one is absent, and where watts and joules come from.

    The latter is one remark where they all have one method and scope, else a footnote of each cell.
    """

    def __init__(self, rows: tuple[CaseRow, ...], present: list[str]) -> None:
        shown = [row.values[name] for row in rows for name in present if is_power(row.values[name])]
        told = {key: f"Power and energy: {origin(*values)}; gross." for key, values in by_origin(shown).items()}
        self.remarks = tuple(told.values()) if len(told) == 1 else ()
        self.marks: dict[str, int] = {}
        self._told = told if len(told) > 1 else {}

    def marked(self, row: CaseRow, name: str) -> Cell:
        """The cell of a metric with the number of its footnote, if it has one."""
        cell, value = row.cells[name], row.values[name]
        note = cell.note if cell.absent and row.ok else None
        if not cell.absent and is_power(value):
            note = self._told.get((value.source, value.scope))
        return self._marked(cell, note) if note else cell

    def footed(self, cell: Cell, row: CaseRow) -> Cell:
        """A cell of no metric with the number of the footnote that says why it is absent, unless the status does."""
        return self._marked(cell, cell.note) if cell.absent and row.ok else cell

    def _marked(self, cell: Cell, note: str) -> Cell:
        return cell._replace(mark=self.marks.setdefault(note, len(self.marks) + 1))


def _status(row: CaseRow) -> Cell:
    """A measured case with caveats is not simply ok; they stand under the case, where the status leads."""
    if row.ok and row.caveats:
        return row.status._replace(text="ok, caveat", tone="warn")
    return row.status


def _constants(row: CaseRow) -> Iterable[str]:
    fixed = [f"{plain(name).text} = {plain(value).text}" for name, value in row.axes.items() if name not in row.varying]
    return [f"All with {', '.join(fixed)}."] if fixed else []


def _unmeasured(rows: tuple[CaseRow, ...], present: list[str]) -> Iterable[str]:
    """Columns that no case fills are left out, and said so once with their reason."""
    of_reason: dict[str, list[str]] = {}
    for name in SHOWN:
        if name not in (*present, *WHERE_KNOWN):
            of_reason.setdefault(why_absent(rows, name), []).append(SHOWN[name])
    return [f"Not measured: {', '.join(titles)} ({reason})." for reason, titles in of_reason.items()]


def summary_table(rows: Sequence[CaseRow]) -> Table:
    """For each problem the case that is fastest, takes least memory and least energy, and how many cases there are.

    Of a case that was measured again in the same environment the newest run counts: the best of many would be luck.
    """
    body = []
    for problem, group in groupby(rows, key=lambda row: row.problem):
        cases = tuple(group)
        best = _best(cases, "throughput", max), _least_memory(cases), _least_energy(cases)
        reasons = [cell.under if cell.absent else "" for cell in best]
        if all(reasons) and len(set(reasons)) == 1:  # nothing was measured: said once is enough
            best = best[0], best[1]._replace(under=""), best[2]._replace(under="")
        body.append(
            (Cell(problem), *best, Cell(counts(cases), tone="plain" if all(row.ok for row in cases) else "warn"))
        )
    titles = ("Workload", "Fastest", "Least memory", "Least gross energy per item", "Cases")
    table = Table("Summary", tuple(map(Column, titles)), tuple(body))
    unknown = dict.fromkeys(row[_ENERGY].note for row in body if row[_ENERGY].absent)
    if len(unknown) > 1 or not all(row[_ENERGY].absent for row in body):
        return table
    return replace(
        table.without(_ENERGY), remarks=(f"{titles[_ENERGY]} is not known: {next(iter(unknown)).rstrip('.')}.",)
    )


def _best(rows: Sequence[CaseRow], metric: str, choose: Callable[..., CaseRow]) -> Cell:
    """The best case's cell with its unit; under it the case, and those that the intervals cannot tell from it."""
    there = _measured(rows, metric)
    if not there:
        return _unknown(rows, metric)
    best = choose(there, key=lambda row: _number(row.values[metric]))
    cell = best.cells[metric]
    near = sum(row is not best and _overlap(row, best, metric) for row in there)
    doubt = f", not told apart from {near} other{'s' * (near != 1)}" if near else ""
    return Cell(cell.full, raw=cell.raw, spread=cell.spread, under=f"{best.name}{doubt}", note=cell.note)


def _measured(rows: Iterable[CaseRow], metric: str) -> list[CaseRow]:
    return [row for row in rows if row.ok and row.current and row.values[metric].value is not None]


def _least_memory(rows: Sequence[CaseRow]) -> Cell:
    """The least memory; where CPUs and accelerators are among the cases, of either, since theirs is not one memory."""
    metric = "memory.planning"
    of_memory: dict[str, list[CaseRow]] = {}
    for row in _measured(rows, metric):
        of_memory.setdefault("the host's" if row.record.case.device == "cpu" else "the device's", []).append(row)
    if len(of_memory) < 2:
        return _best(rows, metric, min)
    (whose, first), (other, second) = ((whose, _best(alike, metric, min)) for whose, alike in of_memory.items())
    return first._replace(under=f"{first.under}; {whose}. Of {other} {second.text}: {second.under}")


def _least_energy(rows: Sequence[CaseRow]) -> Cell:
    """The least joules with their method, scope and error; those of another method or scope are named beside them,
    since joules of a GPU and joules of a CPU package are not one quantity."""
    metric = "energy.item"
    of_origin: dict[Origin, list[CaseRow]] = {}
    for row in _measured(rows, metric):
        value = row.values[metric]
        of_origin.setdefault((value.source, value.scope), []).append(row)
    if not of_origin:
        return _unknown(rows, metric)
    found = []
    for alike in of_origin.values():
        best, least = _best(alike, metric, min), min((row.values[metric] for row in alike), key=_number)
        found.append((_number(least), best._replace(under=f"{best.under}; {origin(least)}")))
    first, *others = (cell for _, cell in sorted(found, key=lambda pair: pair[0]))
    beside = "".join(f"; by another method or scope {cell.text}: {cell.under}" for cell in others)
    return first._replace(under=first.under + beside)


def _unknown(rows: Sequence[CaseRow], metric: str) -> Cell:
    """No best case, with the reason in sight."""
    why = why_absent(rows, metric)
    return absent(why)._replace(under=why)


def _number(value: Value) -> float:
    assert value.value is not None
    return value.value


def _overlap(one: CaseRow, other: CaseRow, metric: str) -> bool:
    """Whether the intervals of two cases meet; one without an interval is a point."""
    first, second = one.values[metric], other.values[metric]
    low = max(bound for bound in (first.low or first.value, second.low or second.value) if bound is not None)
    high = min(bound for bound in (first.high or first.value, second.high or second.value) if bound is not None)
    return low <= high
