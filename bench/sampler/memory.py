"""Device memory of the measured process, and of whom the device is shared with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from bench.errors import Unavailable
from bench.nvml import Gpu, Process
from bench.record import Reading, absent
from bench.sampler.trace import MIG


@dataclass(frozen=True)
class Foreign:
    """Another process on the device: already there before the case, or seen during it."""

    pid: int
    name: str | None
    memory: int | None
    when: Literal["before", "during"]


class Memory:
    """Watches who uses the memory of a GPU. ``pid`` is the measured process, None where it does not use this GPU; of a
    MIG slice only the process's memory is its own.

    The allocator gives nothing back between steps, so what a process holds when a window has closed is its peak.
    """

    def __init__(self, gpu: Gpu, pid: int | None, mig: bool) -> None:
        self._gpu = gpu
        self._mig = mig
        self._pid = pid
        self._used: list[tuple[float, float]] = []
        self._before: float | str = "device memory before the case was not looked at"
        self._others: dict[int, Foreign] = {}
        self._ours: int | None = None

    def begin(self) -> None:
        """The case has not touched the device yet: whatever is there is foreign."""
        try:
            self._before = float(self._gpu.memory().used)
        except Unavailable as unavailable:
            self._before = str(unavailable)
        self._note("before")

    def look(self, at: float) -> None:
        """Take in how much is used now."""
        try:
            self._used.append((at, float(self._gpu.memory().used)))
        except Unavailable:
            return

    def look_around(self) -> None:
        """Take in who is there now; listing processes is slow."""
        self._note("during")

    def window(self, begin: float, end: float) -> dict[str, Reading]:
        """The readings of a window that has just closed."""
        listed = self._note("during")
        if self._mig:
            return {"memory.process": self._process(listed), "memory.device": Reading.absent(MIG)}
        return {"memory.process": self._process(listed), "memory.device": self._device(begin, end)}

    @property
    def before(self) -> float | dict[str, Any]:
        """What all processes used before the case, or the reason why that is not known. Units: B."""
        return absent(self._before) if isinstance(self._before, str) else self._before

    def facts(self) -> dict[str, Any]:
        """Whose namespace the listed PIDs are of (null where the process was not listed), and who else was there."""
        pids = None if self._ours is None else ("own" if self._ours == self._pid else "host")
        return {"pids": pids, "foreign": [vars(other) for other in self._others.values()]}

    def _device(self, begin: float, end: float) -> Reading:
        try:
            now = float(self._gpu.memory().used)
        except Unavailable as unavailable:
            return Reading.absent(str(unavailable))
        inside = [used for at, used in self._used if begin <= at <= end]
        return Reading(max([*inside, now]), "NVML memory v2 used, sampled")

    def _process(self, listed: Sequence[Process] | str) -> Reading:
        if self._pid is None:
            return Reading.absent("the case does not run on this GPU")
        if isinstance(listed, str):
            return self._delta(listed)
        ours = next((process for process in listed if process.pid == self._pid), None)
        if ours is not None and ours.memory is not None:
            return Reading(float(ours.memory), "NVML processes")
        if ours is not None:
            return self._delta("the driver lists the process without its memory")
        return self._delta("the driver lists host PIDs" if listed else "the driver lists no process")

    def _delta(self, why: str) -> Reading:
        """What the device has more in use than before the case: the process's, as long as nobody else came or went."""
        if isinstance(self._before, str):
            return Reading.absent(f"{why}; {self._before}")
        if company := [other.name or str(other.pid) for other in self._others.values() if other.when == "during"]:
            return Reading.absent(f"{why}, and its growth is not ours alone: {', '.join(company)} came meanwhile")
        try:
            grown = float(self._gpu.memory().used) - self._before
        except Unavailable as unavailable:
            return Reading.absent(f"{why}; {unavailable}")
        if grown <= 0:
            return Reading.absent(f"{why}; the device's memory in use did not grow: {grown:.0f} B")
        return Reading(grown, f"growth of NVML's memory in use since before the case ({why})")

    def _note(self, when: Literal["before", "during"]) -> Sequence[Process] | str:
        try:
            listed = self._gpu.processes()
        except Unavailable as unavailable:
            return str(unavailable)
        known = any(process.pid == self._pid for process in listed)
        for process in listed:
            if process.pid == self._pid:
                self._ours = process.pid
            elif process.pid not in self._others and process.pid != self._ours:
                # In a container the driver may list us by the host's PID: the first newcomer since the case began.
                if when == "during" and self._pid is not None and self._ours is None and not known:
                    self._ours = process.pid
                else:
                    self._others[process.pid] = Foreign(process.pid, process.name, process.memory, when)
        return listed
