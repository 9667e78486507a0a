"""Pairs for real: two fork servers, chunks that alternate, and arms that go wrong."""

import json
import math
import multiprocessing
import os
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest

from bench.case import Case
from bench.device import Device
from bench.engines.local import Engine
from bench.gate.lockstep import MOST_STEPS, ROUNDS, Lockstep, schedule
from bench.judge.contamination import contamination
from bench.pair import Pair

CPU = Device("cpu", "a CPU", None, None).to_json()
CASE = Case("mine:Step", "cpu", "fp32", 4, {})

MODULE = """
import os, time
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from workloads import Prepared

HERE = Path(__file__).parent
OTHER = Path({other!r})

@dataclass(frozen=True)
class Step:
    version: ClassVar[int] = 1
    batch_size: int = 4

    def prepare(self, setup):
        import torch

        {prepare}
        layer = torch.nn.Linear(64, 64)
        x = torch.randn(self.batch_size, 64)
        def step(i):
            {step}
            with torch.no_grad():
                return layer(x)
        inputs = {{"kind": "generated", "name": "normal", "sha256": "0" * 64}}
        return Prepared(step, [{{"row": self.batch_size}}], inputs, {{"parameters": 64 * 65, "weights": "random"}})
"""

# Memory for one: whoever is alive holds it, by a file that names the process.
HOLD = """
        for place in (HERE, OTHER):
            held = place / "held"
            if held.exists() and Path("/proc", held.read_text()).exists() and held.read_text() != str(os.getpid()):
                raise MemoryError("the other model has it all")
        (HERE / "held").write_text(str(os.getpid()))
"""


@pytest.fixture(scope="module")
def arms(tmp_path_factory):
    """Makes both servers, each with a module `mine` of its own; ``prepare`` and ``step`` are lines of base and head."""
    made = []

    def make(prepare=("pass", "pass"), step=("pass", "pass")):
        folders = [tmp_path_factory.mktemp(arm) for arm in ("base", "head")]
        servers = {}
        for number, arm in enumerate(("base", "head")):
            text = MODULE.format(other=str(folders[1 - number]), prepare=prepare[number], step=step[number])
            (folders[number] / "mine.py").write_text(text)
            path = [folders[number], *map(Path, filter(None, sys.path))]
            servers[arm] = Engine(path=path)
            made.append(servers[arm])
        return servers

    yield make
    for server in made:
        server.__exit__(None, None, None)


@pytest.fixture(scope="module")
def plain(arms):
    return arms()


def lockstep(servers, **options):
    return Lockstep(servers, CPU, 0.2, **{"timeout": 60, **options})


def test_the_arms_take_turns_a_b_b_a_and_the_first_is_drawn(plain):
    pairs = [lockstep(plain).measure(CASE, index, "screen", 7) for index in range(6)]

    for pair in pairs:
        assert pair.status == "ok", pair.reason
        order = [chunk.arm for chunk in pair.chunks]
        assert order[0] == pair.first
        assert all(before == after for before, after in list(pairwise(order))[1::2])
        assert all(before != after for before, after in list(pairwise(order))[::2])
        assert len(pair.of("base")) == len(pair.of("head")) >= ROUNDS[0]
    assert {pair.first for pair in pairs} == {"base", "head"}


def test_the_model_is_built_anew_in_the_same_rounds_of_both_arms(plain):
    pair = lockstep(plain).measure(CASE, 0, "screen", 1)
    base, head = ([chunk.round for chunk in pair.of(arm) if chunk.rebuilt] for arm in ("base", "head"))

    assert base == head != []


def test_a_pair_survives_the_way_to_disk_and_back(plain):
    pair = lockstep(plain).measure(CASE, 0, "screen", 1)

    assert Pair.from_json(pair.to_json()) == pair
    assert {"foreign_share", "steal_share"} <= set(pair.covariates)
    assert all({"cpu_share", "minor_faults_per_step"} <= set(chunk.covariates) for chunk in pair.chunks)


def test_energy_that_no_meter_counts_is_absent_with_what_the_meter_says(plain):
    pair = lockstep(plain, meters=("nvml",), energy=True).measure(CASE, 0, "screen", 1)

    assert pair.status == "ok", pair.reason
    assert {arm: reading.value for arm, reading in pair.energy.items()} == {"base": None, "head": None}
    assert {reading.reason for reading in pair.energy.values()} == {"NVML measures NVIDIA GPUs only, not cpu"}


