"""One HTML page that needs nothing but itself: no network, and no script to be read.

The page's policy allows only the style sheet and the script that stand in it, by their hashes: text that got past the
escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.align import paddings
from reports.chart import Chart
from reports.report import Report
from reports.svg import svg
from reports.timeline import Timeline
from reports.timeline_svg import timeline_svg

_TEMPLATES = Path(__file__).parent / "templates"

# Makes an ``<svg>`` element, whose texts it has escaped, of a picture and a name for its ids.
Draw = Callable[[Any, str], str]


def export(report: Report) -> bytes:
    """The page as UTF-8 text."""
    return page("report.html", _draw, report=report)


def page(
    template: str, draw: Callable[[Any, str], str], styles: Sequence[str] = ("report.css",), **parts: Any
) -> bytes:
    """A page in our look: the template with its parts, the style sheets one after another, and the script."""
    style = "".join(_TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in styles)
    script = _TEMPLATES.joinpath("report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"paddings": paddings, "svg": lambda picture, name: Markup(draw(picture, name))}
    text = environment.get_template(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        **parts,
    )
    return text.encode()


def _draw(picture: Chart | Timeline, name: str) -> str:
    return timeline_svg(picture, name) if isinstance(picture, Timeline) else svg(picture, name)


def _hash(text: str) -> str:
    """What a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
