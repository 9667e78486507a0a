"""What a step waits for its input pipeline: in each of the windows, and how fast the pipeline is by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bench.meters import Meter
from bench.record import Reading
from workloads.prepared import Prepared, Waited

ALONE_SECONDS = 1.0
_RESIDENT = "batches lie on the device: --pipeline N reads and decodes them behind the step"


class Waiting(Meter):
    """Tells of each window for how long the step waited. Units: s."""

    def __init__(self, feed: Waited) -> None:
        self._wait = feed.wait
        self._before = 0.0

    def start(self) -> None:
        self._before = self._wait.seconds or 0.0

    def stop(self) -> Mapping[str, Reading]:
        now = self._wait.seconds
        found = Reading.absent(self._wait.source) if now is None else Reading(now - self._before, self._wait.source)
        return {"data.waited": found}


def alone(prepared: Prepared) -> Mapping[str, Reading]:
    """Items a second that the pipeline gives while nothing else runs, after the windows; absent with the reason where
    there is none, or where it failed."""
    if prepared.feed is None:
        return {name: Reading.absent(_RESIDENT) for name in ("data.waited", "data.rate")}
    try:
        rate = prepared.feed.alone(ALONE_SECONDS) * _items(prepared.work)
    except Exception as error:  # it must never cost what was measured
        return {"data.rate": Reading.absent(f"{type(error).__name__}: {error}")}
    return {"data.rate": Reading(rate, f"the loader by itself for {ALONE_SECONDS:g} s, after the windows")}


def _items(work: Sequence[Mapping[str, float]]) -> float:
    """The mean of the batches' items."""
    return sum(next(iter(batch.values())) for batch in work) / len(work)
