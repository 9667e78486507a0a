"""The report for a terminal of 100 columns: what is best for what, a table a workload, then what failed and what to
beware of."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator, Sequence

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from reports.align import paddings
from reports.cell import Cell, Column, Table, Tone
from reports.report import Report

_CAVEATS = 10  # cases whose caveats are told: what scrolls away is not read

WIDTH = 100  # columns, where stdout is no terminal

Part = RenderableType

_STYLES: dict[Tone, str] = {"plain": "", "good": "green", "warn": "yellow", "bad": "red", "absent": "dim"}


def export(report: Report) -> bytes:
    """The report as text."""
    return laid_out(_parts(report))


def laid_out(parts: Iterable[Part]) -> bytes:
    """Parts as text: coloured and as wide as the terminal where stdout is one, else plain and 100 columns wide."""
    page = io.StringIO()
    console = Console(file=page, width=WIDTH)
    if sys.stdout.isatty():
        console = Console(file=page, force_terminal=True, width=max(80, Console().width))
    for part in parts:
        # Texts are data: no markup, no emoji codes, no highlighting.
        console.print(part, markup=False, highlight=False, emoji=False)
    return "".join(f"{line.rstrip()}\n" for line in page.getvalue().splitlines()).encode()


def text(words: str, tone: Tone = "plain") -> Part:
    """A paragraph."""
    return Text(words, style=_STYLES[tone])


def heading(words: str, tone: Tone = "plain") -> Part:
    """A heading with an empty line above it."""
    return Text(f"\n{words}", style=f"bold {_STYLES[tone]}".strip())


def sentences(found: Iterable[str], indent: int = 2) -> Iterator[Part]:
    """Sentences below something, each on its own line."""
    return (Padding(Text(sentence), (0, 0, 0, indent)) for sentence in found)


def table(full: Table) -> Iterator[Part]:
    """A table without its minor columns, under its title and above its footnotes."""
    shown = full.brief
    yield heading(shown.title)
    yield _grid(shown)
    notes = (f"{_superscript(mark)} {note}" for mark, note in enumerate(shown.notes, start=1))
    yield from sentences([*shown.remarks, *notes])


def _parts(report: Report) -> Iterator[Part]:
    yield text(report.subtitle)
    if report.changes:
        yield heading(report.changes.verdict.text, report.changes.verdict.tone)
        if report.changes.notable.rows:
            yield from table(report.changes.notable)
    for differing in report.comparability:
        yield heading(differing.title)
        yield from sentences(differing.remarks)
        yield from sentences((_differs(row) for row in differing.rows if row[0].tone == "bad"), indent=4)
    for full in (report.summary, *report.results):
        yield from table(full)
    if report.forces.rows:
        yield from table(report.forces)
    for found in filter(None, (report.pipelines, report.profiles, report.over_runs)):
        yield from table(found)
    if report.failures:
        yield heading("Failures")
        for one in report.failures:
            yield from sentences([f"{one.names}: {one.status.text}: {one.reason}"])
            yield from sentences([one.next_step], indent=4)
    if report.caveats:
        yield heading(f"Caveats ({len(report.caveats)} of {len(report.cases)} cases)")
        yield from sentences(f"{row.full_name}: {'; '.join(row.caveats)}" for row in report.caveats[:_CAVEATS])
        if len(report.caveats) > _CAVEATS:
            yield from sentences([f"and {len(report.caveats) - _CAVEATS} more, which the other formats tell"])


def _differs(row: Sequence[Cell]) -> str:
    """A fact that keeps records from being compared, with what it is in each environment."""
    return f"{row[0].text}: {' | '.join(cell.text for cell in row[1:])}"


def _grid(table: Table) -> RichTable:
    laid = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=0, header_style="dim")
    heads = [_heading(column) for column in table.columns]
    tallest = max(map(len, heads))
    for column, lines in zip(table.columns, heads, strict=True):
        title = Text("\n".join([""] * (tallest - len(lines)) + lines), no_wrap=True)
        laid.add_column(title, justify="right" if column.numeric else "left")
    for row, pads in zip(table.rows, paddings(table), strict=True):
        laid.add_row(*map(_cell, row, table.columns, pads))
    return laid


def _heading(column: Column) -> list[str]:
    """Title and unit, broken where a word ends, so that a column is as narrow as its numbers allow."""
    lines = column.title.replace("_", "_ ").split(" ")
    if column.unit:
        lines += column.unit.replace("/", "/ ", len(column.unit) > 10).split(" ")
    return lines


def _cell(cell: Cell, column: Column, pad: str) -> Text:
    text = (cell.text if column.unit else cell.full) + " " * len(pad)
    shown = Text(text + (_superscript(cell.mark) if cell.mark else ""), style=_STYLES[cell.tone], overflow="fold")
    return shown.append(f"\n{cell.under}", style="dim") if cell.under else shown


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
