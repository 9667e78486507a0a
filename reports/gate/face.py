"""What all faces of a gate say: the outcome in one line, and every finding as a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.judge.finding import Judgement
from reports.cell import Cell, Column, Table, Tone
from reports.environments import flatten, side_by_side
from reports.gate.method import METHOD
from reports.gate.rows import GROUPS, Group, Row, rows
from reports.gate.words import MODES
from reports.number import quantity
from reports.text import line

_MEANINGS = {
    0: "Exit code 0: nothing regressed, and every case is proven to be unchanged or better.",
    1: "Exit code 1: something is proven to have regressed.",
    3: "Exit code 3: nothing is proven to have regressed, and not everything is proven to be unchanged or better.",
}
_TONES: dict[int, Tone] = {0: "good", 1: "bad", 3: "warn"}
_TOLD: tuple[Group, ...] = ("improved", "unchanged")


@dataclass(frozen=True)
class Face:
    """Finished sentences, rows and tables. ``headline`` is the outcome, ``meaning`` says what its exit code means."""

    judgement: Judgement
    title: str
    headline: str
    tone: Tone
    meaning: str
    subtitle: str
    rows: tuple[Row, ...]
    notes: tuple[str, ...]
    about: Table
    environment: Table
    method: tuple[tuple[str, str], ...] = METHOD

    def of(self, *groups: Group) -> tuple[Row, ...]:
        """The rows of some groups."""
        return tuple(row for row in self.rows if row.group in groups)

    @property
    def groups(self) -> tuple[tuple[Group, tuple[Row, ...]], ...]:
        """The groups that have rows, what most needs looking at first."""
        return tuple((group, found) for group in GROUPS if (found := self.of(group)))


def build(judgement: Judgement) -> Face:
    """What to say of a judgement."""
    found = rows(judgement)
    code = judgement.exit_code
    sides = [f"Base: {side(judgement.base)}", f"Head: {side(judgement.head)}"]
    return Face(
        judgement=judgement,
        title="Wattmark gate",
        headline=_headline(judgement, found),
        tone=_TONES[code],
        meaning=_MEANINGS[code],
        subtitle=_subtitle(judgement, found),
        rows=found,
        notes=tuple(line(note, limit=2000) for note in judgement.notes),
        about=_about(judgement),
        environment=side_by_side(sides, [_environment(judgement.base), _environment(judgement.head)]),
    )


def side(facts: Mapping[str, Any]) -> str:
    """What base or head is called: its name, and its revision where that says more."""
    name, revision = (line(facts[key]) if isinstance(facts.get(key), str) else "" for key in ("name", "revision"))
    if not name or not revision or revision.startswith(name):
        return name or revision or "not named"
    return f"{name} ({revision[:12]})"


def case_groups(found: Sequence[Row]) -> dict[str, Group]:
    """What each case comes to: its worst finding that counts."""
    worst: dict[str, Group] = {}
    for row in found:  # which are sorted: the worst comes first
        worst.setdefault(row.case.id, row.group)
    return worst


def _headline(judgement: Judgement, found: Sequence[Row]) -> str:
    count = Counter(case_groups(found).values())
    cases = f"{count.total()} case{'s' * (count.total() != 1)}"
    if judgement.mode == "aa":
        alarms = count["regressed"] + count["improved"]
        return f"{alarms or 'no'} false alarm{'s' * (alarms != 1)} in {cases}, base against itself"
    if judgement.exit_code == 1:
        return f"regressed: {count['regressed']} of {cases}"
    if judgement.exit_code == 0:
        rest = f", {count['not gated']} not gated" if count["not gated"] else ""
        return f"passed: {sum(count[group] for group in _TOLD)} of {cases} unchanged or improved{rest}"
    open_ = [f"{count[group]} {group}" for group in GROUPS if count[group] and group not in _TOLD]
    return f"cannot tell: {', '.join(open_)} of {cases}" if open_ else "cannot tell: nothing was compared"


def _subtitle(judgement: Judgement, found: Sequence[Row]) -> str:
    count = Counter(row.group for row in found)
    told = ", ".join(f"{count[group]} {group}" for group in GROUPS if count[group])
    many = f"{len(found)} finding{'s' * (len(found) != 1)}{told and f': {told}'}"
    return f"Head {side(judgement.head)} against base {side(judgement.base)}: {MODES[judgement.mode]}. {many}."


def _about(judgement: Judgement) -> Table:
    facts = {
        "id": judgement.id,
        "started": judgement.started,
        "command": judgement.command,
        "mode": judgement.mode,
        "base": {"name": judgement.base.get("name"), "revision": judgement.base.get("revision")},
        "head": {"name": judgement.head.get("name"), "revision": judgement.head.get("revision")},
        "wattmark": judgement.wattmark,
        "seed": judgement.seed,
        "took": None if judgement.seconds is None else quantity(judgement.seconds, "s"),
        "settings": judgement.settings,
    }
    rows = tuple((Cell(name), cell) for name, cell in flatten(facts))
    return Table("This gate", (Column("What"), Column("Value")), rows)


def _environment(facts: Mapping[str, Any]) -> Mapping[str, Any]:
    found = facts.get("environment")
    return found if isinstance(found, Mapping) else {}
