"""The joules of each part of a training step, where the meter of energy can tell them: some more steps after the split.

Every part is a window of its own, with the device idle at both edges, so a part has to last as long as the meter needs.
As of whole steps, its joules are the mean power in its windows times the time that it takes (`bench.figures`).
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bench.errors import in_one_line
from bench.figures import worst
from bench.measuring import MeasuredDevice
from bench.meters import Meter
from bench.profile import PHASES
from bench.record import Reading
from workloads.prepared import Parts, Prepared

METRIC = "energy."
STEPS = 3
MOST_SECONDS = 10.0  # a measured replicate is not risked for its joules
_COVERED = 0.9  # of a part's time has to be in windows of the meter, else its power is unknown


@dataclass
class _Part:
    """All stretches of one part: their time, and the readings of those that the meter could read."""

    seconds: float = 0.0
    read: list[Reading] = field(default_factory=list)
    covered: float = 0.0
    why: str | None = None


def joules(
    prepared: Prepared,
    device: MeasuredDevice,
    meter: Meter,
    parts: Mapping[str, Reading],
    whole: Reading | None,
    clock: Callable[[], float] = time.perf_counter,
) -> Mapping[str, Reading]:
    """The gross energy of each part, by metric; absent with the reason where it cannot be told.

    ``parts`` are the times of `bench.split`, ``whole`` what the meter said of the energy of a window: a part is only
    metered where both are known. Whatever fails costs the joules, and never raises.
    """
    known = {name: parts[f"time.{name}"] for name in PHASES}
    if whole is None or whole.value is None:
        return _absent(whole.reason if whole and whole.reason else "no meter of this run counts energy")
    seconds = {name: one.value for name, one in known.items() if one.value is not None}
    if prepared.parts is None or not seconds:
        return {METRIC + name: Reading.absent(one.reason or "the step was not split") for name, one in known.items()}
    shortest, step = meter.shortest(), sum(seconds.values())
    if max(seconds.values()) < shortest:
        return _absent(f"the longest part takes {max(seconds.values()):.3f} s, and the meter needs {shortest:g} s")
    if STEPS * step > MOST_SECONDS:
        return _absent(f"not metered: {STEPS} more steps would have taken {STEPS * step:.0f} s")
    try:
        found = _metered(prepared.parts, device, meter, clock)
    except Exception as error:  # never at the cost of what was measured
        return _absent(in_one_line(error))
    return {METRIC + name: _joules(found[name]) if name in seconds else known[name] for name in PHASES}


def _metered(parts: Parts, device: MeasuredDevice, meter: Meter, clock: Callable[[], float]) -> Mapping[str, _Part]:
    found: dict[str, _Part] = defaultdict(_Part)
    begun = 0.0

    def begin() -> None:
        nonlocal begun
        meter.start()
        begun = clock()

    def mark(name: str) -> None:
        device.synchronize()
        part, seconds = found[name], clock() - begun
        reading = meter.stop().get("energy", Reading.absent("the meter gave no energy"))
        part.seconds += seconds
        if reading.value is None:
            part.why = reading.reason
        else:
            part.read.append(reading)
            part.covered += reading.seconds or seconds
        begin()

    for number in range(STEPS):
        device.synchronize()
        begin()
        parts(number, mark)
        mark("rest")
        meter.stop()
    return found


def _joules(part: _Part) -> Reading:
    if not part.read or part.covered < _COVERED * part.seconds:
        return Reading.absent(part.why or "the meter saw too little of it")
    spent, first = sum(one.value or 0.0 for one in part.read), part.read[0]
    if spent <= 0:
        return Reading.absent(f"{first.source} gave {spent:g} J, and nothing runs on none")
    source = f"{first.source}, {STEPS} steps with a window for each part"
    error = worst([one.error for one in part.read])
    return Reading(spent / part.covered * part.seconds / STEPS, source, scope=first.scope, error=error)


def _absent(reason: str) -> Mapping[str, Reading]:
    return {METRIC + name: Reading.absent(reason) for name in PHASES}
