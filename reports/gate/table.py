"""Findings as a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from reports.cell import Cell, Column, Table, absent
from reports.gate.rows import Row

_NUMBERS: tuple[tuple[Column, Callable[[Row], Cell]], ...] = (
    (Column("Base", "", True, "The level of the base.", minor=True), lambda row: row.base),
    (Column("Head", "", True, "The level of the head.", minor=True), lambda row: row.head),
    (Column("Effect", "", True, "Head against base."), lambda row: row.effect),
    (Column("Interval", "", True, "95 %, of the effect."), lambda row: row.interval),
    (Column("p", "", True, "One-sided, adjusted for the number of cases.", minor=True), lambda row: row.p),
    (Column("Margin", "", True, "Within it, a metric counts as unchanged.", minor=True), lambda row: row.margin),
    (Column("Pairs", "", True, "Pairs of processes that were used.", minor=True), lambda row: row.pairs),
    (
        Column("Could see", "", True, "The smallest effect that would have been found.", minor=True),
        lambda row: row.smallest,
    ),
)


def findings_table(title: str, rows: Sequence[Row], why: bool = False, status: bool = True) -> Table:
    """Rows as a table, without columns in which there is nothing; with their reasons in the last one if wanted.

    A number that is absent has a footnote that says why, unless its row has reasons that do.
    """
    notes: dict[str, int] = {}
    empty: dict[str, list[str]] = {}
    columns = [*([Column("Status")] if status else []), Column("Case"), Column("Metric")]
    cells = [[*([row.verdict] if status else []), Cell(row.full_name), row.metric] for row in rows]
    for column, of in _NUMBERS:
        found = [of(row) for row in rows]
        if found and all(cell.absent for cell in found):
            for note in dict.fromkeys(cell.note for cell, row in zip(found, rows, strict=True) if not row.explained):
                empty.setdefault(note, []).append(column.title)
            continue
        columns.append(column)
        for line, cell, row in zip(cells, found, rows, strict=True):
            noted = cell.absent and not row.explained
            line.append(cell._replace(mark=notes.setdefault(cell.note, len(notes) + 1)) if noted else cell)
    if why and any(row.reasons for row in rows):
        columns.append(Column("Why"))
        for line, row in zip(cells, rows, strict=True):
            line.append(Cell(" ".join(row.reasons)) if row.reasons else absent("the numbers say it"))
    remarks = tuple(f"No {', '.join(titles)}: {note}." for note, titles in empty.items())
    anchors = tuple(row.anchor for row in rows) if status else ()
    return Table(title, tuple(columns), tuple(map(tuple, cells)), remarks, tuple(notes), anchors)
