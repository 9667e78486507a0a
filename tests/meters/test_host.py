from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import ACCESS_READ, mmap
from pathlib import Path

import pytest

from bench.device import Device
from bench.meters import open_meters
from bench.meters.host import HostMeter, peak_resident, resident_files
from bench.record import Reading

ROOT = Path(__file__).parents[2]
CPU = Device("cpu", "a cpu", None, None)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Proc:
    """A /proc made by hand, in which `self` is the measured process."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def process(self, name: str, peak: int | None, *children: str, command: str = "python\0work.py\0") -> None:
        """A process with a peak (kB; None where it has ended and nobody has asked why) and its children."""
        folder = self.root / name
        (folder / "task" / name).mkdir(parents=True)
        (folder / "status").write_text(f"VmHWM:\t{peak:8} kB\n" if peak is not None else "State:\tZ (zombie)\n")
        (folder / "cmdline").write_text(command)
        (folder / "task" / name / "children").write_text("".join(f"{child} " for child in children))

    def thread(self, name: str, thread: str, *children: str) -> None:
        folder = self.root / name / "task" / thread
        folder.mkdir()
        (folder / "children").write_text("".join(f"{child} " for child in children))

    def peak(self) -> Reading:
        return peak_resident(self.root, "linux")


@pytest.fixture
def proc(tmp_path: Path) -> Proc:
    return Proc(tmp_path)


def test_the_high_water_mark_is_in_bytes(proc: Proc) -> None:
    proc.process("self", None)
    (proc.root / "self" / "status").write_text("VmPeak:\t  999 kB\nVmHWM:\t    9768 kB\nVmRSS:\t  9000 kB\n")

    assert proc.peak() == Reading(9768 * 1024, "VmHWM of the process")


def test_children_count_whichever_thread_or_child_started_them(proc: Proc) -> None:
    proc.process("self", 1000, "71")
    proc.thread("self", "72", "73")
    proc.process("71", 200, "74")
    proc.process("73", 30)
    proc.process("74", 4)

    assert proc.peak() == Reading(1234 * 1024, "VmHWM of the process and its 3 children, summed")


def test_our_own_sampler_is_no_part_of_what_is_measured(proc: Proc) -> None:
    proc.process("self", 1000, "71", "72")
    proc.process("71", 500, "73", command="python\0-P\0-m\0bench.sampler\0GPU-aaaa\0")
    proc.process("73", 60)
    proc.process("72", 7)

    assert proc.peak() == Reading(1007 * 1024, "VmHWM of the process and its 1 child, summed")


def test_a_child_that_has_ended_is_left_out(proc: Proc) -> None:
    proc.process("self", 1000, "71", "72")  # 72 has gone entirely
    proc.process("71", None)

    assert proc.peak() == Reading(1000 * 1024, "VmHWM of the process")


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd14", 1024)])
def test_ru_maxrss_has_the_unit_of_its_system(monkeypatch: pytest.MonkeyPatch, platform: str, unit: int) -> None:
    usage = type("Usage", (), {"ru_maxrss": 5000})
    monkeypatch.setattr(resource, "getrusage", lambda who: usage)

    reading = peak_resident(platform=platform)

    assert reading == Reading(5000 * unit, "getrusage ru_maxrss of the process, without its children")


def test_a_system_that_does_not_say_gives_a_reason(proc: Proc) -> None:
    status = proc.root / "self" / "status"
    assert proc.peak().reason == f"{status}: No such file or directory"
    proc.process("self", None)
    assert proc.peak() == Reading.absent(f"{status} has no VmHWM")


def test_the_host_meter_has_no_targets() -> None:
    meter = open_meters(("host:other",), CPU)

    reason = Reading.absent("the host meter has no targets, so none called other")
    assert meter.before() == {"memory.host": reason, "memory.files": reason}


@linux
def test_memory_that_was_touched_and_given_back_still_counts() -> None:
    meter = open_meters(("host",), CPU)
    meter.start()
    before = meter.stop()["memory.host"].value
    assert before is not None
    ballast = b"x" * int(before)
    del ballast
    after = meter.stop()["memory.host"].value
    assert after is not None
    assert after >= 1.5 * before


@linux
def test_pages_of_files_are_told_apart_from_what_the_process_allocated(tmp_path: Path) -> None:
    size = 50_000_000
    (tmp_path / "library").write_bytes(bytes(size))
    before = resident_files().value
    ballast = bytearray(b"x") * size
    assert resident_files().value == pytest.approx(before, abs=2e6)
    with (tmp_path / "library").open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as mapped:
        assert sum(mapped[::4096]) == 0  # which touches every page
        during = resident_files()

    assert during.value == pytest.approx((before or 0) + size, rel=0.05)
    assert during.source == "RssFile of the process"
    assert len(ballast) == size


def test_elsewhere_pages_of_files_are_not_told() -> None:
    assert resident_files(platform="darwin") == Reading.absent("only Linux tells it")


@linux
def test_the_memory_of_a_living_child_counts() -> None:
    before = peak_resident().value
    code = "b = b'x' * 200_000_000; print(len(b), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        during = peak_resident().value
        child.communicate("\n")
    after = peak_resident().value

    assert before is not None
    assert during is not None
    assert after is not None
    assert during - before > 200_000_000
    assert during - after > 150_000_000


@linux
def test_the_memory_of_the_parent_does_not_count() -> None:
    """getrusage fails this test: its ru_maxrss survives exec."""
    ballast = b"x" * 300_000_000
    code = "from bench.meters.host import peak_resident; print(peak_resident().value)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert float(done.stdout) < len(ballast) / 2


@contextmanager
def spinning(folder: Path, name: str, orphan: bool) -> Iterator[None]:
    """A program of that name that works all the time: a child of ours, or of nobody's who belongs to us."""
    program, going = folder / name, folder / "going"
    program.symlink_to("/bin/sh")
    going.touch()
    loop = 'while [ -e "$0" ]; do :; done'
    command = ["sh", "-c", '"$1" -c "$2" "$3" & ', "sh"] if orphan else []
    arguments = [str(program), loop, str(going)] if orphan else [str(program), "-c", loop, str(going)]
    started = subprocess.Popen([*command, *arguments])
    try:
        if orphan:
            started.wait()
        time.sleep(0.5)
        yield
    finally:
        going.unlink()
        started.wait()


@linux
@pytest.mark.parametrize(("orphan", "seen"), [(True, ["wattspin"]), (False, [])])
def test_who_else_used_the_cpus_is_named_and_what_we_started_is_not(
    tmp_path: Path, orphan: bool, seen: list[str]
) -> None:
    meter = HostMeter()
    meter.before()
    with spinning(tmp_path, "wattspin", orphan):
        foreign = meter.facts()["foreign"]

    assert [other["name"] for other in foreign if other["name"] == "wattspin"] == seen
    assert all(set(other) == {"name", "cpu_share"} and 0.01 < other["cpu_share"] <= 1 for other in foreign)
    assert len(foreign) <= 3
    assert os.environ.get("USER", "no name") not in str(foreign)


def test_a_host_that_was_not_looked_at_before_says_nothing_of_others() -> None:
    assert HostMeter().facts() == {}
