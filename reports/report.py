"""A report: what all formats say of some records. Wording and rounding end here; exporters only lay it out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from bench.errors import SpecError
from bench.measured_peaks import is_peak, roofs
from bench.plausible import judged
from bench.record import Record
from reports.axes import order
from reports.cases import CaseRow, case_rows, counts
from reports.cell import Column, Table, plain
from reports.changes import Changes, changes
from reports.charts import Charts, charts
from reports.environments import comparability, environment_table
from reports.failures import Failure, failures
from reports.forces import forces_table
from reports.history import History, histories, over_runs
from reports.method import METHOD, metrics_table
from reports.peaks import peaks_table
from reports.pipelines import pipelines_table
from reports.profile.overview import overview
from reports.results import result_tables, summary_table


@dataclass(frozen=True)
class Report:
    """Finished tables, charts and sentences, each of which is made when it is first asked for.

    ``cases`` holds everything that is known of each case, ``peaks`` what was measured of the limits of devices beside
    them; ``records`` is what all was made of.
    """

    records: Sequence[Record]
    baseline: Sequence[Record]
    earlier: Sequence[Record]
    cases: tuple[CaseRow, ...]
    peaks: Sequence[Record]

    title = "Wattmark report"
    method = METHOD

    @property
    def subtitle(self) -> str:
        """What was measured on what, and how it ended."""
        devices = dict.fromkeys(
            row.device if row.device_label == row.device else f"{row.device} ({row.device_label})" for row in self.cases
        )
        many = f"{len(self.cases)} case{'s' * (len(self.cases) != 1)}"
        return f"{many} on {', '.join(devices)}: {counts(self.cases)}"

    @cached_property
    def runs(self) -> Table:
        """Where the cases come from."""
        return _runs(self.records)

    @cached_property
    def summary(self) -> Table:
        """The best cases of each problem."""
        return summary_table(self.cases)

    @cached_property
    def changes(self) -> Changes | None:
        """What changed since the baseline, where there is one."""
        return changes(self.baseline, self.cases) if self.baseline else None

    @cached_property
    def history(self) -> tuple[History, ...]:
        """The cases over the earlier runs."""
        return histories([row.record for row in self.cases], [judged(record) for record in self.earlier])

    @cached_property
    def over_runs(self) -> Table | None:
        """What became of the cases over the earlier runs, a line each."""
        return over_runs(self.history)

    @cached_property
    def results(self) -> tuple[Table, ...]:
        """The cases of each workload side by side."""
        return (*result_tables(self.cases, self.changes), *peaks_table(self.peaks))

    @cached_property
    def charts(self) -> tuple[Charts, ...]:
        """The pictures of each problem."""
        return charts(self.cases)

    @cached_property
    def failures(self) -> tuple[Failure, ...]:
        """What ended the cases that were not measured."""
        return failures(self.cases)

    @cached_property
    def profiles(self) -> Table | None:
        """Where the time of the cases goes that were profiled."""
        return overview(self.cases)

    @cached_property
    def pipelines(self) -> Table | None:
        """What the input pipelines cost that feed cases."""
        return pipelines_table(self.cases)

    @cached_property
    def forces(self) -> Table:
        """What holds each case back."""
        return forces_table(self.cases)

    @property
    def caveats(self) -> tuple[CaseRow, ...]:
        """The cases of which a reader must know more before trusting them."""
        return tuple(row for row in self.cases if row.caveats)

    @cached_property
    def comparability(self) -> tuple[Table, ...]:
        """In what the environments of one device differ."""
        return comparability([row.record for row in self.cases], self.baseline)

    @cached_property
    def environment(self) -> Table:
        """The machines."""
        return environment_table([row.record for row in self.cases])

    @cached_property
    def metrics(self) -> Table:
        """What each metric means."""
        return metrics_table()


def build(
    records: Sequence[Record], baseline: Sequence[Record] | None = None, earlier: Sequence[Record] = ()
) -> Report:
    """The report of some records, of what changed since a baseline, and of how they came about over earlier runs.

    Raises:
        SpecError: there are no records.
    """
    if not records:
        raise SpecError("no records to report on; give a store that `wattmark run -o` wrote")
    # Whoever measured it, and by whatever version: what cannot be is nobody's fastest case.
    believed, before = ([judged(record) for record in some] for some in (records, baseline or ()))
    peaks = [record for record in believed if is_peak(record.case)]
    cases = _no_peaks(believed)
    rows = case_rows(cases or believed, roofs(peaks))
    if cases:  # peaks alone are cases like any other
        before = _no_peaks(before)
    return Report(tuple(sorted(records, key=order)), before, earlier, rows, peaks if cases else ())


def _no_peaks(records: Sequence[Record]) -> list[Record]:
    return [record for record in records if not is_peak(record.case)]


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
