"""Who else uses the machine: what is ours, what is not, and how it is said."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench import foreign
from bench.foreign import Moment, Process, family, load, look, others, program, shares, words

CPU = SimpleNamespace(name="cpu", kind="cpu", uuid=None)
OTHERS = """
import json, types
from bench.foreign import others
device = types.SimpleNamespace(name="cuda:0", kind="cuda", uuid="GPU-aaaa")
print(json.dumps(others(device, 0.01)[:2]))
"""


def moment(wall: float, busy: float, **seconds: float) -> Moment:
    """A moment at which programs have had so many seconds; those that begin with ``our`` are ours."""
    processes = {
        (number, 0.0): Process(name, time, name.startswith("our"))
        for number, (name, time) in enumerate(seconds.items())
    }
    return Moment(wall, busy, processes)


def test_shares_are_of_all_cpus_and_the_largest_comes_first() -> None:
    before = moment(10, 0, cat=5, make=7, ours=100)
    after = moment(12, 0, cat=5.1, make=9, ours=104)

    assert shares(before, after, cpus=4) == {"make": pytest.approx(0.25), "cat": pytest.approx(0.0125)}
    assert list(shares(before, after, cpus=4)) == ["make", "cat"]


def test_processes_of_one_program_are_taken_together() -> None:
    before = Moment(0, 0, {(1, 0.0): Process("gcc", 1, False), (2, 0.0): Process("gcc", 1, False)})
    after = Moment(1, 0, {(1, 0.0): Process("gcc", 1.5, False), (2, 0.0): Process("gcc", 1.25, False)})

    assert shares(before, after, cpus=1) == {"gcc": pytest.approx(0.75)}


def test_an_id_that_was_given_again_is_another_process() -> None:
    before = Moment(0, 0, {(7, 1.0): Process("old", 500, False)})
    after = Moment(1, 0, {(7, 0.5): Process("new", 0.25, False)})

    assert shares(before, after, cpus=1) == {"new": 0.25}


def test_load_is_what_the_cpus_worked_beyond_what_is_ours_seen_or_not() -> None:
    before = moment(0, 100, ours=10)
    after = moment(2, 106, ours=12, make=1)

    assert load(before, after, cpus=4) == pytest.approx((6 - 2) / 8)


def test_load_is_never_negative_though_ticks_are_coarse() -> None:
    assert load(moment(0, 100, ours=10), moment(1, 100.9, ours=11), cpus=1) == 0


def test_the_family_is_what_we_started_and_what_started_us() -> None:
    parents = {1: 0, 20: 1, 30: 20, 31: 20, 40: 30, 50: 40, 51: 40, 60: 1}

    assert family(40, parents) == {40, 50, 51, 30, 20, 1}


def test_a_family_whose_ids_were_given_again_in_a_circle_has_an_end() -> None:
    assert family(5, {5: 6, 6: 5, 7: 5}) == {5, 6, 7}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("postgres: ada salaries", "postgres"),
        ("kworker/0:1-events", "kworker"),
        ("(sd-pam)", "sd-pam"),
        ("python3.11", "python3.11"),
        ("", "unnamed"),
        ("/home/ada/secret", "home"),
    ],
)
def test_a_process_is_named_by_its_program_alone(name: str, said: str) -> None:
    assert program(name) == said


def test_load_is_said_with_the_three_largest_programs() -> None:
    named = {"make": 0.2, "gcc": 0.05, "ld": 0.04, "cat": 0.03}

    assert words(0.34, named) == "other processes take 34 % of the CPUs: make 20 %, gcc 5 %, ld 4 %"


def test_load_that_nobody_can_be_seen_to_cause_is_said_too() -> None:
    text = words(0.5, {"cat": 0.001})

    assert text == "other processes take 50 % of the CPUs, and none that can be seen from here does"


@pytest.mark.parametrize(("busy", "said"), [(0.22, 1), (0.18, 0)])
def test_other_load_counts_above_a_tenth_of_the_cpus(monkeypatch: pytest.MonkeyPatch, busy: float, said: int) -> None:
    moments = iter([moment(0, 0, make=0), moment(1, busy, make=busy)])
    monkeypatch.setattr(foreign, "look", lambda: next(moments))
    monkeypatch.setattr(foreign, "_cpus", lambda: 2)

    assert len(others(CPU, 0)) == said


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_look_at_this_machine_knows_us_and_our_children_from_the_rest() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1) as child:
        looked = look()
        seen = {process: found.ours for (process, _), found in looked.processes.items()}
        child.communicate(b"\n")

    assert seen[os.getpid()]
    assert seen[os.getppid()]
    assert seen[child.pid]
    assert not all(seen.values())
    assert (os.getpid(), psutil.Process().create_time()) in looked.processes


def test_processes_on_the_device_are_told_with_their_memory(python_with_nvml: Any) -> None:
    answers = {
        "process.0.pid": "4194305",
        "process.0.memory": "2500000000",
        "process.0.name": "/opt/train --secret",
        "process.1.pid": "4194306",
        "process.1.memory": "-1",
        "process.1.name": "python",
    }

    assert python_with_nvml("-c", OTHERS, answers=answers) == [
        "train (process 4194305) holds 2.50 GB of cuda:0",
        "python (process 4194306) holds memory of cuda:0",
    ]


def test_our_own_process_on_the_device_is_nobody_else(python_with_nvml: Any) -> None:
    phrases = python_with_nvml("-c", OTHERS, answers={"process.0.pid": "self", "process.0.memory": "5000"})

    assert not [phrase for phrase in phrases if "cuda:0" in phrase]


def test_a_driver_that_does_not_say_who_is_there_lets_nobody_be_alone(python_with_nvml: Any) -> None:
    answers = {"nvmlDeviceGetComputeRunningProcesses_v3.return": "4"}

    (phrase, *_) = python_with_nvml("-c", OTHERS, answers=answers)

    assert phrase.startswith("who else uses cuda:0 cannot be told: nvmlDeviceGetComputeRunningProcesses_v3: ")
