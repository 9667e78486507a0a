"""A gate for a terminal of 100 columns: findings but what is counted and equal, then causes of what needs a look."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.gate import words
from reports.gate.face import Face
from reports.gate.rows import GROUPS, Group, Row
from reports.gate.table import findings_table
from reports.terminal import WIDTH, Part, heading, laid_out, sentences, table, text

_TOLD = 20  # findings told in sentences: what scrolls away is not read
_FINE: tuple[Group, ...] = ("improved", "unchanged")


def export(face: Face) -> bytes:
    """The gate as text."""
    return laid_out(_parts(face))


def _parts(face: Face) -> Iterator[Part]:
    counted = [row for row in face.of("unchanged") if words.counted(row.finding)]
    equal = [row for row in counted if row.finding.base == row.finding.head]
    listed = [row for row in face.rows if row not in equal]
    if listed:
        yield from table(findings_table("Findings", listed))
    if equal:
        yield from sentences([_equal(equal)])
    looked = [row for row in face.of(*GROUPS) if row.group not in _FINE]
    for group, rows in face.groups:
        shown = [row for row in rows if row in looked[:_TOLD]]
        if shown:
            yield heading(f"{group.capitalize()} ({len(rows)})")
            for row in shown:
                yield from sentences([f"{row.full_name}: {row.change}"])
                yield from sentences(_told(row), indent=4)
    if len(looked) > _TOLD:
        yield text(f"and {len(looked) - _TOLD} more, which the other formats tell")
    if face.notes:
        yield heading("Notes")
        yield from sentences(face.notes)
    yield heading(f"{face.title}: {face.headline}", face.tone)
    yield from sentences([face.subtitle, face.meaning])


def _equal(rows: Sequence[Row]) -> str:
    """What is counted and equal: most of a gate's findings, and nothing to look at one by one."""
    cases = len({row.case.id for row in rows})
    metrics = dict.fromkeys(words.within(row.finding.metric) for row in rows)
    return f"Counted and equal, {len(rows)} in {cases} case{'s' * (cases != 1)}: {', '.join(metrics)}."


def _told(row: Row) -> Iterator[str]:
    yield from (row.evidence, *row.reasons)
    if row.group == "regressed":
        yield from (line for line in (row.repeat.note, *row.repeat.lines(WIDTH - 4)) if line)
