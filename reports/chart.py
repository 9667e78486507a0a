"""Charts as data: points of finished cells. `reports.chart_svg` draws them."""

from __future__ import annotations

from dataclasses import dataclass

from bench.rates import Value
from reports.cell import Cell


@dataclass(frozen=True)
class Point:
    """One cell over its place on the x axis, with its number and interval in the chart's unit."""

    x: float
    y: float
    cell: Cell
    low: float | None = None
    high: float | None = None


def point(x: float, value: Value, cell: Cell) -> Point:
    """A metric that has a value at its place on the x axis, in the unit that its cell is shown in."""
    assert value.value is not None
    low, high = (bound if bound is None else bound / cell.size for bound in (value.low, value.high))
    return Point(x, value.value / cell.size, cell, low, high)


@dataclass(frozen=True)
class Limit:
    """The largest x that fits, and the smallest one that was found too large."""

    fits: float
    too_large: float


@dataclass(frozen=True)
class Series:
    """The points of one device and precision. ``style`` numbers its colour, dash and marker: the same in all charts."""

    label: str
    style: int
    points: tuple[Point, ...]
    limit: Limit | None = None


@dataclass(frozen=True)
class Chart:
    """A line for each series over ``x_title``, or, where there is but one place on the x axis, a bar for each.

    ``subject`` is the problem whose cases it shows, ``note`` a sentence on where its numbers come from. A chart without
    points says in ``missing`` why.
    """

    title: str
    subject: str
    description: str
    unit: str = ""
    x_title: str = ""
    series: tuple[Series, ...] = ()
    missing: str = ""
    note: str = ""

    @property
    def bars(self) -> bool:
        """Whether there is too little on the x axis to draw lines."""
        return len({point.x for series in self.series for point in series.points}) < 2
