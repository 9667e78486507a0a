"""Markdown for a pull request or a job's summary: the regressed first, each with its cause and how to repeat it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports.gate.face import Face
from reports.gate.rows import Group, Row
from reports.gate.table import findings_table
from reports.md import escape, grid

_ROWS = (50, 20, 5, 0)  # most findings shown: fewer where their texts are long
_NOTES = 10
_SIZE = 300_000  # bytes; GitHub refuses a summary above 1 MiB, which all steps of a job share


def export(face: Face) -> bytes:
    """The document as UTF-8 text."""
    for most in _ROWS:
        document = "".join(f"{line}\n" for line in _lines(face, most)).encode()
        if len(document) < _SIZE:
            break
    return document


def _lines(face: Face, most: int) -> Iterator[str]:
    yield f"## {escape(face.title)}: {escape(face.headline)}"
    yield from ("", escape(face.subtitle), "", escape(face.meaning))
    for note in face.notes[:_NOTES]:
        yield from ("", escape(note))
    shown = face.rows[:most]
    for group, _ in face.groups:
        rows = [row for row in shown if row.group == group]
        if rows:
            yield from ("", *(_regressed(rows) if group == "regressed" else _table(group, rows)))
    if len(face.rows) > most:
        yield from ("", f"and {len(face.rows) - most} more findings, in gate.json")


def _regressed(rows: Sequence[Row]) -> Iterator[str]:
    """Each with its numbers, its causes and the command that repeats its case."""
    yield f"### Regressed ({len(rows)})"
    for row in rows:
        yield from ("", f"**{escape(row.full_name)}**: {escape(row.change)}  ", f"{escape(row.evidence)}")
        if row.reasons:
            yield from ("", *(f"- {escape(reason)}" for reason in row.reasons))
        yield from ("", *_command(row))


def _command(row: Row) -> Iterator[str]:
    if row.repeat.note:
        yield from (escape(row.repeat.note), "")
    if row.repeat.command:
        # One line that begins with a letter or a quotation mark, so nothing in it ends the block.
        yield from ("```shell", row.repeat.command, "```")


def _table(group: Group, rows: Sequence[Row]) -> Iterator[str]:
    """A table, folded away where there is nothing to look at."""
    title = f"{group.capitalize()} ({len(rows)})"
    lines = grid(findings_table(title, rows, why=True, status=group == "not gated"))
    if group == "unchanged":
        yield from (f"<details><summary>{title}</summary>", "", *lines, "", "</details>")
    else:
        yield from (f"### {title}", "", *lines)
