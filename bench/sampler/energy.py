"""Joules of a window from what was seen in it; pure arithmetic.

The counter is taken between two of its own ticks inside the window: both are exact there, so the time between them is
all that is uncertain. The energy is that of the time between the two, which the reading says (``seconds``); mean power
times the window's time is the window's energy, since one window repeats one step.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from bench.record import Reading
from bench.sampler.ticks import Tick

# How far the sensor itself may be off, as a share: +-5 % is what was found normal against external meters on 70 GPUs,
# and NVIDIA's figure for older ones; single cards were off by more (arXiv 2312.02741).
SENSOR = 0.05
# The counter's share of the error above which there is no energy, and the share of the window that it has to cover.
MOST = 0.02
COVERED = 0.8

COUNTER = "NVML energy counter, between its ticks"
INTEGRATED = "NVML instantaneous power, integrated"
SAMPLES = "NVML power samples, integrated"


def counted(
    ticks: Sequence[Tick],
    tick: float,
    begin: float,
    end: float,
    scope: str,
    lookback: float | None = None,
    least: float = COVERED,
) -> Reading:
    """The counter's energy (mJ) from ``begin`` to ``end`` (s); ``tick`` is the usual time between ticks.

    The first ``lookback`` seconds, by default a tick, are left out: what the counter gained there may belong to what
    was before the window, since the sensor behind it looks back. The counter starts again when the driver is reloaded,
    so one that ran backwards is no measurement. The ticks have to cover at ``least`` that share of the time.
    """
    opened = begin + (tick if lookback is None else lookback)
    inside = [seen for seen in ticks if seen.before >= opened and seen.after <= end]
    backwards = next(((a.value, b.value) for a, b in pairwise(inside) if b.value < a.value), None)
    if backwards is not None:
        return Reading.absent(f"the energy counter went backwards, from {backwards[0]} to {backwards[1]} mJ")
    if len(inside) < 2:
        return _too_short(end - begin, f"the energy counter ticks every {tick:.3f} s, two usable ticks are needed")
    first, last = inside[0], inside[-1]
    seconds = last.at - first.at
    if seconds < least * (end - begin):
        share = seconds / (end - begin)
        return _too_short(
            end - begin, f"the energy counter's ticks ({tick:.3f} s) cover {share:.0%} of it, {least:.0%} are needed"
        )
    uncertain = (first.width + last.width) / 2 / seconds
    if uncertain > MOST:
        return _too_short(
            end - begin, f"the energy counter's ticks are known to {uncertain:.1%} of it, {MOST:.0%} are needed"
        )
    joules = (last.value - first.value) / 1e3
    return Reading(joules, COUNTER, scope=scope, error=SENSOR + uncertain, seconds=seconds)


def integrated(
    points: Sequence[tuple[float, float]],
    begin: float,
    end: float,
    source: str,
    scope: str,
    lookback: float = 0.1,
    least: float = COVERED,
) -> Reading:
    """The energy under points of power, (s, W), from ``begin`` to ``end``, by the trapezoid rule between the points.

    A point tells the power of up to ``lookback`` seconds before it, so the first ones are left out. The points have to
    cover at ``least`` that share of the time.
    """
    stamped = dict(points)
    inside = sorted((at, watts) for at, watts in stamped.items() if begin + lookback <= at <= end)
    if len(inside) < 3:
        return _too_short(end - begin, f"{len(inside)} values of power inside it, 3 are needed")
    seconds = inside[-1][0] - inside[0][0]
    if seconds < least * (end - begin):
        share = seconds / (end - begin)
        return _too_short(end - begin, f"its values of power cover {share:.0%} of it, {least:.0%} are needed")
    joules = sum((a[1] + b[1]) / 2 * (b[0] - a[0]) for a, b in pairwise(inside))
    gap = max(b[0] - a[0] for a, b in pairwise(inside))
    return Reading(joules, source, scope=scope, error=SENSOR + gap / seconds, seconds=seconds)


def _too_short(seconds: float, why: str) -> Reading:
    return Reading.absent(f"window too short for energy: {seconds:.3f} s; {why}")
