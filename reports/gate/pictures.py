"""What the pairs of a finding look like, as data: how much each changed, and where both of its processes lay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.judge.finding import Dot, Finding
from reports.gate.words import interval, level_scale, margin, pairs, percent, within
from reports.number import number
from reports.text import line

_SPOILED = "Crossed: contaminated and not used; with an arrow: beyond the axis."


@dataclass(frozen=True)
class Mark:
    """One pair of processes, or a single one: its change in percent, its levels in the display unit.

    ``stage`` numbers its marker among the picture's stages; ``told`` is everything of it in words.
    """

    stage: int
    spoiled: bool
    told: str
    effect: float | None = None
    base: float | None = None
    head: float | None = None


@dataclass(frozen=True)
class Effects:
    """The change of every pair in percent, in rows by stage, with the margin and the interval of all of them."""

    title: str
    subject: str
    description: str
    stages: tuple[str, ...]
    marks: tuple[Mark, ...]
    margin: float
    low: float | None = None
    centre: float | None = None
    high: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Levels:
    """Both processes of every pair in the order in which they were measured, on an axis that need not hold 0."""

    title: str
    subject: str
    description: str
    unit: str
    stages: tuple[str, ...]
    marks: tuple[Mark, ...]
    note: str = ""


def pictures(finding: Finding, subject: str) -> tuple[Effects | Levels, ...]:
    """The pictures of a finding: none where it has no dots."""
    stages = tuple(dict.fromkeys(line(dot.stage) for dot in finding.dots))
    marks = tuple(_mark(finding, dot, index, stages) for index, dot in enumerate(finding.dots, start=1))
    called = within(finding.metric)
    note = _SPOILED if any(mark.spoiled for mark in marks) else ""
    found: list[Effects | Levels] = []
    if any(mark.effect is not None for mark in marks):
        low, centre, high = map(_hundredths, (finding.low, finding.effect, finding.high))
        title = f"Change of {called} in each pair"
        told = _changes(finding, marks)
        found.append(Effects(title, subject, told, stages, marks, 100 * finding.margin, low, centre, high, note))
    if any(mark.base is not None or mark.head is not None for mark in marks):
        title = f"{called[:1].upper()}{called[1:]} of each process"
        unit = level_scale(finding).unit
        found.append(Levels(title, subject, _processes(marks, unit), unit, stages, marks, note))
    return tuple(found)


def _mark(finding: Finding, dot: Dot, index: int, stages: Sequence[str]) -> Mark:
    shown = level_scale(finding)
    base, head = (None if value is None else value / shown.size for value in (dot.base, dot.head))
    levels = [(base, "base"), (head, "head")]
    told = [f"{number(value)} {shown.unit} {arm}".replace("  ", " ") for value, arm in levels if value is not None]
    if dot.effect is not None:
        told.insert(0, f"{'+' if dot.effect > 0 else '-' if dot.effect < 0 else ''}{percent(dot.effect)}")
    if dot.status != "ok":
        told.append(line(dot.status))
    stage = line(dot.stage)
    effect = _hundredths(dot.effect)
    return Mark(stages.index(stage), dot.status != "ok", f"{index}, {stage}: {', '.join(told)}", effect, base, head)


def _changes(finding: Finding, marks: Sequence[Mark]) -> str:
    """The picture in words, for those who do not see it."""
    effects = [mark.effect for mark in marks if mark.effect is not None and not mark.spoiled]
    spread = f"from {min(effects):+.1f} % to {max(effects):+.1f} %" if effects else "none of them undisturbed"
    told = {"95 % interval": interval(finding), "Margin": margin(finding), "Pairs": pairs(finding)}
    facts = " ".join(f"{name}: {cell.note if cell.absent else cell.text}." for name, cell in told.items())
    return f"Change of head against base, pair by pair: {spread}. {facts}"


def _processes(marks: Sequence[Mark], unit: str) -> str:
    told = []
    for arm in ("base", "head"):
        values = [value for mark in marks if (value := getattr(mark, arm)) is not None and not mark.spoiled]
        told += [f"{arm} from {number(min(values))} to {number(max(values))} {unit}".strip()] if values else []
    return f"Level of every process: {'; '.join(told) or 'none of them undisturbed'}."


def _hundredths(share: float | None) -> float | None:
    return None if share is None else 100 * share
