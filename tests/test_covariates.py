from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from bench.covariates import Covariates, Snapshot, living_children, machine_times, snapshot

START = Snapshot(
    wall=100.0,
    process=40.0,
    own=50.0,
    busy=1000.0,
    steal=7.0,
    involuntary_switches=300,
    minor_faults=9000,
    major_faults=5,
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def window(
    steps: int = 10, threads: int = 2, cpus: int = 4, before: Snapshot = START, **passed: float | None
) -> dict[str, float | None]:
    """The covariates of a window of 2 s in which the given counters rose by so much, or went missing (None)."""
    rises = {"wall": 2.0, **passed}
    after = {name: None if by is None else getattr(before, name) + by for name, by in rises.items()}
    moments = iter([before, replace(before, **after)])
    covariates = Covariates(lambda: next(moments), cpus)
    covariates.start()
    return dict(covariates.stop(steps, threads))


def test_every_covariate_of_a_window_is_exact() -> None:
    assert window(
        process=3.0, own=3.5, busy=4.5, steal=0.5, involuntary_switches=25, minor_faults=40, major_faults=3
    ) == {
        "cpu_share": 3.0 / (2 * 2),
        "foreign_share": (4.5 - 3.5) / (2 * 4),
        "steal_share": 0.5 / (2 * 4),
        "involuntary_switches_per_step": 2.5,
        "minor_faults_per_step": 4.0,
        "major_faults": 3.0,
    }


def test_a_spinning_neighbour_is_seen() -> None:
    assert window(process=2.6, own=2.6, busy=4.0, cpus=2)["foreign_share"] == pytest.approx(0.35)


def test_the_childrens_work_is_not_foreign() -> None:
    covariates = window(process=2.0, own=6.0, busy=6.0)
    assert covariates["foreign_share"] == 0
    assert covariates["cpu_share"] == 0.5


@pytest.mark.parametrize(("short_by", "share"), [(0.0, 0.0), (0.039, 0.0), (0.041, None), (3.0, None)])
def test_a_negative_foreign_share_is_0_within_a_tick_per_cpu_and_unknown_beyond(
    short_by: float, share: float | None
) -> None:
    assert window(own=3.0, busy=3.0 - short_by)["foreign_share"] == share


def test_a_window_of_fewer_than_ten_ticks_has_no_shares_of_the_machine() -> None:
    covariates = window(wall=0.09, process=0.18, own=0.18, busy=0.30)
    assert covariates["foreign_share"] is None
    assert covariates["steal_share"] is None
    assert covariates["cpu_share"] == pytest.approx(1.0)


def test_without_proc_stat_the_shares_of_the_machine_are_unknown() -> None:
    covariates = window(before=replace(START, busy=None, steal=None))
    assert covariates["foreign_share"] is None
    assert covariates["steal_share"] is None


def test_steps_are_counted_against_torchs_threads_by_default() -> None:
    import torch

    moments = iter([START, replace(START, wall=102.0, process=41.0)])
    covariates = Covariates(lambda: next(moments), cpus=4)
    covariates.start()
    assert covariates.stop(1)["cpu_share"] == 0.5 / torch.get_num_threads()


def test_waiting_and_guests_are_no_work(tmp_path: Path) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 20 300 99999 88888 4 5 60 70 80\ncpu0 1 1 1 1 1 1 1 1 1 1\n")
    busy, steal = machine_times(stat)
    assert busy == pytest.approx((100 + 20 + 300 + 4 + 5) / os.sysconf("SC_CLK_TCK"))
    assert steal == pytest.approx(60 / os.sysconf("SC_CLK_TCK"))


@pytest.mark.parametrize("text", [None, "", "cpu 1 2 3\n", "nonsense\n"])
def test_a_stat_that_cannot_be_read_is_unknown(tmp_path: Path, text: str | None) -> None:
    stat = tmp_path / "stat"
    if text is not None:
        stat.write_text(text)
    assert machine_times(stat) == (None, None)


def test_children_that_still_live_are_counted_whatever_their_names(tmp_path: Path) -> None:
    own = tmp_path / f"{os.getpid()}/task/{os.getpid()}"
    own.mkdir(parents=True)
    (own / "children").write_text("71 72 73 ")
    for child, times in (("71", "10 20 30 40"), ("72", "1 2 3 4")):  # 73 has ended meanwhile
        (tmp_path / child).mkdir()
        (tmp_path / child / "stat").write_text(f"{child} (a) 1 b) S 1 1 1 0 -1 0 0 0 0 0 {times} 20 0 1 0\n")
    assert living_children(tmp_path) == pytest.approx(110 / os.sysconf("SC_CLK_TCK"))


def test_no_children_take_no_time(tmp_path: Path) -> None:
    assert living_children(tmp_path) == 0


@linux
def test_work_of_this_process_and_of_a_living_child_is_our_own() -> None:
    spin = "import time\nend = time.process_time() + 0.2\nwhile time.process_time() < end: pass\nprint(1, flush=True)\n"
    before = snapshot()
    with subprocess.Popen([sys.executable, "-c", spin + "input()"], stdin=-1, stdout=-1, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        living = snapshot()
        child.communicate("\n")
    reaped = snapshot()
    assert living.own - before.own >= 0.17  # CPU time, which no load of the machine can shorten; ticks are 10 ms
    assert reaped.own - before.own >= 0.2
    assert living.process - before.process < 0.17


@linux
def test_a_snapshot_of_this_machine_is_complete_and_never_goes_back() -> None:
    first = snapshot()
    end = time.process_time() + 0.05
    while time.process_time() < end:
        pass
    second = snapshot()
    assert None not in (first.busy, first.steal)
    assert second.process - first.process >= 0.05
    assert second.busy >= first.busy
