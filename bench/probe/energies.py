"""What a recording says of the energies: whether two methods agree, and what short windows cost. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bench.probe.load import Played
from bench.probe.signals import Point
from bench.record import Reading
from bench.sampler import energy
from bench.sampler.ticks import Tick, Ticking
from bench.sampler.trace import Trace

LENGTHS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)  # s of the windows that are tried
SHIFT = 0.037  # s from one to the next: no divisor of any sensor's period
# Windows are up to 5 % shorter or longer, spread evenly by the golden ratio: multiples of the tick flatter a counter.
SPREAD, GOLDEN = 0.05, 0.618034


@dataclass(frozen=True)
class Sensors:
    """All that energies are taken from: the counter's ticks and their rhythm, points of power (s, W), and what they are
    of; a str is the reason why there is none."""

    ticks: Sequence[Tick] | str
    ticking: Ticking | None
    power: Sequence[Point] | str
    scope: str


@dataclass(frozen=True)
class Agreement:
    """Mean power of a phase by the energy counter and by integrated instantaneous power. Units: W.

    ``duty`` is the share of the time in which the load was on, as it came out.
    """

    name: str
    duty: float
    counter: Reading
    integrated: Reading

    @property
    def ratio(self) -> float | None:
        """The counter over the integral; None where one of them is absent."""
        if not self.counter.value or not self.integrated.value:
            return None
        return self.counter.value / self.integrated.value


@dataclass(frozen=True)
class Short:
    """How far windows of about ``seconds`` are from the mean of a long steady load, as shares of it.

    ``plain`` is the worst of the differences between the counter at the window's end and at its begin. ``measured`` is
    the share of windows for which Wattmark gives an energy, and ``worst`` the worst of these; None where there is none.
    """

    seconds: float
    windows: int
    plain: float
    measured: float
    worst: float | None


def agreement(sensors: Sensors, phase: Played) -> Agreement:
    """Both methods on one phase, as the NVML meter has them."""
    trace = Trace(
        sensors.scope,
        ticks=sensors.ticks if isinstance(sensors.ticks, str) else list(sensors.ticks),
        ticking=sensors.ticking,
        power=sensors.power if isinstance(sensors.power, str) else list(sensors.power),
    )
    readings = trace.window(phase.begin, phase.end)
    return Agreement(phase.name, phase.duty, _mean(readings["energy"]), _mean(readings["energy.integrated"]))


def short_windows(sensors: Sensors, begin: float, end: float) -> list[Short] | str:
    """What windows of each length say of a load that does not change from ``begin`` to ``end``, or why not."""
    if isinstance(sensors.ticks, str):
        return sensors.ticks
    inside = [tick for tick in sensors.ticks if begin <= tick.before and tick.after <= end]
    if sensors.ticking is None or len(inside) < 3:
        return f"the energy counter was seen moving {len(inside)} times under the steady load, 3 are needed"
    mean = (inside[-1].value - inside[0].value) / (inside[-1].at - inside[0].at)  # mJ/s
    if mean <= 0:
        return "the energy counter did not grow under the steady load"
    tick = sensors.ticking.median
    # A window begins where the counter is known, and ends where it still is.
    first, last = inside[0].after, inside[-1].after
    return [
        _short(inside, tick, seconds, first, last, mean)
        for seconds in LENGTHS
        if last - first > (1 + SPREAD) * seconds + SHIFT
    ]


def _short(ticks: Sequence[Tick], tick: float, seconds: float, first: float, last: float, mean: float) -> Short:
    moments = [one.at for one in ticks]
    count = int((last - first - (1 + SPREAD) * seconds) / SHIFT)
    lengths = [seconds * (1 + SPREAD * (2 * (number * GOLDEN % 1) - 1)) for number in range(count)]
    windows = [(first + SHIFT * number, first + SHIFT * number + length) for number, length in enumerate(lengths)]

    def counter(moment: float) -> int:
        return ticks[bisect_right(moments, moment) - 1].value

    plain = [abs((counter(end) - counter(begin)) / (end - begin) / mean - 1) for begin, end in windows]
    readings = [_mean(energy.counted(ticks, tick, begin, end, "")).value for begin, end in windows]
    ours = [abs(watts * 1e3 / mean - 1) for watts in readings if watts is not None]
    return Short(seconds, count, max(plain), len(ours) / count, max(ours, default=None))


def _mean(joules: Reading) -> Reading:
    """Mean power over the time that an energy covers. Units: W."""
    if joules.value is None or not joules.seconds:
        return joules
    return replace(joules, value=joules.value / joules.seconds)
