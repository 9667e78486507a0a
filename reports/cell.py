"""What a report is made of: cells whose text is finished, in tables. An exporter lays them out and words nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

from bench.case import Scalar
from bench.metric import METRICS
from bench.rates import Value
from reports.number import Scale, count, interval, number, spread
from reports.origin import origin
from reports.text import line

Tone = Literal["plain", "good", "warn", "bad", "absent"]

# Out of memory and unsupported are answers; the others are failures.
STATUS_TONES: dict[str, Tone] = {
    "ok": "good", "oom": "warn", "unsupported": "warn", "interrupted": "warn",
    "timeout": "bad", "crashed": "bad", "failed": "bad",
}  # fmt: skip

ABSENT = "—"


class Cell(NamedTuple):
    """Finished text with its display unit, and the raw value behind it in the SI unit.

    ``size`` is what one display unit is in the SI unit, so the number that the text says is ``raw / size``;
    ``spread`` is the interval in percent and ``interval`` its ends; ``under`` is a second, quieter line; ``note`` is
    the sentence behind the text (a title in HTML), where a value is absent the reason; ``mark`` numbers the footnote
    that repeats the reason.
    """

    text: str
    unit: str = ""
    raw: Scalar = None
    spread: str = ""
    under: str = ""
    note: str = ""
    tone: Tone = "plain"
    mark: int | None = None
    size: float = 1.0
    interval: str = ""

    @property
    def absent(self) -> bool:
        """Whether there is no value here."""
        return self.tone == "absent"

    @property
    def full(self) -> str:
        """The text with its unit, for places without a column that says it."""
        return f"{self.text} {self.unit}".strip() if self.unit else self.text


@dataclass(frozen=True)
class Column:
    """A column of a table: its title, the unit that all its cells share, what it means, and the ``metric`` whose values
    it holds; a ``minor`` one is left out where there is little room."""

    title: str
    unit: str = ""
    numeric: bool = False
    meaning: str = ""
    minor: bool = False
    metric: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of cells under columns. ``notes`` are the footnotes that the cells' marks count from 1; ``remarks`` are
    sentences about the whole table; ``anchors`` name the case that each row links to, from its column ``Status``;
    neighbours with the same entry in ``groups`` belong together."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    remarks: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def brief(self) -> Table:
        """The table without its minor columns, and without the footnotes that only they need."""
        return self._only([index for index, column in enumerate(self.columns) if not column.minor])

    @property
    def filled(self) -> Table:
        """The table without columns in which no row says anything."""
        places = range(len(self.columns))
        return self._only([index for index in places if any(row[index].text for row in self.rows)])

    def without(self, place: int) -> Table:
        """The table without the column at a place."""
        return self._only([index for index in range(len(self.columns)) if index != place])

    def _only(self, kept: Sequence[int]) -> Table:
        if len(kept) == len(self.columns):
            return self
        rows = [[row[index] for index in kept] for row in self.rows]
        marks = sorted({cell.mark for row in rows for cell in row if cell.mark})
        places = {mark: place for place, mark in enumerate(marks, start=1)}
        return replace(
            self,
            columns=tuple(self.columns[index] for index in kept),
            rows=tuple(tuple(_renumbered(row, places) if marks else row) for row in rows),
            notes=tuple(self.notes[mark - 1] for mark in marks),
        )


def plain(value: object, otherwise: str = "not recorded") -> Cell:
    """A cell for a word, a name or a plain number that came with a record, or the reason for its absence."""
    if value is None or value == "":
        return absent(otherwise)
    if isinstance(value, str):
        return _word(line(value))
    return Cell(line(value), raw=value if isinstance(value, (int, float)) else line(value))


@lru_cache(maxsize=10_000)  # a report says the same words and reasons of many cases
def _word(text: str) -> Cell:
    return Cell(text, raw=text)


@lru_cache(maxsize=10_000)
def absent(reason: str) -> Cell:
    """A cell without a value, and why."""
    return Cell(ABSENT, note=line(reason), tone="absent")


def measured(value: Value, scale: Scale) -> Cell:
    """A metric's cell in a display unit; the same number has the same cell wherever it is shown."""
    if value.value is None:
        return absent(value.reason or "not measured")
    shown = value.value / scale.size
    low, high = (bound if bound is None else bound / scale.size for bound in (value.low, value.high))
    counted = METRICS[value.metric].kind == "count"
    ends = "" if counted else interval(low, high)
    return Cell(
        count(shown) if counted else number(shown, low, high),
        scale.unit,
        value.value,
        "" if counted else spread(shown, low, high),
        note=_behind(value, f"{ends} {scale.unit}".rstrip() if ends else ""),
        size=scale.size,
        interval=ends,
    )


def _behind(value: Value, ends: str) -> str:
    """How well a value repeats, how many replicates it is from, and by which method."""
    many = f"{value.replicates} replicate" + "s" * (value.replicates != 1)
    repeats = f"95 % interval {ends}, {many}" if ends else f"{many}, no interval"
    method = origin(value)
    return f"{repeats}; source: {method}" if method else repeats


def _renumbered(row: list[Cell], places: dict[int, int]) -> list[Cell]:
    return [cell._replace(mark=places[cell.mark]) if cell.mark else cell for cell in row]
