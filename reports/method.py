"""How the numbers were made, said from the code that makes them, so that it cannot drift."""

from __future__ import annotations

from bench.metric import METRICS
from bench.rates import CPU_SHARE, FOREIGN_SHARE
from bench.statistics import STEPS_FOR_PERCENTILE
from reports.cell import Cell, Column, Table

_STEPS = ", ".join(f"{steps} for p{rank}" for rank, steps in STEPS_FOR_PERCENTILE.items())

METHOD: tuple[tuple[str, str], ...] = (
    (
        "Unit of statistics",
        "A replicate, one process that measured the case, gives one value: the totals over its windows, divided. The "
        "steps of one process are not independent samples and are never counted as such.",
    ),
    (
        "Value and interval",
        "The value is the median of the replicates' values on the log scale; the 95 % interval is Student's t on their "
        "logs, widened where needed to hold the value. Fewer than two replicates carry no interval. ± is the wider "
        "side of the interval in percent of the value.",
    ),
    (
        "Percentiles",
        f"Latency is of the single steps of all replicates. A percentile is claimed only from enough steps: {_STEPS} "
        "(early stopping of MLPerf LoadGen, 95 % confidence). It has no interval.",
    ),
    ("Absence", "What was not measured is shown as — with its reason: never as zero, and never estimated."),
    (
        "Ratios",
        "vs fp32 and the comparison with a baseline are ratios of throughput with an interval by Welch's two-sample t "
        "on the logs of the replicates. Where the interval holds 1, neither faster nor slower is said.",
    ),
    (
        "Best of a workload",
        "The summary names the best value. “Not told apart” counts the cases whose interval meets that of the best.",
    ),
    (
        "Caveats",
        "They are judged on what was watched beside a window, never on the timing itself: other programs above "
        f"{FOREIGN_SHARE:.0%} of the CPUs, a step that got less than {CPU_SHARE:.0%} of its threads' CPU time (on a "
        "CPU), a warm-up that did not become steady, replicates that did not measure.",
    ),
    (
        "Units",
        "Prefixes are decimal: 1 kB is 1000 B, 1 MB is 1 000 000 B, 1 GB is 1 000 000 000 B. Within one workload a "
        "metric has one unit. Digits shown are those that the interval supports, three where there is none; the CSV "
        "and JSON forms of this report hold every digit, in SI units.",
    ),
)


def metrics_table() -> Table:
    """The meaning of every metric."""
    columns = (Column("Metric"), Column("Unit"), Column("Better"), Column("Meaning"))
    rows = tuple(
        (Cell(metric.name), Cell(metric.unit), Cell(metric.better), Cell(metric.meaning)) for metric in METRICS.values()
    )
    return Table("Metrics", columns, rows)
