"""One HTML page that needs nothing but itself: no network, and no script to be read.

The page's policy allows only the style sheet and the script that stand in it, by their hashes: text that got past the
escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.archive import archive
from reports.draw import draw
from reports.grid import NUMERIC, grid
from reports.groups import CaseGroup, case_groups
from reports.number import quantity
from reports.packed import LARGEST, Body, Packed, all_in_sight, details_packed, pictures_packed
from reports.report import Report
from reports.styles import TEMPLATES, style
from reports.traces import Traces, traces

# Makes an ``<svg>`` element, whose texts it has escaped, of a picture.
Draw = Callable[[Any], str]

_XZ = "data:application/x-xz;base64,"
_AROUND = 500  # bytes around samples and records
_SHEET, _SCRIPT = "timeline.css", "timeline.js"  # of timelines that a reader can look into


def export(report: Report) -> bytes:
    """The page as UTF-8 text."""
    groups = case_groups(report.cases)
    bodies = _bodies(groups)
    none = traces(report.cases, 0)
    for larger in (all_in_sight, pictures_packed):
        packed = larger(bodies)
        if packed.in_sight <= LARGEST:
            whole = _page(report, groups, packed, none, b"")
            if len(whole) <= LARGEST:
                return _with_samples(report, groups, packed, whole)
    packed = details_packed(bodies)
    return _with_samples(report, groups, packed, _page(report, groups, packed, none, b""))


def _with_samples(report: Report, groups: Sequence[CaseGroup], packed: Packed, whole: bytes) -> bytes:
    """The page with what fits of its samples: first those of its timelines, to look into, then its records."""
    room = LARGEST - len(whole) - _AROUND
    look = len(style(_SHEET)) + len(_script(_SCRIPT))
    found = traces(report.cases, room - look)
    room -= len(found.data) + look if found.data else 0
    records = archive(report.records, room * 3 // 4)  # base64 makes four bytes of three
    return _page(report, groups, packed, found, records) if found.data or records else whole


def _page(report: Report, groups: Sequence[CaseGroup], packed: Packed, closer: Traces, records: bytes) -> bytes:
    raw = {"size": quantity(len(records), "B"), "url": Markup(_XZ + base64.b64encode(records).decode())}
    shown: dict[str, Any] = {"report": report, "groups": groups, "packed": packed, "closer": closer}
    look = {"styles": [_SHEET], "scripts": [_SCRIPT]} if closer.data else {}
    return page("report.html", draw, **look, **shown, raw=raw if records else None)


def _bodies(groups: Sequence[CaseGroup]) -> dict[str, Body]:
    """What stands behind each case, by its anchor."""
    case: Any = _environment(draw).get_template("case.html").module
    bodies = {}
    for group in groups:
        for row in group.cases:
            tables = group.tables(row)
            bodies[row.anchor] = Body(case.first(tables), case.pictures(row), case.rest(tables))
    return bodies


def page(template: str, draw: Draw, styles: Sequence[str] = (), scripts: Sequence[str] = (), **parts: Any) -> bytes:
    """A page in our look: the template with its parts, our style sheets and scripts, and then those given."""
    look = style("theme.css", "report.css", "chart.css", *styles) + NUMERIC
    script = _script("report.js", *scripts)
    text = (
        _environment(draw)
        .get_template(template)
        .render(
            style=Markup(look),
            script=Markup(script),
            policy=f"default-src 'none'; style-src '{_hash(look)}'; script-src '{_hash(script)}'; img-src data:; "
            "base-uri 'none'; form-action 'none'",
            **parts,
        )
    )
    return text.encode()


def _script(*names: str) -> str:
    return "".join(TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in names)


@cache  # reading the templates takes as long as a small page
def _environment(draw: Draw) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"grid": grid, "svg": lambda picture: Markup(draw(picture))}
    return environment


def _hash(text: str) -> str:
    """What a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
