"""One HTML page that needs nothing but itself: no network, and no script to be read.

The page's policy allows only the style sheet and the script that stand in it, by their hashes: text that got past the
escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.align import paddings
from reports.chart import Chart
from reports.report import Report
from reports.svg import svg
from reports.timeline import Timeline
from reports.timeline_svg import timeline_svg

_TEMPLATES = Path(__file__).parent / "templates"


def export(report: Report) -> bytes:
    """The page as UTF-8 text."""
    style, script = (_TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in ("report.css", "report.js"))
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("report.html").render(
        report=report,
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        svg=_picture,
        paddings=paddings,
    )
    return page.encode()


def _picture(picture: Chart | Timeline, name: str) -> Markup:
    """The drawing, whose texts are escaped."""
    return Markup(timeline_svg(picture, name) if isinstance(picture, Timeline) else svg(picture, name))


def _hash(text: str) -> str:
    """What a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
