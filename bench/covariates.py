"""What tells a spoiled window, judged on the machine and never on the timing.

Ten times too slow looks as steady as right: a spoiled run had an interquartile range of 0.3 %. What gave it away was
that the step got 65 % of its threads' CPU time instead of 99 %, with 16 times the involuntary switches.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

STAT = Path("/proc/stat")
TICK = 1 / os.sysconf("SC_CLK_TCK")  # s; the unit of the kernel's CPU times, 10 ms on Linux
# The kernel charges each CPU's time by whole ticks: shares of a shorter window are not known to a tenth.
SHORTEST = 10 * TICK


@dataclass(frozen=True)
class Snapshot:
    """The counters of one moment, in seconds since some start and in events since the process started.

    ``own`` is the CPU time of this process and its children; ``busy`` and ``steal`` are the machine's, summed over its
    ``cpus``, and None where the system does not tell.
    """

    wall: float
    process: float
    own: float
    busy: float | None
    steal: float | None
    involuntary_switches: int
    minor_faults: int
    major_faults: int


def snapshot() -> Snapshot:
    """The counters now; takes some tens of microseconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    reaped = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = usage.ru_utime + usage.ru_stime
    busy, steal = machine_times()
    return Snapshot(
        wall=time.perf_counter(),
        process=process,
        own=process + reaped.ru_utime + reaped.ru_stime + living_children(),
        busy=busy,
        steal=steal,
        involuntary_switches=usage.ru_nivcsw,
        minor_faults=usage.ru_minflt,
        major_faults=usage.ru_majflt,
    )


def machine_times(stat: Path = STAT) -> tuple[float | None, float | None]:
    """Time that all CPUs together spent working, and time that the hypervisor gave to others. Units: s; None unknown.

    Waiting (idle, iowait) is no work; guests are counted in user and nice already (proc_stat(5)).
    """
    try:
        with stat.open("rb") as lines:
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, lines.readline().split()[1:9])
    except (OSError, ValueError):
        return None, None
    return (user + nice + system + irq + softirq) * TICK, steal * TICK


def living_children(proc: Path = Path("/proc")) -> float:
    """CPU time so far of the children that the main thread started and that still live. Units: s.

    getrusage counts children only once they have ended; without this, workers that load data would look foreign.
    """
    own = os.getpid()
    try:
        children = (proc / f"{own}/task/{own}/children").read_bytes().split()
    except OSError:
        return 0.0
    return sum(_child_time(proc / child.decode() / "stat") for child in children)


def _child_time(stat: Path) -> float:
    try:
        # The name, in parentheses, may hold anything; utime, stime, cutime and cstime are fields 14 to 17.
        fields = stat.read_bytes().rpartition(b")")[2].split()
    except OSError:  # it ended meanwhile, and getrusage has it
        return 0.0
    return sum(map(int, fields[11:15])) * TICK


class Covariates:
    """Watches windows. ``cpus`` is the number of CPUs that ``busy`` sums over."""

    def __init__(self, read: Callable[[], Snapshot] = snapshot, cpus: int | None = None) -> None:
        self._read = read
        self._cpus = cpus or os.cpu_count() or 1

    def start(self) -> None:
        """A window opens."""
        self._before = self._read()

    def stop(self, steps: int, threads: int | None = None) -> Mapping[str, float | None]:
        """The window has closed after ``steps`` steps that could use ``threads`` threads (torch's number by default).

        Returns:
            ``cpu_share``: CPU time of the process over wall x threads (1 is a CPU all to itself for every thread).
            ``foreign_share``: share of all CPUs' time that other processes worked; None where it cannot be known
            (no /proc/stat, or a window of less than 10 ticks).
            ``steal_share``: share of all CPUs' time that the hypervisor gave to others; None likewise.
            ``involuntary_switches_per_step``, ``minor_faults_per_step``, and ``major_faults`` of the whole window.
        """
        after, before = self._read(), self._before
        wall = after.wall - before.wall
        return {
            "cpu_share": (after.process - before.process) / (wall * (threads or _torch_threads())),
            "foreign_share": self._share(self._foreign(before, after), wall),
            "steal_share": self._share(_difference(before.steal, after.steal), wall),
            "involuntary_switches_per_step": (after.involuntary_switches - before.involuntary_switches) / steps,
            "minor_faults_per_step": (after.minor_faults - before.minor_faults) / steps,
            "major_faults": float(after.major_faults - before.major_faults),
        }

    def _foreign(self, before: Snapshot, after: Snapshot) -> float | None:
        busy = _difference(before.busy, after.busy)
        if busy is None:
            return None
        foreign = busy - (after.own - before.own)
        # Our time is counted to the microsecond, so the difference may fall short of 0 by a tick on each CPU. By more,
        # /proc/stat is not about the CPUs that we ran on.
        return max(foreign, 0.0) if foreign >= -TICK * self._cpus else None

    def _share(self, seconds: float | None, wall: float) -> float | None:
        return None if seconds is None or wall < SHORTEST else seconds / (wall * self._cpus)


def _difference(before: float | None, after: float | None) -> float | None:
    return None if before is None or after is None else after - before


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()
