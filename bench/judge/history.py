"""What many runs say of a case: since when it has been slower, or that its newest runs are as the earlier ones were.

One run is one value, so the spread that counts, between runs, is there to be seen. That is what two stores lack, and
why a history may say ``unchanged``. It cannot say ``regressed``: a machine that became slower looks the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median, stdev

from bench.case import Case
from bench.gating import COMPARED, Gating
from bench.judge.changepoint import last_change
from bench.judge.finding import Dot, Finding
from bench.judge.keys import differences
from bench.judge.stored import ANSWERS, refusal, unmeasured
from bench.metric import METRICS
from bench.rates import value
from bench.record import Record
from bench.statistics import t95
from bench.store import in_order

JUDGED = ("time", "throughput")
NEWEST = 100  # runs that are looked at: finding the best cuts takes the cube of their number

# With fewer runs no order of them is so rare that shuffling would confirm a change of the newest three at 1 %.
LEAST_RUNS = 10
# The newest runs are compared as a block with earlier blocks of as many. Runs that follow each other are more alike
# than others, so single runs would prove too much; blocks hold most of that. In 4,000 series of 15 to 36 runs, also
# with a correlation of 0.5 between neighbours, a change as large as the margin was called unchanged in at most 3.6 %.
BLOCK = 3
LEAST_BLOCKS = 5


@dataclass(frozen=True)
class _Run:
    """One run of a case: when it was, and the logarithm of its level."""

    name: str
    when: str
    log: float


def judge(records: Sequence[Record], gating_of: Callable[[Case], Gating]) -> tuple[list[Finding], tuple[str, ...]]:
    """Judge every case over its runs, and what is to be noted about the whole."""
    by_case: dict[str, list[Record]] = {}
    for record in in_order(records):
        by_case.setdefault(record.case.id, []).append(record)
    newest_run = max(((one.run.started, one.run.id) for one in records), default=("", ""))[1]
    findings: list[Finding] = []
    notes: dict[str, int] = {}
    for runs in by_case.values():
        found, told = _case(runs, newest_run, gating_of(runs[-1].case))
        findings += found
        for note in told:
            notes[note] = notes.get(note, 0) + 1
    return findings, tuple(f"{note} ({count} case{'s' * (count != 1)})." for note, count in notes.items())


def _case(runs: Sequence[Record], newest_run: str, gating: Gating) -> tuple[list[Finding], list[str]]:
    newest = runs[-1]
    if newest.run.id != newest_run:
        missing = f"The newest run, {newest_run}, has no such case."
        return [unmeasured(newest, None, gating, "incomparable", (missing,))], []
    well = [record for record in runs if record.status == "ok"]
    if newest.status != "ok":
        if not well and newest.status in ANSWERS:
            return [], [f"Not gated: {newest.status} in every run"]
        verdict, reasons = (refusal(well[-1], newest) if well else None) or ("incomparable", _ended(newest))
        return [unmeasured(well[-1] if well else None, newest, gating, verdict, reasons)], []
    parted = [differences(record, newest)[0] for record in well]
    alike = [record for record, hard in zip(well, parted, strict=True) if not hard]
    notes = [f"Not gated by a history: {name}" for name in gating.metrics if name not in JUDGED]
    left_out = [hard[0] for hard in parted if hard]
    notes += [f"Earlier runs are left out, the latest of them for {left_out[-1]}"] if left_out else []
    notes += [f"Only the newest {NEWEST} runs are looked at"] if len(alike) > NEWEST else []
    return [_metric(alike[-NEWEST:], name, gating) for name in gating.metrics if name in JUDGED], notes


def _metric(records: Sequence[Record], name: str, gating: Gating) -> Finding:
    """A metric over runs that may be compared, oldest first; the newest is among them."""
    metric = COMPARED[name]
    runs = [
        _Run(one.run.id, one.run.started[:16], math.log(level))
        for one in records
        if (level := value(one, metric).value)
    ]
    newest = value(records[-1], metric)
    plain = Finding(
        records[-1].case, metric, "inconclusive", newest.unit, head=newest.value, margin=gating.margin_of(name)
    )
    if len(runs) < LEAST_RUNS:
        why = f"{len(runs)} run{'s' * (len(runs) != 1)} of this case can be compared; {LEAST_RUNS} are needed."
        return replace(plain, reasons=(why,), dots=_dots(runs, len(runs)))
    changed = last_change([run.log for run in runs])
    begin, cut = changed or (0, 0)
    effect = median(run.log for run in runs[cut:]) - median(run.log for run in runs[begin:cut]) if changed else 0.0
    worse = effect if METRICS[metric].better == "lower" else -effect
    if worse >= math.log1p(gating.minimum):
        return _suspect(plain, runs[begin:], cut - begin)
    since = (
        f"No change in {len(runs)} runs."
        if not changed
        else (f"The level changed by {_percent(effect)} with run {runs[cut].name} of {runs[cut].when}, and not since.")
    )
    return _since(plain, runs[cut:], since)


def _suspect(plain: Finding, runs: Sequence[_Run], cut: int) -> Finding:
    before, after = (median(run.log for run in part) for part in (runs[:cut], runs[cut:]))
    return replace(
        plain,
        verdict="suspect",
        base=math.exp(before),
        head=math.exp(after),
        effect=math.expm1(after - before),
        reasons=(
            f"Worse since run {runs[cut].name} of {runs[cut].when}: {cut} runs before it, {len(runs) - cut} since.",
            "A machine that became slower looks the same, so a history proves no change of the code.",
        ),
        dots=_dots(runs, cut),
    )


def _since(plain: Finding, runs: Sequence[_Run], since: str) -> Finding:
    """Runs of one level: whether the newest block of them is proven to be as the earlier ones."""
    blocks = len(runs) // BLOCK
    if blocks < LEAST_BLOCKS:
        needed = f"To call it unchanged, {BLOCK * LEAST_BLOCKS} runs of one level are needed; there are {len(runs)}."
        return replace(plain, reasons=(since, needed), dots=_dots(runs, len(runs)))
    used = [run.log for run in runs[-BLOCK * blocks :]]
    means = [fmean(used[at : at + BLOCK]) for at in range(0, len(used), BLOCK)]
    *earlier, newest = means
    centre = fmean(earlier)
    half = t95(len(earlier) - 1) * stdev(earlier) * math.sqrt(1 + 1 / len(earlier))
    low, high = newest - centre - half, newest - centre + half
    within = -math.log1p(plain.margin) < low and high < math.log1p(plain.margin)
    return replace(
        plain,
        verdict="unchanged" if within else "inconclusive",
        base=math.exp(centre),
        head=math.exp(newest),
        effect=math.expm1(newest - centre),
        low=math.expm1(low),
        high=math.expm1(high),
        reasons=(since, f"The newest {BLOCK} runs together are compared with the {len(used) - BLOCK} before them."),
        dots=_dots(runs, len(runs) - BLOCK),
    )


def _dots(runs: Sequence[_Run], cut: int) -> tuple[Dot, ...]:
    """Every run's level, in the base's place before the cut and in the head's after it."""
    return tuple(
        Dot(run.when, "ok", **{"base" if place < cut else "head": math.exp(run.log)}) for place, run in enumerate(runs)
    )


def _ended(record: Record) -> tuple[str, ...]:
    return (f"The newest run ended {record.status}: {(record.reason or '').rstrip('.')}.",)


def _percent(log: float) -> str:
    return f"{100 * math.expm1(log):+.1f} %"
