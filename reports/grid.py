"""A table as HTML. It is laid out here and not in a template, which takes five times as long: the page of many cases
has a million cells.

End tags that HTML lets one leave out are left out, and so a page is half as large.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import repeat

from markupsafe import Markup, escape

from reports.align import paddings
from reports.cell import Cell, Column, Table

# Columns of numbers stand to the right. A page holds ten cells for each that a reader looks at, so that this is said
# once for a table, by the numbers of its columns, and not in every cell.
NUMERIC = ",".join(f".n{at} tr>:nth-child({at})" for at in range(1, 65)) + "{text-align:right;white-space:nowrap}"

_SPECIAL = re.compile("[&<>'\"]")


def grid(table: Table, classes: str = "", hints: bool = True, bare: bool = False) -> Markup:
    """The table with its footnotes and remarks.

    Without ``hints`` what stands elsewhere on the page in full is left out, but for why a case ended as it did. What is
    around a ``bare`` one can be scrolled already.
    """
    return Markup("".join([*_table(table, classes, hints, bare), *_below(table)]))


def _table(table: Table, classes: str, hints: bool, bare: bool) -> Iterator[str]:
    if not table.rows:
        return
    if not bare:
        yield f'<div class="scroll" role="region" aria-label="{_safe(table.title)}" tabindex="0">\n'
    numeric = "".join(f" n{at}" for at, column in enumerate(table.columns, start=1) if column.numeric)
    yield f'<table class="{classes}{numeric}">\n<caption>{_safe(table.title)}</caption>\n<thead><tr>'
    yield from (_head(column, hints) for column in table.columns)
    yield "<tbody>\n"
    yield from _rows(table, hints)
    yield "</table>\n"
    if not bare:
        yield "</div>\n"


def _head(column: Column, hints: bool) -> str:
    metric = f' data-metric="{_safe(column.metric)}"' if column.metric else ""
    meaning = f' title="{_safe(column.meaning)}"' if column.meaning and hints else ""
    unit = f'<span class="unit">{_safe(column.unit)}</span>' if column.unit else ""
    return f"<th{metric}{meaning}>{_safe(column.title)}{unit}"


def _rows(table: Table, hints: bool) -> Iterator[str]:
    titled = [bool(column.unit) for column in table.columns]
    linked = [column.title == "Status" for column in table.columns]
    anchors: Iterable[str | None] = repeat(None)
    for at, (cells, pads) in enumerate(zip(table.rows, paddings(table), strict=True)):
        first = at and table.groups and table.groups[at] != table.groups[at - 1]
        if table.anchors:
            anchors = [table.anchors[at] if link else "" for link in linked]
        row = "".join(map(_cell, cells, titled, pads, anchors, repeat(hints)))
        yield f"<tr{' class=first' if first else ''}>{row}\n"


def _cell(cell: Cell, titled: bool, pad: str, anchor: str | None, hints: bool) -> str:
    """A cell; ``anchor`` is none in a table that is not sorted, and where it is not empty the case that it leads to."""
    words = _safe(cell.text if titled else cell.full)
    tone = "" if cell.tone == "plain" else f" class={cell.tone}"
    hint = f' title="{_safe(cell.note)}"' if cell.note and (hints or anchor) else ""
    sort = f" data-sort={cell.raw:.9g}" if anchor is not None and isinstance(cell.raw, (int, float)) else ""
    link = f'<a class="chip {cell.tone}" href="#{_safe(anchor)}">{words}</a>' if anchor else words
    room = f'<span data-pad="{pad}"></span>' if pad else ""
    mark = f"<sup>{cell.mark}</sup>" if cell.mark else ""
    under = f"<small>{_safe(cell.under)}</small>" if cell.under else ""
    return f"<td{tone}{hint}{sort}>{link}{room}{mark}{under}"


def _below(table: Table) -> Iterator[str]:
    if table.notes:
        yield f'<ol class="notes">{"".join(f"<li>{_safe(note)}</li>" for note in table.notes)}</ol>\n'
    yield from (f'<p class="remark">{_safe(remark)}</p>\n' for remark in table.remarks)


def _safe(text: str) -> str:
    """The text with what means something to HTML escaped; most texts have nothing of the kind."""
    return escape(text) if _SPECIAL.search(text) else text
