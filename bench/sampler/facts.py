"""What a record keeps of a GPU beside the readings: whose it is, how it was watched, and its timeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import pairwise
from statistics import median
from typing import Any

from bench.nvml import Gpu
from bench.record import absent
from bench.sampler.quantities import asked
from bench.sampler.trace import PERIOD, THERMAL, Round, Trace

POINTS = 400  # most that a timeline keeps
CAUSES = {  # what holds a clock down, by the driver's counters
    "power": ("sw_power_cap", "hw_power_brake", "board_limit"),
    "thermal": THERMAL,
    "reliability": ("reliability",),
}


def identity(gpu: Gpu, mig: bool) -> dict[str, Any]:
    """Which GPU it is, what its power is of, and what its power may be. Units: W."""
    limits = asked(gpu.power_limits)
    enforced, default = (absent(limits), absent(limits)) if isinstance(limits, str) else limits
    return {
        "uuid": gpu.uuid,
        "name": gpu.name,
        "scope": gpu.scope,
        "mig": mig,
        "power_limit": enforced,
        "power_limit_default": default,
    }


def seen(trace: Trace) -> dict[str, Any]:
    """How the energy counter ticked, how often the power sensor had a new value, and the rounds came. Units: s."""
    unknown = trace.ticks if isinstance(trace.ticks, str) else "too few ticks were seen"
    return {
        "tick": asdict(trace.ticking) if trace.ticking else absent(unknown),
        "power_period": _power_period(trace),
        "rate": _rate(trace.rounds),
    }


def timeline(trace: Trace, windows: Sequence[tuple[float, float]]) -> dict[str, Any]:
    """What a picture of the case needs: power (W), SM clock (Hz) and temperature (°C) over seconds since the first
    round, which is thinned for a long case; each window's begin and end; and when the clock was held down, by cause."""
    rounds = trace.rounds
    if not rounds:
        return {}
    start, every = rounds[0].began, -(-len(rounds) // POINTS)
    columns: dict[str, list[Any]] = {"seconds": [round(one.began - start, 3) for one in rounds], "power": _watts(trace)}
    for name in ("clock.sm", "temperature"):
        values = (one.values.get(name) for one in rounds)
        columns[name] = [None if isinstance(value, str) else value for value in values]
    return {
        "timeline": {name: column[::every] for name, column in columns.items()},
        "windows": [[round(begin - start, 3), round(end - start, 3)] for begin, end in windows],
        "throttled": _throttled(rounds),
    }


def _throttled(rounds: Sequence[Round]) -> dict[str, Any]:
    """Begin and end of each time between two rounds in which a driver's counter of throttled time grew, by cause; where
    it has no counters, in which a limit held whenever it was asked. Neighbours are one. Units: s."""
    counted = {
        cause: _spans(rounds, partial(_grew, keys))
        for cause, keys in CAUSES.items()
        if any(isinstance(rounds[0].values.get(f"throttled.{key}"), float) for key in keys)
    }
    if counted:
        return counted
    polled = rounds[0].values.get("limited", "not asked")
    if isinstance(polled, str):
        return absent(polled)
    return {"polled": _spans(rounds, lambda before, after: before.values["limited"] == after.values["limited"] == 1.0)}


def _spans(rounds: Sequence[Round], held: Callable[[Round, Round], bool]) -> list[list[float]]:
    start = rounds[0].began
    spans: list[list[float]] = []
    for before, after in pairwise(rounds):
        if held(before, after):
            begin, end = round(before.began - start, 3), round(after.began - start, 3)
            if spans and spans[-1][1] == begin:
                spans[-1][1] = end
            else:
                spans.append([begin, end])
    return spans


def _grew(keys: Sequence[str], before: Round, after: Round) -> bool:
    counts = [(before.values.get(f"throttled.{key}"), after.values.get(f"throttled.{key}")) for key in keys]
    return any(isinstance(one, float) and isinstance(other, float) and other > one for one, other in counts)


def _watts(trace: Trace) -> list[float | None]:
    """The sensor's newest value at each round, where it had a new one."""
    points = deque([] if isinstance(trace.power, str) else trace.power)
    watts: list[float | None] = []
    for one in trace.rounds:
        newest = None
        while points and points[0][0] <= one.ended:
            newest = points.popleft()[1]
        watts.append(newest)
    return watts


def _power_period(trace: Trace) -> float | dict[str, Any]:
    """Seen in the driver's own buffer, which keeps each value of the sensor once."""
    if isinstance(trace.buffer, str):
        return absent(trace.buffer)
    gaps = [after[0] - before[0] for before, after in pairwise(trace.buffer)]
    return median(gaps) if gaps else absent("the driver's buffer held fewer than two values")


def _rate(rounds: Sequence[Round]) -> dict[str, Any]:
    """The time between rounds as it came out."""
    gaps = [after.began - before.began for before, after in pairwise(rounds)]
    if not gaps:
        return absent("fewer than two rounds")
    return {"wanted": PERIOD, "median": median(gaps), "most": max(gaps), "rounds": len(rounds)}
