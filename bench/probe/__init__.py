"""Finds out how a GPU's sensors work: how often they have something new, how far they look back, what they agree on.

A load is switched on and off in a process of its own (`load`) while the driver is asked all the time (`recording`);
what follows from the two is arithmetic (`signals`, `energies`, gathered by `findings`). A recording can be kept as a
`script` of the fake driver.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from bench.errors import Unavailable
from bench.nvml import Gpu
from bench.nvml.raw import driver, settings
from bench.probe.findings import STEADY, loaded, sensors, unloaded
from bench.probe.load import Phase, Played
from bench.probe.recording import Recorder
from bench.probe.script import Card, script
from bench.record import absent

IDLE = 6.0  # s that the idle device is looked at
AFTER = 1.5  # s that it is looked at when the load has ended: the slowest sensor looks back over 1 s

PERIOD = 0.1  # s of the square waves: the period of most sensors
PHASES = (
    Phase("waking up", on=2.0, off=0.5),
    Phase("short steps", on=0.25, off=0.25, times=24, jitter=0.1),
    Phase("long steps", on=1.5, off=1.5, times=4, jitter=0.1),
    Phase(STEADY, on=12.0, off=1.0),
    *(Phase(f"{duty:.0%} of each 0.1 s", duty * PERIOD, (1 - duty) * PERIOD, 60) for duty in (0.1, 0.25, 0.5)),
)

# Plays phases on the GPU and says what the load was and how they came out; raises `Unavailable` where it cannot.
Play = Callable[[Sequence[Phase]], tuple[str, Sequence[Played]]]


@dataclass(frozen=True)
class Probed:
    """What was found, as JSON, and the recording as a script of the fake driver."""

    found: Mapping[str, Any]
    script: str


def seconds(phases: Sequence[Phase] = PHASES) -> float:
    """How long a probe takes, about."""
    return IDLE + sum(phase.seconds for phase in phases) + AFTER


def probe(uuid: str, play: Play, idle: float = IDLE, phases: Sequence[Phase] = PHASES, after: float = AFTER) -> Probed:
    """Watch a GPU: idle for so many seconds, then under the phases of a load, then for a while after it.

    Raises:
        Unavailable: no such GPU, or NVML's own reason.
    """
    with Gpu(uuid) as gpu:
        scope = gpu.scope
        card = Card(gpu.name, driver(), scope, settings(gpu), datetime.now(UTC).isoformat(timespec="seconds"))
        recorder = Recorder(gpu)
        begin = time.perf_counter()
        with recorder.beside() as recording:
            time.sleep(idle)
            load, played = _played(play, phases)
            time.sleep(after if played else 0.0)
    under_load = loaded(recording, scope, played) if played else unloaded(load)
    found = {"scope": scope, "load": load, **sensors(recording), **under_load}
    return Probed(found, script(recording, card, played, begin))


def _played(play: Play, phases: Sequence[Phase]) -> tuple[Any, Sequence[Played]]:
    """What the load was, or why there was none, and its phases."""
    try:
        return play(phases)
    except Unavailable as unavailable:
        return absent(str(unavailable)), ()
