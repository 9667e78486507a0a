"""One pair: base and head alive at once, short chunks in the order A B B A, so that drift falls on both alike.

Where two models do not fit beside each other, each chunk is a process of its own: the same order, and only one alive.
"""

from __future__ import annotations

import contextlib
import math
import os
import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from bench import foreign
from bench.case import Case
from bench.covariates import machine_times
from bench.engines import Ended
from bench.engines.local import Engine
from bench.engines.talk import Talk
from bench.job import Job, seed_of
from bench.measuring import Plan
from bench.pair import ARMS, Arm, Chunk, Pair, Stage
from bench.record import Reading
from bench.typed import typed

CHUNK = 0.07  # s of measured steps that a chunk aims at: a few steps, of which a quarter are quick ones, before drift
MOST_STEPS = 32  # of a chunk: what is told of it then fits one write into a pipe
ROUNDS = (6, 12)  # the fewest, of which the median outvotes two; and the most
SETTLE = 2  # steps more to warm up after the model was built anew, until its memory is in use
BUILDING = 0.25  # share of a pair's time that may go into building the model anew


@dataclass(frozen=True)
class Schedule:
    """How a pair is cut: ``rounds`` of a chunk of each arm, ``warm`` and then ``steps`` steps each, the model built
    anew in every ``rebuild``-th round (and warmed up by `SETTLE` steps more)."""

    rounds: int
    warm: int
    steps: int
    rebuild: int


def schedule(step: float, build: float, seconds: float) -> Schedule:
    """The chunks that fit into ``seconds``, from the time of a step and of building the model (s).

    The model is built anew as often as a quarter of the time allows, and at least once.

    >>> schedule(step=0.02, build=0.05, seconds=1.6)
    Schedule(rounds=7, warm=1, steps=4, rebuild=3)
    """
    steps = min(max(round(CHUNK / step), 1), MOST_STEPS)
    warm = 1 if steps < 8 else 2
    anew = 2 * (build + SETTLE * step)
    times = min(max(int(BUILDING * seconds / anew), 1), ROUNDS[1] - 1)
    left = seconds - times * anew
    rounds = min(max(int(left / (2 * (warm + steps) * step)), ROUNDS[0]), ROUNDS[1])
    return Schedule(rounds, warm, steps, math.ceil(rounds / (times + 1)))


@dataclass(frozen=True)
class Lockstep:
    """Measures pairs. ``servers`` are the fork servers of both arms, ``device`` the identity of where cases run.

    ``meters`` watch where energy is wanted or the device is no CPU; ``seconds`` is what the chunks of a pair may take,
    ``timeout`` ends an arm that hangs.
    """

    servers: Mapping[Arm, Engine]
    device: Mapping[str, Any]
    seconds: float
    timeout: float = 600.0
    meters: tuple[str, ...] = ()
    energy: bool = False
    together: bool = True

    def measure(self, case: Case, index: int, stage: Stage, seed: int) -> Pair:
        """One pair of a case; whatever becomes of the arms, there is a pair that says so."""
        drawn = random.Random(seed_of(seed, case, index))
        first, other = drawn.sample(ARMS, 2)
        started, begin = datetime.now(UTC).isoformat(timespec="seconds"), time.perf_counter()
        pair = Pair(case, index, stage, first, seed, "ok", started=started)
        way = _Together(self, case, index, drawn) if self.together else _Apart(self, case, index, drawn)
        try:
            pair = way.run(pair, (first, other))
        except _ArmEnded as ended:
            # What fails for both is not head's doing, so the other arm has to show that it can.
            also = [arm for arm in ARMS if arm != ended.arm and not way.runs(arm)]
            status, reason = ended.ended.status, f"{ended.arm}: {ended.ended.reason}"
            pair = replace(pair, status=status, reason=reason, failed=(ended.arm, *also))  # type: ignore[arg-type]
        finally:
            way.close()
        return replace(pair, seconds=time.perf_counter() - begin)


class _ArmEnded(Exception):
    """An arm stopped before it had run all of its chunks."""

    def __init__(self, arm: Arm, ended: Ended) -> None:
        super().__init__(arm)
        self.arm = arm
        if ended.result is not None:  # the process lived to say what went wrong
            replicate = ended.result["replicate"]
            ended = Ended(None, replicate["status"], replicate["reason"], ended.stderr)
        self.ended = ended


