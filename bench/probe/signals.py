"""What a recording says of the sensors: how often they have something new, and how far they look back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from bench.probe.load import Played
from bench.probe.recording import SAME, Sensed
from bench.sampler.ticks import SEEN, Tick, Ticking

Point = tuple[float, float]  # (s, W)

# A stamp that is new at more than this share of the questions is the time of the question, not of the sensor.
ASKED = 0.5
# The step of a load has to be this share of the higher power, or noise is taken for an answer to it.
STEP = 0.2
EARLY = 0.05  # s before a step from which on its answer is looked at
LEVELS = (0.1, 0.9)  # from where to where an answer rises


@dataclass(frozen=True)
class Updates:
    """When a sensor had something new, told ``by`` its stamps or by its values: the time between two updates. Units: s.

    ``points`` are the updates, (s, W).
    """

    by: str
    median: float
    least: float
    most: float
    points: Sequence[Point]


@dataclass(frozen=True)
class Response:
    """How a sensor answers to a step of the load.

    ``rise`` is the time from 10 % to 90 % of the step, ``delay`` the time from the step to half of it. ``resolution``
    is the longest time between two points that this was read from. Units: s. ``edges`` are the steps, ``points`` all
    points that were put together, each at its own time after a step.
    """

    rise: float
    delay: float
    resolution: float
    edges: int
    points: int

    @property
    def window(self) -> float:
        """What it averages over, if it averages evenly: such an answer is a straight line, 80 % of it the rise. s."""
        return self.rise / (LEVELS[1] - LEVELS[0])


def exact(ticks: Sequence[Tick]) -> list[Tick]:
    """The ticks whose moment is known; others were seen after a pause that took too long."""
    return [tick for tick in ticks if tick.width <= SEEN]


def rhythm(ticks: Sequence[Tick]) -> Ticking | None:
    """How the energy counter ticks, by neighbours whose moments are both known; None where fewer than two pairs are."""
    gaps = [b.at - a.at for a, b in pairwise(ticks) if max(a.width, b.width) <= SEEN]
    return Ticking(median(gaps), min(gaps), max(gaps), len(exact(ticks))) if len(gaps) >= 2 else None


def updates(power: Sequence[Sensed], asked: int) -> Updates | str:
    """When the power sensor had something new, or why it cannot be told.

    Its stamps tell it, unless the driver stamps with the moment of the question; then a new value tells it, as soon as
    it was seen.
    """
    stamps = [(one.stamped, one.watts) for one in power]
    stamps = [stamps[0], *(b for a, b in pairwise(stamps) if abs(b[0] - a[0]) > SAME)] if stamps else []
    if len(stamps) <= ASKED * asked:
        return _updates("stamp", stamps)
    values = [(one.seen, one.watts) for one in power]
    values = [values[0], *(b for a, b in pairwise(values) if b[1] != a[1])] if values else []
    return _updates("value", values)


def _updates(by: str, points: Sequence[Point]) -> Updates | str:
    gaps = [b[0] - a[0] for a, b in pairwise(points)]
    if len(gaps) < 3:
        return f"the power sensor had {len(points)} values, as its {by}s tell; 4 are needed"
    return Updates(by, median(gaps), min(gaps), max(gaps), points)


def edges(played: Sequence[Played]) -> list[Point]:
    """When the load was switched, and to what: 1.0 on, 0.0 off."""
    return sorted(edge for phase in played for began, ended in phase.on for edge in ((began, 1.0), (ended, 0.0)))


def response(points: Sequence[Point], switched: Sequence[Point], settled: float) -> Response | str:
    """How a sensor answers to a step, from many steps that met it at different moments; or why it cannot be told.

    The sensor publishes seldom, but each step comes at another time before an update, so all steps together show the
    answer at many moments. A step counts if nothing was switched for ``settled`` seconds before and after it; its two
    levels are the last values before it and before the next one.
    """
    moments = [at for at, _ in points]
    answers: list[Point] = []
    used = 0
    for (previous, _), (at, _), (following, _) in zip(switched, switched[1:], switched[2:], strict=False):
        before, after = (bisect_right(moments, moment) - 1 for moment in (at, following))
        if at - previous < settled or following - at < settled or before < 0 or moments[before] <= previous:
            continue
        low, high = points[before][1], points[after][1]
        if abs(high - low) < STEP * max(high, low):
            continue
        used += 1
        first = bisect_right(moments, at - EARLY)
        answers += [(t - at, (watts - low) / (high - low)) for t, watts in points[first : after + 1]]
    if used < 3:
        return f"{used} steps of the load could be used, 3 are needed"
    return _risen(sorted(answers), used)


def _risen(answers: Sequence[Point], used: int) -> Response | str:
    curve = _never_falling(answers)
    begin, half, end = (_crossing(curve, level) for level in (LEVELS[0], 0.5, LEVELS[1]))
    if begin is None or half is None or end is None:
        return "the answer to a step did not get from 10 % to 90 % of it"
    crossed = [b - a for (a, _), (b, _) in pairwise(answers) if b >= begin and a <= end]
    return Response(end - begin, half, max(crossed), used, len(answers))


def _never_falling(answers: Sequence[Point]) -> list[Point]:
    """The rising curve that is nearest to noisy points: where they fall, all get their mean (isotonic regression)."""
    blocks: list[tuple[float, int]] = []  # the sum of values, and how many
    for _, value in answers:
        blocks.append((value, 1))
        while len(blocks) > 1 and blocks[-2][0] * blocks[-1][1] >= blocks[-1][0] * blocks[-2][1]:
            (one, n), (other, m) = blocks[-2:]
            blocks[-2:] = [(one + other, n + m)]
    values = [total / count for total, count in blocks for _ in range(count)]
    return [(at, value) for (at, _), value in zip(answers, values, strict=True)]


def _crossing(curve: Sequence[Point], level: float) -> float | None:
    for (a, low), (b, high) in pairwise(curve):
        if low < level <= high:
            return a + (b - a) * (level - low) / (high - low)
    return None
