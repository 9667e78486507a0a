"""One HTML page that needs nothing but itself: no network, and no script to be read.

The page's policy allows only the style sheet and the script that stand in it, by their hashes: text that got past the
escaping still could not run.
"""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import replace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.align import paddings
from reports.cell import Cell, Table
from reports.details import WHAT_RAN
from reports.draw import draw
from reports.report import Report
from reports.styles import TEMPLATES, style

# Makes an ``<svg>`` element, whose texts it has escaped, of a picture and a name for its ids.
Draw = Callable[[Any, str], str]


def export(report: Report) -> bytes:
    """The page as UTF-8 text."""
    common, details = _apart(report)
    return page("report.html", draw, report=report, common=common, details=details, shared=_shared(report))


def _shared(report: Report) -> dict[str, int]:
    """What is remarked of several cases, numbered: said once, it need not be said of each."""
    times = Counter(remark for row in report.cases for table in row.details for remark in table.remarks)
    return {remark: number for number, remark in enumerate((one for one in times if times[one] > 1), start=1)}


def _apart(report: Report) -> tuple[Table, list[tuple[Table, ...]]]:
    """What ran in every case as one table, and the tables of each case without it."""
    rows = [{row for table in case.details if table.title == WHAT_RAN for row in table.rows} for case in report.cases]
    alike = set.intersection(*rows) if len(rows) > 1 else set()
    first = [row for table in report.cases[0].details if table.title == WHAT_RAN for row in table.rows]
    columns = next((table.columns for table in report.cases[0].details if table.title == WHAT_RAN), ())
    common = Table("What ran in every case", columns, tuple(row for row in first if row in alike))
    return common, [tuple(_without(table, alike) for table in case.details) for case in report.cases]


def _without(table: Table, alike: Set[tuple[Cell, ...]]) -> Table:
    return (
        replace(table, rows=tuple(row for row in table.rows if row not in alike)) if table.title == WHAT_RAN else table
    )


def page(template: str, draw: Callable[[Any, str], str], styles: Sequence[str] = (), **parts: Any) -> bytes:
    """A page in our look: the template with its parts, our style sheets and then those given, and the script."""
    look = style("theme.css", "report.css", "chart.css", *styles)
    script = TEMPLATES.joinpath("report.js").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= {"paddings": paddings, "svg": lambda picture, name: Markup(draw(picture, name))}
    text = environment.get_template(template).render(
        style=Markup(look),
        script=Markup(script),
        policy=f"default-src 'none'; style-src '{_hash(look)}'; script-src '{_hash(script)}'; img-src data:; "
        "base-uri 'none'; form-action 'none'",
        **parts,
    )
    return text.encode()


def _hash(text: str) -> str:
    """What a content security policy calls an inline text by."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
