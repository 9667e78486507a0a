"""Markdown for pull requests: what changed, one compact table a workload, failures and caveats.

Text that could mean something to Markdown, or to the site that shows it (a link, a mention), is written as character
references inside ``<code>``: it looks the same and means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from reports.cell import Cell, Table
from reports.report import Report

_HARMLESS = re.compile(r"(?:[\w \u202f.,;:±%\xd7·°µ—…≠✕()=+/?'\"-](?<!_)|(?<=[A-Za-z0-9])_(?=[A-Za-z0-9]))*")
# What GitHub makes a link or a picture of, and what is a list, a rule or a heading where it begins a line.
_LINK = re.compile(r"(?i:://|www\.|gh-\d)|:(?:[a-z][a-z0-9_+-]*|100|1234|8ball|[+-]1):")
_BLOCK = re.compile(r"(?:[-+]|\d{1,9}[.)])(?: |$)|[-= ]+$")


def export(report: Report) -> bytes:
    """The document as UTF-8 text."""
    return ("\n".join(_lines(report)) + "\n").encode()


def _lines(report: Report) -> Iterator[str]:
    yield f"## {escape(report.title)}"
    yield from ("", escape(report.subtitle))
    if report.changes:
        yield from ("", f"**{escape(report.changes.verdict.text)}**")
        if report.changes.notable.rows:
            yield from ("", f"### {escape(report.changes.notable.title)}", "")
            yield from grid(report.changes.notable)
    for table in report.comparability:
        yield from ("", f"<details><summary>{escape(table.title)}</summary>", "")
        yield from (*grid(table), "", "</details>")
    for table in (report.summary, *report.results):
        yield from ("", f"### {escape(table.title)}", "")
        yield from grid(table.brief)
    if report.forces.rows:
        yield from ("", f"### {escape(report.forces.title)}", "")
        yield from grid(report.forces)
    for found in filter(None, (report.pipelines, report.profiles, report.over_runs)):
        yield from ("", f"### {escape(found.title)}", "")
        yield from grid(found)
    if report.failures:
        yield from ("", "### Failures", "", "| Cases | Status | Reason | Next step |", "|---|---|---|---|")
        yield from (_row([one.names, one.status.text, one.reason, one.next_step]) for one in report.failures)
    if report.caveats:
        yield from ("", "### Caveats", "", "| Case | Caveat |", "|---|---|")
        yield from (_row([row.full_name, "; ".join(row.caveats)]) for row in report.caveats)


def grid(table: Table) -> Iterator[str]:
    """The lines of a table with its remarks and footnotes."""
    yield _row(f"{column.title}, {column.unit}" if column.unit else column.title for column in table.columns)
    yield "|" + "|".join("--:" if column.numeric else "---" for column in table.columns) + "|"
    for row in table.rows:
        yield "| " + " | ".join(map(_cell, row, (bool(column.unit) for column in table.columns))) + " |"
    if table.remarks or table.notes:
        yield ""
        yield from (f"{escape(remark)}  " for remark in table.remarks)
        yield from (f"<sup>{mark}</sup> {escape(note)}  " for mark, note in enumerate(table.notes, start=1))


def _cell(cell: Cell, titled: bool) -> str:
    mark = f"<sup>{cell.mark}</sup>" if cell.mark else ""
    under = f"<br>{escape(cell.under)}" if cell.under else ""
    return escape(cell.text if titled else cell.full) + mark + under


def _row(texts: Iterable[str]) -> str:
    return "| " + " | ".join(map(escape, texts)) + " |"


def escape(text: str) -> str:
    """The text as Markdown that shows it.

    >>> escape("a|b"), escape("12.3 ms")
    ('<code>a&#124;b</code>', '12.3 ms')
    """
    if _HARMLESS.fullmatch(text) and not _LINK.search(text) and not _BLOCK.match(text):
        return text
    return "<code>" + "".join(map(_reference, text)) + "</code>"


def _reference(character: str) -> str:
    """The character as one that means nothing. GitHub looks for mail addresses in what it has read, references too:
    none goes across a comment."""
    if character.isalnum() or character == " ":
        return character
    return f"&#{ord(character)};" + ("<!-- -->" if character == "@" else "")