class _Together:
    """Both arms are alive; one runs while the other sleeps."""

    def __init__(self, lockstep: Lockstep, case: Case, index: int, drawn: random.Random) -> None:
        self._lockstep = lockstep
        self._seeds = [drawn.getrandbits(32) for _ in range(ROUNDS[1] + 1)]
        plan = Plan(lockstep.seconds)
        self._job = Job(case, lockstep.device, index, self._seeds[-1], plan, lockstep.meters)
        self._talks: dict[Arm, Talk] = {}

    def run(self, pair: Pair, order: tuple[Arm, Arm]) -> Pair:
        known = self._open(order)
        step = max(facts["step"] for facts in known.values())
        cut = schedule(step, max(facts["seconds"] for facts in known.values()), self._lockstep.seconds)
        with _Beside(self._lockstep.device, len(self._talks)) as beside:
            chunks = [
                self._chunk(arm, number, cut)
                for number in range(cut.rounds)
                for arm in (order if number % 2 == 0 else order[::-1])  # A B B A
            ]
        energy = {str(arm): self._energy(arm, step) for arm in order} if self._lockstep.energy else {}
        for arm in tuple(self._talks):
            self._end(arm)
        return replace(pair, chunks=tuple(chunks), energy=energy, covariates=beside.covariates, beside=beside.who)

    def runs(self, arm: Arm) -> bool:
        """Whether an arm comes to its end, which it may have begun."""
        try:
            if arm not in self._talks:
                self._start(arm)
            self._end(arm)
        except _ArmEnded:
            return False
        return True

    def close(self) -> None:
        for talk in self._talks.values():
            talk.end()
        self._talks.clear()

    def _open(self, order: tuple[Arm, Arm]) -> dict[Arm, dict[str, Any]]:
        return {arm: self._start(arm) for arm in order}

    def _start(self, arm: Arm) -> dict[str, Any]:
        engine = self._lockstep.servers[arm]
        self._talks[arm] = engine.start("chunks", self._job.to_json(), self._lockstep.timeout)
        return self._hear(arm)

    def _hear(self, arm: Arm) -> dict[str, Any]:
        heard = self._talks[arm].hear()
        if heard is None:
            ended = self._talks.pop(arm).ended
            assert ended is not None
            raise _ArmEnded(arm, ended)
        return heard[1]

    def _end(self, arm: Arm) -> None:
        ended = self._talks.pop(arm).end()
        if ended.result is None or ended.result["replicate"]["status"] != "ok":
            raise _ArmEnded(arm, ended)

    def _chunk(self, arm: Arm, number: int, cut: Schedule) -> Chunk:
        anew = number > 0 and number % cut.rebuild == 0
        seed = self._seeds[number] if anew else None
        self._talks[arm].say({"warm": cut.warm + SETTLE * anew, "steps": cut.steps, "seed": seed})
        return typed({"arm": arm, "round": number, **self._hear(arm)}, Chunk)

    def _energy(self, arm: Arm, step: float) -> Reading:
        self._talks[arm].say({"energy": True, "step": step})
        return Reading(**self._hear(arm)["energy"])


class _Apart(_Together):
    """One arm is alive at a time: a process for each chunk, where two models do not fit beside each other."""

    def _open(self, order: tuple[Arm, Arm]) -> dict[Arm, dict[str, Any]]:
        known = {}
        for arm in order:
            known[arm] = self._start(arm)
            self._end(arm)
        return known

    def _chunk(self, arm: Arm, number: int, cut: Schedule) -> Chunk:
        self._job = replace(self._job, seed=self._seeds[number])
        self._start(arm)
        # Its first steps are those of a new process: warmed up as long as they are measured.
        chunk = super()._chunk(arm, 0, replace(cut, warm=max(cut.warm, cut.steps)))
        self._end(arm)
        return replace(chunk, round=number, rebuilt=True)

    def _energy(self, arm: Arm, step: float) -> Reading:
        self._start(arm)
        energy = super()._energy(arm, step)
        self._end(arm)
        return energy


class _Beside(contextlib.AbstractContextManager["_Beside"]):
    """What the machine did beside a pair: other programs' and the hypervisor's share of all CPUs' time."""

    covariates: Mapping[str, float | None]
    who: str | None

    def __init__(self, device: Mapping[str, Any], ours: int) -> None:
        self._device = device
        self._ours = ours

    def __enter__(self) -> _Beside:
        self._before, self._stolen = foreign.look(), machine_times()[1]
        return self

    def __exit__(self, *exception: object) -> None:
        after, stolen = foreign.look(), machine_times()[1]
        wall = after.wall - self._before.wall
        steal = (
            None if stolen is None or self._stolen is None else (stolen - self._stolen) / (wall * (os.cpu_count() or 1))
        )
        share = foreign.load(self._before, after)
        self.who = foreign.words(share, foreign.shares(self._before, after))
        self.covariates = {"foreign_share": share, "steal_share": steal, "device_processes": self._company()}

    def _company(self) -> float | None:
        """How many processes use the device beside the arms that are alive; None where nobody can say.

        Counted, not looked up: in a container the driver gives ids that are not ours to know."""
        if self._device["kind"] != "cuda":
            return None
        from bench.errors import Unavailable
        from bench.nvml import Gpu

        try:
            gpu = Gpu(self._device["uuid"] or "")
            try:
                return float(max(0, len(gpu.processes()) - self._ours))
            finally:
                gpu.close()
        except Unavailable:
            return None
