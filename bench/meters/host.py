"""Host memory of the measured process and what it started, and who else used the CPUs."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.foreign import NAMED, Moment, look, shares
from bench.meters import Meter
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

READINGS = ("memory.host", "memory.files")

PROC = Path("/proc")
# Our own watcher of GPUs is a child of the measured process, and no part of what is measured.
SAMPLER = b"bench.sampler"
MOST_NAMED = 3


def open_meter(device: Device, target: str | None = None) -> HostMeter:
    """The meter; every device is driven by a process on a host.

    Raises:
        Unavailable: a target was named; there is one host only.
    """
    if target is not None:
        raise Unavailable(f"the host meter has no targets, so none called {target}")
    return HostMeter()


class HostMeter(Meter):
    """Peak resident sets since the processes started: the system keeps them, so a window needs no opening.

    Other processes are looked at before the case and once after it, never near a window.
    """

    def __init__(self) -> None:
        self._before: Moment | None = None

    def before(self) -> Mapping[str, Reading]:
        self._before = look()
        return {}

    def start(self) -> None: ...

    def stop(self) -> Mapping[str, Reading]:
        return {"memory.host": peak_resident(), "memory.files": resident_files()}

    def facts(self) -> Mapping[str, Any]:
        if self._before is None:
            return {}
        found = shares(self._before, look())
        most = [{"name": name, "cpu_share": share} for name, share in found.items() if share > NAMED]
        return {"foreign": most[:MOST_NAMED]}


def peak_resident(proc: Path = PROC, platform: str = sys.platform) -> Reading:
    """Peak resident sets of this process and of all living ones that it started, summed. Units: B.

    On Linux it is VmHWM, which belongs to the memory of this program; getrusage's ru_maxrss also remembers what the
    process held before it became this program: one started by a parent of 600 MB reads 600 MB. The sum bounds what they
    held at one time from above: they may peak one after another, and pages that two of them share count twice. A child
    that has ended within the window is missing: of those the system keeps only the largest (RUSAGE_CHILDREN), and since
    the process started.
    """
    if platform != "linux":
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if platform == "darwin" else 1024  # B on macOS, KiB elsewhere (getrusage(2))
        return Reading(float(peak * unit), "getrusage ru_maxrss of the process, without its children")
    return _summed("VmHWM", proc)


def resident_files(proc: Path = PROC, platform: str = sys.platform) -> Reading:
    """Resident pages of files of this process and of all living ones that it started, summed. Units: B.

    They are in `peak_resident`, and vary with the system's cache: of a library that was just installed Linux maps 2 MiB
    at once where it maps 64 KiB of one that it has read from disk, which made 82 MB of difference for torch.
    """
    return _summed("RssFile", proc) if platform == "linux" else Reading.absent("only Linux tells it")


def _summed(field: str, proc: Path) -> Reading:
    """A field of this process's status, and of those that it started."""
    own = _status(proc / "self", field)
    if isinstance(own, str):
        return Reading.absent(own)
    found = [_status(process, field) for process in _descendants(proc / "self")]
    children = [size for size in found if not isinstance(size, str)]
    return Reading(float(own + sum(children)), _source(field, len(children)))


def _source(field: str, children: int) -> str:
    if not children:
        return f"{field} of the process"
    return f"{field} of the process and its {children} {'child' if children == 1 else 'children'}, summed"


def _status(process: Path, field: str) -> int | str:
    """A field of a process's folder (B), or the reason why there is none: it has ended, or the system does not tell."""
    status = process / "status"
    try:
        found = re.search(rf"^{field}:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    except OSError as error:
        return f"{status}: {error.strerror}"
    return int(found[1]) * 1024 if found else f"{status} has no {field}"


def _descendants(process: Path) -> Iterator[Path]:
    """The folders of the processes that any thread of a process started, and of those that these started."""
    with contextlib.suppress(OSError):  # it ended meanwhile
        for thread in sorted((process / "task").iterdir()):
            with contextlib.suppress(OSError):
                for child in (thread / "children").read_text().split():
                    yield from _with_descendants(process.parent / child)


def _with_descendants(process: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        if SAMPLER not in (process / "cmdline").read_bytes():
            yield process
            yield from _descendants(process)
