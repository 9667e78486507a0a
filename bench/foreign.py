"""Who else uses the machine: the CPU time of other processes, and other processes on the device.

What is ours is this process, all that it started, and all that it was started by. A process is named by its program
alone: neither its options nor its user get into a record.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

import psutil

from bench.errors import Unavailable

# From here on other load is worth a word. Units: share of all CPUs' time.
LOAD = 0.10
NAMED = 0.01


class Place(Protocol):
    """What of a device tells who uses it; see `bench.device.Device`."""

    @property
    def name(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def uuid(self) -> str | None: ...


@dataclass(frozen=True)
class Process:
    """A process: its program's name, the CPU time that it has had (s), and whether it is ours."""

    name: str
    seconds: float
    ours: bool


@dataclass(frozen=True)
class Moment:
    """The machine at one moment. ``wall`` is a clock, ``busy`` the time that all CPUs together have worked. Units: s.

    A process is known by its id and by when it started, since ids are given again.
    """

    wall: float
    busy: float
    processes: Mapping[tuple[int, float], Process]


def look() -> Moment:
    """The machine now; takes some tens of microseconds for each process that runs."""
    told = [process.info for process in psutil.process_iter(["pid", "ppid", "name", "cpu_times", "create_time"])]
    ours = family(os.getpid(), {process["pid"]: process["ppid"] for process in told})
    processes = {
        (process["pid"], process["create_time"]): Process(
            program(process["name"] or ""),
            process["cpu_times"].user + process["cpu_times"].system,
            process["pid"] in ours,
        )
        for process in told
        if process["cpu_times"] is not None  # as of another user's process on macOS
    }
    return Moment(time.perf_counter(), _busy(), processes)


def shares(before: Moment, after: Moment, cpus: int | None = None) -> dict[str, float]:
    """What other processes had of all CPUs' time between two moments, by program, the largest first. Units: 1.

    A process that came and went between the two is not seen; one that came and is still there is.
    """
    wall = (after.wall - before.wall) * (cpus or _cpus())
    found: dict[str, float] = {}
    for identity, process in after.processes.items():
        if not process.ours:
            found[process.name] = found.get(process.name, 0.0) + _worked(before, identity, process) / wall
    return dict(sorted(found.items(), key=lambda one: one[1], reverse=True))


def load(before: Moment, after: Moment, cpus: int | None = None) -> float:
    """The share of all CPUs' time in which somebody else worked, seen as a process or not. Units: 1."""
    ours = sum(_worked(before, identity, process) for identity, process in after.processes.items() if process.ours)
    other = after.busy - before.busy - ours
    return max(other, 0.0) / ((after.wall - before.wall) * (cpus or _cpus()))


def others(device: Place, seconds: float = 0.5) -> list[str]:
    """Who else uses the device or the CPUs right now, a phrase for each; nothing where we are alone.

    To be asked before a process of ours uses the device: in a container the driver may list it by an id that we do not
    know as ours. The CPUs are watched for ``seconds``. A driver that does not say who uses its device is a phrase too:
    nobody can then say that we are alone.
    """
    phrases = list(_on_device(device)) if device.kind == "cuda" else []
    before = look()
    time.sleep(seconds)
    after = look()
    share = load(before, after)
    return [*phrases, words(share, shares(before, after))] if share > LOAD else phrases


def words(share: float, named: Mapping[str, float]) -> str:
    """Other load as a phrase, with the three programs that have most of it.

    >>> words(0.34, {"make": 0.2, "gcc": 0.05, "cat": 0.001})
    'other processes take 34 % of the CPUs: make 20 %, gcc 5 %'
    """
    most = [f"{name} {part * 100:.0f} %" for name, part in named.items() if part >= NAMED][:3]
    who = f": {', '.join(most)}" if most else ", and none that can be seen from here does"
    return f"other processes take {share * 100:.0f} % of the CPUs{who}"


def family(own: int, parents: Mapping[int, int | None]) -> set[int]:
    """A process with all that it started and all that it was started by, from each process's parent."""
    children: dict[int | None, list[int]] = {}
    for process, parent in parents.items():
        children.setdefault(parent, []).append(process)
    below, waiting = {own}, [own]
    while waiting:
        found = set(children.get(waiting.pop(), [])) - below
        below |= found
        waiting += found
    above, parent = set[int](), parents.get(own)
    while parent and parent not in above:
        above.add(parent)
        parent = parents.get(parent)
    return below | above


def program(name: str) -> str:
    """A process's name as far as it names the program: what follows may be a title that the program gave itself.

    >>> program("postgres: ada salaries")
    'postgres'
    """
    found = re.search(r"\w[\w.+-]*", name)
    return found[0] if found else "unnamed"


def _worked(before: Moment, identity: tuple[int, float], process: Process) -> float:
    """CPU time of a process since the earlier moment; since it started, where it is younger. Units: s."""
    earlier = before.processes.get(identity)
    return process.seconds - (earlier.seconds if earlier else 0.0)


def _busy() -> float:
    # Waiting (idle, iowait) is no work, and guests are counted in user and nice already (proc_stat(5)).
    times = psutil.cpu_times()
    return sum(getattr(times, kind, 0.0) for kind in ("user", "nice", "system", "irq", "softirq"))


def _cpus() -> int:
    return os.cpu_count() or 1


def _on_device(device: Place) -> Iterator[str]:
    try:
        from bench.nvml import Gpu

        gpu = Gpu(device.uuid or "")
        try:
            listed = gpu.processes()
        finally:
            gpu.close()
    except Unavailable as unavailable:
        yield f"who else uses {device.name} cannot be told: {unavailable}"
        return
    for process in listed:
        if process.pid != os.getpid():
            memory = "memory" if process.memory is None else f"{process.memory / 1e9:.2f} GB"
            yield f"{program(process.name or '')} (process {process.pid}) holds {memory} of {device.name}"
