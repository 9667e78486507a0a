"""Host memory of the measured process."""

from __future__ import annotations

import re
import resource
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

READINGS = ("memory.host",)

STATUS = Path("/proc/self/status")


def open_meter(device: Device) -> HostMeter:
    """The meter; every device is driven by a process on a host."""
    return HostMeter()


class HostMeter:
    """Peak resident set since the process started: the system keeps it, so a window needs no opening."""

    def start(self) -> None: ...

    def stop(self) -> Mapping[str, Reading]:
        return {"memory.host": peak_resident()}

    def close(self) -> None: ...


def peak_resident(status: Path = STATUS, platform: str = sys.platform) -> Reading:
    """Peak resident set of this process. Units: B.

    On Linux it is VmHWM, which belongs to the memory of this program; getrusage's ru_maxrss also remembers what the
    process held before it became this program: one started by a parent of 600 MB reads 600 MB.
    """
    if platform == "linux":
        return _high_water_mark(status)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    unit = 1 if platform == "darwin" else 1024  # B on macOS, KiB elsewhere (getrusage(2))
    return Reading(float(peak * unit), "getrusage ru_maxrss")


def _high_water_mark(status: Path) -> Reading:
    try:
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
    except OSError as error:
        return Reading.absent(f"{status}: {error.strerror}")
    if found is None:
        return Reading.absent(f"{status} has no VmHWM")
    return Reading(float(int(found[1]) * 1024), f"VmHWM of {status}")
