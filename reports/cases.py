"""Every case as a row of finished cells: made once, and laid out by all tables, charts and exporters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache

from bench.caveats import caveats
from bench.force import Bound, bound
from bench.metric import METRICS
from bench.rates import Value, value
from bench.record import STATUSES, Record
from bench.roof import Roof, Roofs
from bench.scaling import superlinear
from reports.axes import (
    Axes,
    axes,
    constant_axes,
    device_label,
    device_memory,
    device_words,
    order,
    problem,
    repeated,
    setting,
    superseded,
)
from reports.cell import STATUS_TONES, Cell, Table, measured
from reports.chart import Chart
from reports.derived import Derived
from reports.details import absences, details, facts
from reports.forces import held, mixture
from reports.ladder import ladder
from reports.number import Scale, scale
from reports.profile.pictures import Split, profile_pictures
from reports.ratio import speedups
from reports.repeat import Repeat, again
from reports.steps import StepTimes, step_times
from reports.text import line, name_of, tail
from reports.timeline import Timeline, timelines


@dataclass(frozen=True)
class CaseRow:
    """One case of one run.

    ``device`` is torch's name, ``device_words`` what tells it from the other devices here. ``problem`` is the workload
    with those of its axes that vary: rows of one problem do the same work. ``name`` says the rest, from device to batch
    size, and ``of_run`` which run it is of, where others have the case too; it is ``current`` unless one of these is
    newer and was measured in the same environment. ``values`` are the raw metrics, ``cells`` the same ones as shown;
    both are derived where they are asked for. ``roof`` is the device's, as measured.
    """

    record: Record
    anchor: str
    run: str
    case: str
    workload: str
    problem: str
    of_run: tuple[str, ...]
    device: str
    device_words: str
    device_label: str
    device_memory: float | None
    precision: str
    batch_size: int
    axes: Axes
    varying: tuple[str, ...]
    status: Cell
    caveats: tuple[str, ...]
    values: Mapping[str, Value]
    cells: Mapping[str, Cell]
    speedup: Cell
    roof: Roof
    stderr: str
    current: bool

    @property
    def ok(self) -> bool:
        """Whether the case was measured as planned; what others measured is shown, and used for nothing else."""
        return self.status.text == "ok"

    @property
    def details(self) -> tuple[Table, ...]:
        """Everything that is known of the case, in tables; too many cells to keep them."""
        return (*details(self.record, self.values, self.cells, self.absences), *self.facts)

    @cached_property
    def bound(self) -> Bound:
        """What holds it back."""
        return bound(self.record, self.values, self.roof)

    @cached_property
    def facts(self) -> tuple[Table, ...]:
        """Those of the tables of which a row says the same wherever it stands."""
        verdict = (held(self.bound), mixture(self)) if self.ok else ()
        return (*(table for table in verdict if table), *facts(self.record))

    @cached_property
    def absences(self) -> tuple[str, ...]:
        """What was not measured, in sentences."""
        return absences(self.values.values())

    @property
    def pictures(self) -> tuple[Chart | Split | StepTimes | Timeline, ...]:
        """Its steps, its memory, its course and its profile."""
        name = self.name
        found = step_times(name, self.record), ladder(name, self.values, self.cells), *self.timelines[:1]
        return (*(picture for picture in found if picture), *profile_pictures(name, self.record))

    @cached_property
    def repeat(self) -> Repeat:
        """How to measure it again."""
        return again(self.record, self.varying)

    @cached_property
    def name(self) -> str:
        """How it solves its problem."""
        return self.name_without()

    def name_without(self, *axes: str) -> str:
        """Its name but for these axes: what cases are called together that differ in nothing else."""
        return setting(self.record.case, self.device_words, *self.of_run, without=axes)

    @cached_property
    def series(self) -> str:
        """What a line over batch sizes is called."""
        return self.name_without("batch_size")

    @cached_property
    def timelines(self) -> tuple[Timeline, ...]:
        """The course of each replicate that a meter watched."""
        return timelines(self.name, self.record)

    @property
    def item(self) -> str:
        """What the workload counts its work in."""
        return self.values["throughput"].unit.removesuffix("/s")

    @property
    def full_name(self) -> str:
        """The case in words, workload first."""
        return f"{self.problem} · {self.name}"


def case_rows(records: Sequence[Record], roofs: Roofs | None = None) -> tuple[CaseRow, ...]:
    """A row for each record: by workload, its varying axes, device, precision and batch size, in that order."""
    reached = roofs or Roofs()
    found = [(_values(one, reached), one) for one in sorted(records, key=order)]
    scale_of = _scales(found)
    constant = constant_axes(record.case for record in records)
    words = device_words(records)
    several = repeated(records)
    old = superseded(records)
    speedup = speedups(records)
    beyond = superlinear(records)

    def row(index: int, metrics: Mapping[str, Value], record: Record) -> CaseRow:
        case = record.case
        varying = {name: value for name, value in axes(record).items() if name not in constant[case.workload]}
        called = words[case.device, device_label(record)]
        cells = Derived(METRICS, lambda metric: measured(metrics[metric], scale_of(case.workload, metric)))
        return CaseRow(
            record=record,
            anchor=f"case-{index}",
            run=name_of(record.run.id),
            case=name_of(case.id),
            workload=line(case.workload),
            problem=problem(case, varying),
            of_run=(f"run {record.run.id}",) if case.id in several else (),
            device=line(case.device),
            device_words=called,
            device_label=device_label(record),
            device_memory=device_memory(record),
            precision=line(case.precision),
            batch_size=case.batch_size,
            axes={line(name): line(value) if isinstance(value, str) else value for name, value in axes(record).items()},
            varying=tuple(map(line, varying)),
            status=Cell(record.status, note=line(record.reason or ""), tone=STATUS_TONES[record.status]),
            caveats=tuple(map(line, (*caveats(record, reached), *beyond.get((record.run.id, case.id), ())))),
            values=metrics,
            cells=cells,
            speedup=speedup(record),
            roof=reached.of(record.environment),
            stderr=_stderr(record),
            current=(record.run.id, case.id) not in old,
        )

    return tuple(row(index, metrics, record) for index, (metrics, record) in enumerate(found, start=1))


def counts(rows: Iterable[CaseRow]) -> str:
    """How many there are of each status, in words: ``10 ok, 2 oom``."""
    found = [row.status.text for row in rows]
    return ", ".join(f"{found.count(status)} {status}" for status in STATUSES if status in found)


def why_absent(rows: Iterable[CaseRow], metric: str) -> str:
    """Why no case ended ok with a metric: the first reason, if possible of one that did end ok, and how many others."""
    found = tuple(rows)
    reasons = list(dict.fromkeys(_why(row, metric) for row in [row for row in found if row.ok] or found))
    more = f", and {len(reasons) - 1} other reason{'s' * (len(reasons) > 2)}" if len(reasons) > 1 else ""
    return reasons[0] + more


def _why(row: CaseRow, metric: str) -> str:
    cell = row.cells[metric]
    return cell.note if cell.absent else f"{row.status.text}: {row.status.note}"


def _values(record: Record, roofs: Roofs) -> Mapping[str, Value]:
    return Derived(METRICS, lambda metric: _clean(value(record, metric, roofs)))


def _clean(value: Value) -> Value:
    """The value with its texts made printable."""
    was = value.unit, value.reason, value.source, value.scope
    unit, reason, source, scope = clean = _printable(*was)
    return value if clean == was else value._replace(unit=unit, reason=reason, source=source, scope=scope)


@lru_cache(maxsize=10_000)  # a report says the same words of many cases
def _printable(unit: str, reason: str | None, *method: str | None) -> tuple[str, str | None, str | None, str | None]:
    """The texts of a value; the whole of the reason, which tables may cut."""
    source, scope = (text and line(text) for text in method)
    return unit and line(unit), reason and line(reason, limit=10_000), source, scope


def _scales(found: Sequence[tuple[Mapping[str, Value], Record]]) -> Callable[[str, str], Scale]:
    """Gives one display unit for a metric over all cases of a workload, so that a column can be read down."""
    of_workload: dict[str, list[Mapping[str, Value]]] = defaultdict(list)
    for metrics, record in found:
        of_workload[record.case.workload].append(metrics)

    @cache
    def scale_of(workload: str, metric: str) -> Scale:
        values = [metrics[metric] for metrics in of_workload[workload]]
        numbers = [value.value for value in values if value.value is not None]
        # A case without samples does not know the workload's item.
        unit = next((value.unit for value in reversed(values) if value.value is not None), values[0].unit)
        return scale(unit, numbers, METRICS[metric].kind)

    return scale_of


def _stderr(record: Record) -> str:
    """The end of what the replicates that failed wrote, each under its own heading."""
    wrote = [replicate for replicate in record.replicates if replicate.status != "ok" and replicate.stderr.strip()]
    return "\n".join(f"replicate {one.index}:\n{tail(one.stderr)}" for one in wrote)
