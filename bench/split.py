"""The split of a training step into its parts: some more steps after the windows, which mark where each part ends.

The marks are the device's own stopwatch, the host's clock on a CPU and events on CUDA, so that nothing is waited for
within a step. What is found is of these steps and not of the windows: `bench.caveats` tells where the two disagree.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from bench.errors import in_one_line
from bench.measuring import MeasuredDevice
from bench.profile import PHASES
from bench.record import Reading
from workloads.prepared import Parts, Prepared

METRIC = "time."
# A measured replicate is not risked for its split, which takes about `_AIM` and this long at most. Units: s.
MOST_SECONDS, _AIM = 10.0, 2.0
FEWEST, _MOST = 3, 50  # steps
_UNMARKED = "the step does not mark it"


def split(prepared: Prepared, device: MeasuredDevice, step_seconds: float) -> Mapping[str, Reading]:
    """The seconds of each part in a step, by metric; absent with the reason where the step does not tell them apart.

    The parts of all marked steps add up to the time between the first mark and the last one. Steps must have run
    before; ``step_seconds`` is what one takes. Whatever fails costs the split, and never raises.
    """
    if prepared.parts is None:
        told = "this workload does not tell its step's parts apart" if prepared.trains else "the step does not train"
        return _absent(told)
    if prepared.feed is not None:
        return _absent("a step behind an input pipeline is not split: its batches would be made out of turn")
    if FEWEST * step_seconds > MOST_SECONDS:
        return _absent(f"not split: {FEWEST} more steps would have taken {FEWEST * step_seconds:.0f} s")
    steps = _steps(step_seconds, len(prepared.work))
    try:
        found = _marked(prepared.parts, device, steps)
    except Exception as error:  # a split must never cost what was measured
        return _absent(in_one_line(error))
    unknown = sorted(found.keys() - set(PHASES))
    if unknown:
        return _absent(f"the step marks {', '.join(unknown)}; the parts of a step are {', '.join(PHASES)}")
    source = f"{device.stopwatch().name}, {steps} marked steps after the windows"
    return {
        METRIC + name: Reading(found[name] / steps, source) if name in found else Reading.absent(_UNMARKED)
        for name in PHASES
    }


def _steps(step_seconds: float, batches: int) -> int:
    """How many: each batch as often as any other one, where there is time for that."""
    steps = min(max(round(_AIM / step_seconds), FEWEST), _MOST)
    alike = math.ceil(steps / batches) * batches
    return alike if alike * step_seconds <= MOST_SECONDS else steps


def _marked(parts: Parts, device: MeasuredDevice, steps: int) -> dict[str, float]:
    """The seconds of each part over all steps. As in a window, the device is idle at both edges."""
    watch = device.stopwatch()
    names: list[str] = []
    device.synchronize()
    marks: list[Any] = [watch.mark()]

    def mark(name: str) -> None:
        marks.append(watch.mark())
        names.append(name)

    for number in range(steps):
        parts(number, mark)
        mark("rest")
    device.synchronize()
    found: dict[str, float] = defaultdict(float)
    for name, seconds in zip(names, watch.seconds(marks), strict=True):
        found[name] += seconds
    return found


def _absent(reason: str) -> Mapping[str, Reading]:
    return {METRIC + name: Reading.absent(reason) for name in PHASES}
