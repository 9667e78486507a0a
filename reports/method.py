"""How the numbers were made, said from the code that makes them, so that it cannot drift."""

from __future__ import annotations

from bench.caveats import CPU_SHARE, ENERGY_RATIO, FOREIGN_SHARE, LOST_SHARE
from bench.metric import METRICS, Metric
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
    (
        "Energy and power",
        "Gross is all that was drawn while the steps ran; net is what was drawn beyond the power of the idle device "
        "before the case. Each comes with its method, its scope (a GPU, a module of GPU and CPU, CPU packages) and "
        "the method's error: how far all replicates may be off together. ± is over replicates and does not hold that "
        "error. Numbers of different methods or scopes are not compared.",
    ),
    (
        "Utilisation",
        "utilization.gpu is the share of time in which any kernel ran, were it on one of a hundred multiprocessors; "
        "utilization.sm, .tensor and .dram say how much of the multiprocessors, tensor cores and memory bandwidth "
        "worked.",
    ),
    ("Absence", "What was not measured is shown as — with its reason: never as zero, and never estimated."),
    (
        "Ratios",
        "vs fp32 and the comparison with a baseline are ratios of throughput with an interval by Welch's two-sample t "
        "on the logs of the replicates. Against a baseline, a change is suspect where the interval leaves out 1, and "
        "never more: replicates of one run do not show how far runs lie apart.",
    ),
    (
        "Best of a workload",
        "The summary names the best value. “Not told apart” counts the cases whose interval meets that of the best.",
    ),
    (
        "Caveats",
        "They are judged on what was watched beside a window, never on the timing itself: other programs above "
        f"{FOREIGN_SHARE:.0%} of the CPUs, a step that got less than {CPU_SHARE:.0%} of its threads' CPU time (on a "
        f"CPU), more than {LOST_SHARE:.0%} of a window lost to the hypervisor or to the disk, a warm-up that did not "
        "become steady, replicates that did not measure, other processes on the device, a clock held down by heat, a "
        "lowered power limit, memory errors, an allocator short of memory, methods of measuring energy that disagree "
        f"by more than {ENERGY_RATIO:.0%}, and numbers that cannot be, with what they were held against.",
    ),
    (
        "Units",
        "Prefixes are decimal: 1 kB is 1000 B, 1 MB is 1 000 000 B, 1 GB is 1 000 000 000 B. Within one workload a "
        "metric has one unit. Digits shown are those that the interval supports, three where there is none; the CSV "
        "and JSON forms of this report hold every digit, in SI units.",
    ),
    (
        "Single steps",
        "Every step of every replicate in its order; of many the extremes of each stretch. Shaded is warm-up "
        "and not measured. The box right of a replicate is of its measured steps: least, quartiles, median, most.",
    ),
    (
        "Replicates",
        "What was watched beside every window, such as the share of CPU time that the step got, stands under a "
        "replicate as the least and the most over its windows.",
    ),
    ("Fronts", "Ringed in a picture of two quantities is a case that no other case there beats in both."),
)


def metrics_table() -> Table:
    """The meaning of every metric."""
    columns = (Column("Metric"), Column("Unit"), Column("Better"), Column("Meaning"))
    rows = tuple(
        (Cell(metric.name), Cell(_unit(metric)), Cell(metric.better), Cell(metric.meaning))
        for metric in METRICS.values()
    )
    return Table("Metrics", columns, rows)


def _unit(metric: Metric) -> str:
    """What a number without a unit is, where the table of metrics says it."""
    return f"1 ({metric.kind})" if metric.kind != "quantity" else metric.unit