def test_an_arm_that_fails_ends_the_pair_and_is_named(arms):
    servers = arms(step=("pass", "if i > 5: raise KeyError('the cat ate it')"))
    pair = lockstep(servers).measure(CASE, 0, "screen", 1)

    assert (pair.status, pair.failed) == ("failed", ("head",))
    assert pair.reason == "head: KeyError: 'the cat ate it'"
    assert lockstep(servers).measure(CASE, 1, "screen", 1).failed == ("head",)  # the servers go on


def test_an_arm_that_dies_ends_the_pair_and_the_other_arm_with_it(arms):
    servers = arms(step=("if i > 5: os.kill(os.getpid(), 9)", "pass"))
    pair = lockstep(servers).measure(CASE, 0, "screen", 1)

    assert (pair.status, pair.failed) == ("crashed", ("base",))
    assert "SIGKILL" in pair.reason
    assert psutil.Process(servers["head"]._server.pid).children() == []


def test_an_arm_that_hangs_is_ended(arms):
    pair = lockstep(arms(step=("pass", "time.sleep(0 if i < 5 else 600)")), timeout=3).measure(CASE, 0, "screen", 1)

    assert (pair.status, pair.failed) == ("timeout", ("head",))


def test_a_number_that_is_not_finite_fails_the_arm(arms):
    pair = lockstep(arms(step=("return torch.tensor(float('nan'))", "pass"))).measure(CASE, 0, "screen", 1)

    assert (pair.status, pair.failed) == ("failed", ("base",))
    assert "not a finite number" in pair.reason


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_models_that_do_not_fit_beside_each_other_run_in_turn(arms):
    servers = arms(prepare=(HOLD, HOLD))

    assert lockstep(servers).measure(CASE, 0, "screen", 1).status == "oom"
    pair = lockstep(servers, together=False).measure(CASE, 1, "screen", 1)
    assert pair.status == "ok", pair.reason
    assert all(chunk.rebuilt for chunk in pair.chunks)
    assert [chunk.round for chunk in pair.of("base")] == [chunk.round for chunk in pair.of("head")]


def spin(seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def test_a_spinning_neighbour_is_seen_and_named(plain):
    neighbours = [multiprocessing.get_context("fork").Process(target=_orphan, daemon=True) for _ in range(1)]
    before = psutil.pids()
    for neighbour in neighbours:
        neighbour.start()
    time.sleep(0.5)
    try:
        pair = lockstep(plain).measure(CASE, 0, "screen", 1)
    finally:
        for process in psutil.process_iter():
            if process.pid not in before and process.ppid() == 1 and "python" in process.name():
                process.kill()

    assert pair.covariates["foreign_share"] > 0.1
    assert contamination(pair) is not None


def _orphan():
    """Spin as somebody else's process: one whose parent is gone is not of our family."""
    for _ in range(os.cpu_count() or 1):
        if os.fork() == 0:
            spin(30)
            os._exit(0)
    os._exit(0)


@pytest.mark.parametrize("step", [1e-5, 0.002, 0.02, 0.06, 1.5])
@pytest.mark.parametrize("build", [0.001, 0.1, 3.0])
def test_a_schedule_keeps_to_its_time_where_it_can(step, build):
    cut = schedule(step, build, 2.0)
    rebuilt = math.ceil(cut.rounds / cut.rebuild) - 1  # not in the first round
    spent = 2 * cut.rounds * (cut.warm + cut.steps) * step + 2 * rebuilt * (build + 2 * step)

    assert ROUNDS[0] <= cut.rounds <= ROUNDS[1]
    assert cut.rebuild < cut.rounds  # built anew at least once
    assert 1 <= cut.steps <= MOST_STEPS
    assert spent <= 2.0 or cut.rounds == ROUNDS[0]


def test_what_is_told_of_the_largest_chunk_is_one_write_into_a_pipe():
    steps = [1.123456789] * MOST_STEPS
    told = {"event": "chunk", "step_seconds": steps, "warmup_seconds": steps[:4], "seconds": 1 / 3, "rebuilt": False}
    covariates = dict.fromkeys(
        ("cpu_share", "foreign_share", "steal_share", "minor_faults_per_step", "clock.sm"), 1 / 3
    )

    assert len(json.dumps({**told, "covariates": covariates, "work": {"real_token": 1 / 3, "token": 1 / 3}})) < 2048


def test_what_fails_for_both_arms_is_no_fault_of_head(arms):
    pair = lockstep(arms(prepare=("raise OSError('no data')",) * 2)).measure(CASE, 0, "screen", 1)

    assert set(pair.failed) == {"base", "head"}
