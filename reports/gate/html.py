"""A gate as one HTML page that needs nothing but itself, in the look of the report: see `reports.html`."""

from __future__ import annotations

from reports.gate.effects_svg import effects_svg
from reports.gate.face import Face
from reports.gate.levels_svg import levels_svg
from reports.gate.pictures import Effects, Levels
from reports.gate.table import findings_table
from reports.html import page


def export(face: Face) -> bytes:
    """The page as UTF-8 text."""
    table = findings_table("Findings", face.rows)
    return page("gate.html", _draw, ("gate.css",), face=face, table=table)


def _draw(picture: Effects | Levels) -> str:
    return effects_svg(picture) if isinstance(picture, Effects) else levels_svg(picture)
