"""A report: what all formats say of some records. Wording and rounding end here; exporters only lay it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from bench.errors import SpecError
from bench.measured_peaks import is_peak, roofs
from bench.record import Record
from reports.axes import order
from reports.cases import CaseRow, case_rows, counts
from reports.cell import Column, Table, plain
from reports.changes import Changes, changes
from reports.charts import Charts, charts
from reports.environments import comparability, environment_table
from reports.failures import Failure, failures
from reports.history import History, histories
from reports.method import METHOD, metrics_table
from reports.peaks import peaks_table
from reports.profile.overview import overview
from reports.results import result_tables, summary_table


@dataclass(frozen=True)
class Report:
    """Finished tables, charts and sentences. ``cases`` holds everything that is known of each case; ``records`` is what
    all was made of."""

    title: str
    subtitle: str
    runs: Table
    summary: Table
    changes: Changes | None
    history: tuple[History, ...]
    results: tuple[Table, ...]
    charts: tuple[Charts, ...]
    profiles: Table | None
    cases: tuple[CaseRow, ...]
    failures: tuple[Failure, ...]
    comparability: tuple[Table, ...]
    environment: Table
    method: tuple[tuple[str, str], ...]
    metrics: Table
    records: tuple[Record, ...]

    @property
    def caveats(self) -> tuple[CaseRow, ...]:
        """The cases of which a reader must know more before trusting them."""
        return tuple(row for row in self.cases if row.caveats)


def build(
    records: Sequence[Record], baseline: Sequence[Record] | None = None, earlier: Sequence[Record] = ()
) -> Report:
    """The report of some records, of what changed since a baseline, and of how they came about over earlier runs.

    Raises:
        SpecError: there are no records.
    """
    if not records:
        raise SpecError("no records to report on; give a store that `wattmark run -o` wrote")
    peaks = [record for record in records if is_peak(record.case)]
    cases = [record for record in records if not is_peak(record.case)]
    rows = case_rows(cases or records, roofs(peaks))
    devices = dict.fromkeys(
        row.device if row.device_label == row.device else f"{row.device} ({row.device_label})" for row in rows
    )
    changed = changes(baseline, rows) if baseline else None
    return Report(
        title="Wattmark report",
        subtitle=f"{len(rows)} case{'s' * (len(rows) != 1)} on {', '.join(devices)}: {counts(rows)}",
        runs=_runs(records),
        summary=summary_table(rows),
        changes=changed,
        history=histories(records, earlier),
        results=(*result_tables(rows, changed), *(peaks_table(peaks) if cases else ())),
        charts=charts(rows),
        profiles=overview(rows),
        cases=rows,
        failures=failures(rows),
        comparability=comparability([row.record for row in rows], baseline or ()),
        environment=environment_table([row.record for row in rows]),
        method=METHOD,
        metrics=metrics_table(),
        records=tuple(sorted(records, key=order)),
    )


def _runs(records: Sequence[Record]) -> Table:
    runs = {record.run.id: record.run for record in records}
    cases = Counter(record.run.id for record in records)
    columns = [Column("Run"), Column("Started"), Column("Command"), Column("Seed", numeric=True)]
    columns += [Column("Replicates", numeric=True), Column("Wattmark"), Column("Cases", numeric=True)]
    rows = (
        (run.id, run.started, run.command, run.seed, run.replicates, run.wattmark, cases[run.id])
        for run in sorted(runs.values(), key=lambda run: (run.started, run.id))
    )
    return Table("Runs", tuple(columns), tuple(tuple(map(plain, row)) for row in rows))
