from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from bench.device import Device
from bench.meters import open_meters
from bench.meters.host import peak_resident
from bench.record import Reading

ROOT = Path(__file__).parents[2]
CPU = Device("cpu", "a cpu", None, None)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def test_the_high_water_mark_is_in_bytes(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmPeak:\t  999 kB\nVmHWM:\t    9768 kB\nVmRSS:\t  9000 kB\n")
    assert peak_resident(status, "linux") == Reading(9768 * 1024, f"VmHWM of {status}")


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd14", 1024)])
def test_ru_maxrss_has_the_unit_of_its_system(monkeypatch: pytest.MonkeyPatch, platform: str, unit: int) -> None:
    usage = type("Usage", (), {"ru_maxrss": 5000})
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)
    assert peak_resident(platform=platform) == Reading(5000 * unit, "getrusage ru_maxrss")


def test_a_system_that_does_not_say_gives_a_reason(tmp_path: Path) -> None:
    empty = tmp_path / "status"
    assert peak_resident(empty, "linux").reason == f"{empty}: No such file or directory"
    empty.write_text("Name:\tpython\n")
    assert peak_resident(empty, "linux") == Reading.absent(f"{empty} has no VmHWM")


@linux
def test_memory_that_was_touched_and_given_back_still_counts() -> None:
    (meter,) = open_meters(("host",), CPU)
    meter.start()
    before = meter.stop()["memory.host"].value
    assert before is not None
    ballast = b"x" * int(before)
    del ballast
    after = meter.stop()["memory.host"].value
    assert after is not None
    assert after >= 1.5 * before


@linux
def test_the_memory_of_the_parent_does_not_count() -> None:
    """getrusage fails this test: its ru_maxrss survives exec."""
    ballast = b"x" * 300_000_000
    code = "from bench.meters.host import peak_resident; print(peak_resident().value)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(done.stdout) < len(ballast) / 2
