"""The cases that were not measured, gathered by what ended them: what happened once is told once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from reports.cases import CaseRow
from reports.cell import Cell
from reports.next_step import next_step

_NUMBER = re.compile(r"\d+(\.\d+)?")


@dataclass(frozen=True)
class Failure:
    """Cases that ended alike, for reasons that differ in their numbers at most: ``reason`` is the first one's.

    ``sizes`` are the cases of each setting, which is all of a case but its batch size.
    """

    status: Cell
    reason: str
    next_step: str
    sizes: tuple[tuple[str, tuple[CaseRow, ...]], ...]

    @property
    def rows(self) -> tuple[CaseRow, ...]:
        """All its cases."""
        return tuple(row for _, rows in self.sizes for row in rows)

    @property
    def names(self) -> str:
        """Its cases in words: ``bert:Classify · cpu · bf16 · batch 1, 2, 4``."""
        return "; ".join(f"{name} {', '.join(str(row.batch_size) for row in rows)}" for name, rows in self.sizes)


def failures(rows: Iterable[CaseRow]) -> tuple[Failure, ...]:
    """What ended the cases that are not ok, in the order of the first case of each."""
    found: dict[tuple[str, str], list[CaseRow]] = {}
    for row in rows:
        if not row.ok:
            found.setdefault((row.status.text, _NUMBER.sub("#", row.status.note)), []).append(row)
    return tuple(map(_failure, found.values()))


def _failure(rows: list[CaseRow]) -> Failure:
    first, sizes = rows[0], dict[str, list[CaseRow]]()
    for row in rows:
        sizes.setdefault(f"{row.problem} · {row.series} · batch", []).append(row)
    reason = first.status.note
    if any(row.status.note != reason for row in rows):
        reason += " (the first of them; the others with other numbers)"
    advice = next_step(first.status.text, first.status.note)
    return Failure(first.status, reason, advice, tuple((name, tuple(found)) for name, found in sizes.items()))
