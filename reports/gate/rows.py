"""Every finding as a row of finished cells and sentences: made once, and laid out by all faces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.case import Case
from bench.judge.finding import VERDICTS, Finding, Judgement, Verdict
from reports.axes import Axes, axes_of, case_order, constant_axes, problem, setting
from reports.cell import Cell
from reports.gate import words
from reports.gate.pictures import Effects, Levels, pictures
from reports.gate.repeat import repeat
from reports.repeat import Repeat
from reports.text import line, name_of

# What a finding counts as: its verdict, or nothing where this machine cannot see a change of the margin's size.
Group = Verdict | Literal["not gated"]
GROUPS: tuple[Group, ...] = (*VERDICTS, "not gated")

_NOT_GATED = (
    "Calibration has shown that this machine cannot see a change of the margin's size here, so it is never red."
)


@dataclass(frozen=True)
class Row:
    """One finding.

    ``full_name`` tells the case from the others here, ``rest`` is everything of it but the workload, whatever other
    cases there are. ``change`` is what changed, ``evidence`` how well that is known; ``reasons`` are sentences.
    """

    anchor: str
    finding: Finding
    group: Group
    workload: str
    full_name: str
    rest: str
    metric: Cell
    verdict: Cell
    base: Cell
    head: Cell
    effect: Cell
    interval: Cell
    p: Cell
    margin: Cell
    pairs: Cell
    smallest: Cell
    reasons: tuple[str, ...]
    repeat: Repeat
    pictures: tuple[Effects | Levels, ...]

    @property
    def case(self) -> Case:
        """The case that it is about."""
        return self.finding.case

    @property
    def explained(self) -> bool:
        """Whether it is the reasons that say why numbers are absent."""
        return words.told_by_reasons(self.finding)

    @property
    def change(self) -> str:
        """What changed, and from what to what."""
        metric = words.within(self.finding.metric)
        levels = "" if self.base.absent or self.head.absent else f"from {self.base.full} to {self.head.full}"
        if self.finding.verdict == "incomparable" or (self.base.absent and self.head.absent):
            return f"{metric}: not compared"
        if self.effect.absent and not levels:
            known = {"base": self.base, "head": self.head}
            told = [f"{'none' if cell.absent else cell.full} at {arm}" for arm, cell in known.items()]
            return f"{metric}: {' and '.join(told)}"
        if self.effect.absent:
            return f"{metric} {levels}"
        if self.finding.effect == 0 and levels:
            return f"{metric} equal, {self.base.full}"
        return f"{metric} {self.effect.text}{levels and f', {levels}'}"

    @property
    def message(self) -> str:
        """All of it in a line."""
        return " ".join([f"{self.change} ({self.evidence}).", *self.reasons])

    @property
    def evidence(self) -> str:
        """How well the change is known, without what is not."""
        told = [] if self.interval.absent else [f"95 % interval {self.interval.text}"]
        if not self.p.absent:
            told.append(f"p {self.p.text}" if self.p.text.startswith("below") else f"p = {self.p.text}")
        if not self.pairs.absent:
            told.append(f"{self.finding.pairs} pair{'s' * (self.finding.pairs != 1)}")
            told += [f"{self.finding.dropped} dropped"] if self.finding.dropped else []
        margin = "exact" if self.margin.text == "exact" else f"margin {self.margin.text}"
        if words.counted(self.finding):
            return ", ".join([*told, "counted", margin])
        unseen = [self.unseen] if self.group in ("inconclusive", "suspect", "not gated") else []
        return ", ".join([*told, margin, *unseen])

    @property
    def unseen(self) -> str:
        """What could have been missed."""
        if self.smallest.absent:
            return "smallest effect that would have been found: not known"
        return f"smallest effect that would have been found: {self.smallest.text}"


def rows(judgement: Judgement) -> tuple[Row, ...]:
    """A row for each finding: by group, the largest change first, then by case."""
    constant = constant_axes(finding.case for finding in judgement.findings)
    ordered = sorted(judgement.findings, key=_order)
    return tuple(
        _row(judgement, finding, constant[finding.case.workload], index) for index, finding in enumerate(ordered, 1)
    )


def _row(judgement: Judgement, finding: Finding, constant: Axes, index: int) -> Row:
    case = finding.case
    axes = axes_of(case)
    varying = {name: value for name, value in axes.items() if name not in constant}
    full_name = f"{problem(case, varying)} · {setting(case, line(case.device))}"
    told = " ".join([case.device, case.precision, f"b{case.batch_size}", *(f"{name}={axes[name]}" for name in axes)])
    base, head = words.levels(finding)
    reasons = tuple(line(reason, limit=2000) for reason in finding.reasons if reason)
    return Row(
        anchor=f"finding-{index}",
        finding=finding,
        group=_group(finding),
        workload=line(case.workload),
        full_name=full_name,
        rest=name_of(told, limit=500),
        metric=Cell(words.title(finding.metric), note=words.meaning(finding.metric)),
        verdict=_verdict(finding),
        base=base,
        head=head,
        effect=words.effect(finding),
        interval=words.interval(finding),
        p=words.probability(finding, judgement.mode),
        margin=words.margin(finding),
        pairs=words.pairs(finding),
        smallest=words.smallest(finding),
        reasons=reasons if finding.gateable or reasons else (_NOT_GATED,),
        repeat=repeat(judgement, case, varying),
        pictures=pictures(finding, f"{full_name}, {line(finding.metric)}"),
    )


def _verdict(finding: Finding) -> Cell:
    meaning = words.MEANINGS[finding.verdict]
    if finding.gateable:
        return Cell(finding.verdict, note=meaning, tone=words.TONES[finding.verdict])
    return Cell(f"{finding.verdict}, not gated", note=f"{meaning}; this decides nothing")


def _group(finding: Finding) -> Group:
    return finding.verdict if finding.gateable else "not gated"


def _order(finding: Finding) -> tuple[object, ...]:
    # What has no size, because one side failed, is not smaller than what has one.
    size = float("inf") if finding.effect is None else abs(finding.effect)
    return GROUPS.index(_group(finding)), -size, case_order(finding.case), finding.metric
