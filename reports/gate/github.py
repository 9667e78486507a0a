"""Annotations of GitHub Actions: lines on stdout that its log shows above everything else."""

from __future__ import annotations

from reports.gate.face import Face
from reports.gate.rows import Group, Row

_MOST = 10  # GitHub shows no more of a step
_LEVELS: dict[Group, str] = {
    "regressed": "error", "incomparable": "warning", "suspect": "warning", "inconclusive": "warning",
}  # fmt: skip


def annotation_lines(face: Face) -> list[str]:
    """Lines for what is not told or told to be worse, what most needs looking at first: at most 10."""
    found = [row for row in face.rows if row.group in _LEVELS]
    kept = found if len(found) <= _MOST else found[: _MOST - 1]
    lines = [_line(row) for row in kept]
    if len(found) > len(kept):
        more = f"and {len(found) - len(kept)} more findings, which the report has"
        lines.append(f"::warning title=wattmark gate::{_escaped(more)}")
    return lines


def _line(row: Row) -> str:
    again = f"\nRepeat: {row.repeat.command}" if row.repeat.command else ""
    properties = _escaped(f"{row.group}: {row.full_name}").replace(":", "%3A").replace(",", "%2C")
    return f"::{_LEVELS[row.group]} title={properties}::{_escaped(row.message + again)}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
