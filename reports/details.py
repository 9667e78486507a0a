"""What stands behind one case: all its metrics, its replicates, and what was really run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from statistics import median

from bench.metric import METRICS
from bench.rates import Value
from bench.record import Record, Replicate
from reports.cell import STATUS_TONES, Cell, Column, Table, absent, plain
from reports.counted import counted_table
from reports.environments import flatten
from reports.meters import meters_table
from reports.number import number, scale
from reports.origin import called, error_words, is_power
from reports.profile.tables import profile_tables
from reports.text import line

METRICS_TABLE = "Metrics"

_EMPTY, _UNKNOWN, _NO_INTERVAL = Cell(""), Cell("unknown", tone="absent"), absent("no interval")


def details(
    record: Record, values: Mapping[str, Value], cells: Mapping[str, Cell], absences: tuple[str, ...]
) -> tuple[Table, ...]:
    """What was measured of one case, in tables; those that would be empty are left out."""
    found = _metrics(values, cells, absences), _replicates(record), *profile_tables(record)
    return tuple(table for table in found if table.rows or table.remarks)


def facts(record: Record) -> tuple[Table, ...]:
    """What else is known of one case: tables of which a row says the same wherever it stands."""
    found = meters_table(record), counted_table(record), _ran(record)
    return tuple(table for table in found if table.rows or table.remarks)


def _metrics(values: Mapping[str, Value], cells: Mapping[str, Cell], absences: tuple[str, ...]) -> Table:
    measured = [value for value in values.values() if value.value is not None]
    columns = (
        Column("Metric"),
        Column("Value", numeric=True),
        Column("Unit"),
        Column("±", numeric=True, meaning="The wider side of the 95 % interval over replicates."),
        Column("95 % interval", numeric=True, meaning="Over replicates: how well it repeats."),
        Column("Replicates", numeric=True),
        Column("Method"),
        Column("Scope", meaning="What a joule, a watt or a byte is of."),
        Column("Method's error", meaning="How far all replicates may be off together, which ± does not hold."),
    )
    return Table(
        METRICS_TABLE,
        columns,
        tuple(_metric(value, cells[value.metric]) for value in measured),
        remarks=absences,
        groups=tuple(METRICS[value.metric].group for value in measured),
    ).filled


def _metric(value: Value, cell: Cell) -> tuple[Cell, ...]:
    # Of watts and joules a missing scope or error is said; most other numbers have no use for them.
    unknown = _UNKNOWN if is_power(value) else _EMPTY
    return (
        _name(value.metric),
        cell._replace(unit="", note=""),
        Cell(cell.unit),
        Cell(cell.spread) if cell.spread else _NO_INTERVAL,
        Cell(cell.interval) if cell.interval else _NO_INTERVAL,
        plain(value.replicates),
        Cell(value.source or ""),
        Cell(value.scope) if value.scope else unknown,
        unknown if value.error is None else Cell(error_words([value.error])),
    )


@cache
def _name(metric: str) -> Cell:
    return Cell(called(metric), note=METRICS[metric].meaning)


def absences(values: Iterable[Value]) -> tuple[str, ...]:
    """What was not measured, gathered by reason: one sentence each."""
    of_reason: dict[str, list[str]] = {}
    for value in values:
        if value.value is None:
            of_reason.setdefault(line(value.reason or "not measured"), []).append(value.metric)
    for reason, names in of_reason.items():
        if len(names) == len(METRICS):
            return (f"Nothing was measured ({reason}).",)
    return tuple(f"Not measured: {', '.join(names)} ({reason})." for reason, names in of_reason.items())


def _replicates(record: Record) -> Table:
    """One column a replicate; of covariates, which are kept beside every window, the range over the windows."""
    beside = dict.fromkeys(
        name for replicate in record.replicates for sample in replicate.samples for name in sample.covariates
    )
    names = ("Status", "Measured steps", "Windows", "Step: least, median, most", "Warm-up", "Prepared in", "Ended by")
    found = [_replicate(replicate, tuple(beside)) for replicate in record.replicates]
    heads = (Column("Replicate"), *(Column(str(one.index), numeric=True) for one in record.replicates))
    cells = zip((*names, *map(line, beside)), *found, strict=True)
    rows = tuple((Cell(name), *facts) for name, *facts in cells) if found else ()
    return Table("Replicates", heads, rows)


def _replicate(one: Replicate, beside: tuple[str, ...]) -> tuple[Cell, ...]:
    why = line(one.reason or "not reached")
    steps = [seconds for sample in one.samples for seconds in sample.step_seconds]
    steady = {True: "steady", False: "not steady", None: "steadiness not judged"}[one.steady]
    ran = [(name, _range([sample.covariates.get(name) for sample in one.samples])) for name in beside]
    return (
        Cell(one.status, note=line(one.reason or ""), tone=STATUS_TONES[one.status]),
        plain(sum(sample.steps for sample in one.samples) or None, why),
        plain(len(one.samples) or None, why),
        Cell(_seconds([min(steps), median(steps), max(steps)])) if steps else absent(why),
        Cell(f"{len(one.warmup_seconds)} steps, {_seconds([sum(one.warmup_seconds)])}, {steady}")
        if one.warmup_seconds
        else absent(why),
        Cell(_seconds([one.prepare_seconds])) if one.prepare_seconds is not None else absent(why),
        plain(one.ended_by, why),
        *(cell if cell else absent(f"{line(name)} was not recorded") for name, cell in ran),
    )


def _seconds(values: list[float]) -> str:
    """Times in one unit: ``1.20 · 1.31 · 1.90 ms``."""
    unit = scale("s", values)
    return " · ".join(number(value / unit.size) for value in values) + f" {unit.unit}"


def _range(values: list[float | None]) -> Cell | None:
    present = [value for value in values if value is not None]
    if not present:
        return None
    least, most = number(min(present)), number(max(present))
    return Cell(least if least == most else f"{least} to {most}")


def _ran(record: Record) -> Table:
    """What ran: parameters, inputs, weights and the precision that was in effect."""
    facts = {
        "case": record.case.id,
        "run": record.run.id,
        "asked": {"data": record.case.data, "model": record.case.model},
        "parameter": record.case.parameters,
        "inputs": record.inputs or {},
        "model": record.model or {},
        "effective precision": next((one.precision for one in record.replicates if one.precision), None) or {},
        "clock of single steps": next((one.clock for one in record.measured if one.clock), None),
        "replicates made by": next((one.made for one in record.replicates if one.made), None) or {},
    }
    rows = tuple((plain(name), cell) for name, cell in flatten(facts) if not cell.absent)
    return Table("What ran", (Column("What"), Column("Value")), rows)
