"""A table as HTML. It is laid out here and not in a template, which takes five times as long: the page of many cases
has a million cells.

End tags that HTML lets one leave out are left out, and so a page is half as large.
"""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup, escape

from reports.align import paddings
from reports.cell import Cell, Column, Table

# Columns of numbers stand to the right. A page holds ten cells for each that a reader looks at, so that this is said
# once for a table, by the numbers of its columns, and not in every cell.
NUMERIC = ",".join(f".n{at} tr>:nth-child({at})" for at in range(1, 65)) + "{text-align:right;white-space:nowrap}"


def grid(table: Table, classes: str = "", hints: bool = True, bare: bool = False) -> Markup:
    """The table with its footnotes and remarks.

    Without ``hints`` what stands elsewhere on the page in full is left out. What is around a ``bare`` one can be
    scrolled already.
    """
    return Markup("".join([*_table(table, classes, hints, bare), *_below(table)]))


def _table(table: Table, classes: str, hints: bool, bare: bool) -> Iterator[str]:
    if not table.rows:
        return
    if not bare:
        yield f'<div class="scroll" role="region" aria-label="{escape(table.title)}" tabindex="0">\n'
    numeric = "".join(f" n{at}" for at, column in enumerate(table.columns, start=1) if column.numeric)
    yield f'<table class="{classes}{numeric}">\n<caption>{escape(table.title)}</caption>\n<thead><tr>'
    yield from (_head(column, hints) for column in table.columns)
    yield "<tbody>\n"
    yield from _rows(table, hints)
    yield "</table>\n"
    if not bare:
        yield "</div>\n"


def _head(column: Column, hints: bool) -> str:
    metric = f' data-metric="{escape(column.metric)}"' if column.metric else ""
    meaning = f' title="{escape(column.meaning)}"' if column.meaning and hints else ""
    unit = f'<span class="unit">{escape(column.unit)}</span>' if column.unit else ""
    return f"<th{metric}{meaning}>{escape(column.title)}{unit}"


def _rows(table: Table, hints: bool) -> Iterator[str]:
    titled = [bool(column.unit) for column in table.columns]
    before = None
    for at, (cells, pads) in enumerate(zip(table.rows, paddings(table), strict=True)):
        group = table.groups[at] if table.groups else None
        yield "<tr>" if at == 0 or group == before else "<tr class=first>"
        before = group
        if table.anchors:
            anchors = [table.anchors[at] if column.title == "Status" else "" for column in table.columns]
            yield from (_cell(*one, hints) for one in zip(cells, titled, pads, anchors, strict=True))
        else:
            yield from (_cell(*one, None, hints) for one in zip(cells, titled, pads, strict=True))
        yield "\n"


def _cell(cell: Cell, titled: bool, pad: str, anchor: str | None, hints: bool) -> str:
    """A cell; ``anchor`` is none in a table that is not sorted, and where it is not empty the case that it leads to."""
    text, _, raw, _, under, note, tone, mark, _ = cell
    words = escape(text if titled else cell.full)
    kind = "" if tone == "plain" else f" class={tone}"
    hint = f' title="{escape(note)}"' if note and hints else ""
    sort = f" data-sort={raw:.9g}" if anchor is not None and isinstance(raw, (int, float)) else ""
    link = f'<a class="chip {tone}" href="#{escape(anchor)}">{words}</a>' if anchor else words
    room = f'<span data-pad="{pad}"></span>' if pad else ""
    footnote = f"<sup>{mark}</sup>" if mark else ""
    below = f"<small>{escape(under)}</small>" if under else ""
    return f"<td{kind}{hint}{sort}>{link}{room}{footnote}{below}"


def _below(table: Table) -> Iterator[str]:
    if table.notes:
        yield f'<ol class="notes">{"".join(f"<li>{escape(note)}</li>" for note in table.notes)}</ol>\n'
    yield from (f'<p class="remark">{escape(remark)}</p>\n' for remark in table.remarks)
