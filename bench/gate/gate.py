"""A gate: count both arms exactly, then measure pairs until each case is judged. Every pair is on disk at once."""

from __future__ import annotations

import contextlib
import os
import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import bench
from bench import matrix as matrices
from bench.case import Case
from bench.engines import Ended
from bench.engines.local import Engine
from bench.errors import SpecError
from bench.gate.alike import differences, may_differ
from bench.gate.arms import Place
from bench.gate.lockstep import Lockstep
from bench.gating import Gating
from bench.job import Job, Outcome, seed_of
from bench.judge import counters, paired
from bench.judge.contamination import contamination
from bench.judge.finding import Finding, Judgement, Mode
from bench.matrix import Matrix
from bench.measuring import Plan
from bench.pair import ARMS, Arm, Pair, Stage, read_pairs
from bench.run import TASK_SECONDS, check, choose, preload

PAIRS = "pairs.jsonl"


class Progress(Protocol):
    """Is told how the gate goes."""

    def say(self, text: str) -> None: ...

    def needs(self, needed: Mapping[str, tuple[Stage, int]]) -> None: ...

    def begin_pair(self, case: Case, stage: Stage) -> None: ...

    def end_pair(self, pair: Pair) -> None: ...


@dataclass(frozen=True)
class Request:
    """All that one gate was asked to do. ``devices`` are those asked for; ``smallest`` is what a calibration of this
    machine found, by case id; ``notes`` are for the judgement."""

    places: Mapping[Arm, Place]
    matrix: Matrix
    devices: Sequence[str]
    folder: Path
    command: str
    seed: int
    mode: Mode = "paired"
    data: str = "auto"
    model: str | None = None
    meters: tuple[str, ...] = ()
    allocator: str = "pinned"
    timeout: float = 600.0
    smallest: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def gate(request: Request, progress: Progress) -> Judgement:
    """Compare head with base: count both, then measure pairs until each case is judged.

    Raises:
        SpecError: an arm cannot be started, a device is not here, or a workload refuses its axes.
        KeyboardInterrupt: stopped; every pair that had ended is in the folder.
    """
    begin, started = time.perf_counter(), datetime.now(UTC)
    progress.say("loading torch and the models of base and head")
    with servers(request) as arms:
        task = plan(request, arms["head"])
        environments = {arm: environment(engine, arm, task) for arm, engine in arms.items()}
        unlike = differences(environments["base"], environments["head"], may_differ(request.places["base"], request.places["head"]))
        progress.say("counting")
        findings = _refused(task, unlike) if unlike else _counted(arms, task)
    notes = list(request.notes)
    if request.mode != "counters" and not unlike:
        pairs = Pairs(request.folder)
        _measure(task, pairs, progress, notes)
        findings += paired.judge(by_case(pairs.all, task.cases), task.gatings, request.smallest, task.cases)
    return Judgement(
        id=f"{started:%Y%m%dT%H%M%S}-{os.urandom(2).hex()}",
        started=started.isoformat(timespec="seconds"),
        command=request.command,
        mode=request.mode,
        base={**request.places["base"].to_json(), "environment": environments["base"]},
        head={**request.places["head"].to_json(), "environment": environments["head"]},
        findings=tuple(findings),
        notes=tuple(notes),
        wattmark=bench.__version__,
        seed=request.seed,
        seconds=time.perf_counter() - begin,
        settings={case.id: asdict(task.gatings[case.id]) for case in task.cases},
    )


@dataclass(frozen=True)
class Task:
    """What a request comes to on this machine: its cases, how each is gated, and the devices by name."""

    request: Request
    cases: Sequence[Case]
    gatings: Mapping[str, Gating]
    devices: Mapping[str, Mapping[str, Any]]


def plan(request: Request, engine: Engine) -> Task:
    """The cases of a request on the devices that the engine finds here.

    Raises:
        SpecError: there is no case, or one that cannot be.
    """
    here = {device["name"]: device for device in result(engine.run("devices", {}, TASK_SECONDS), "head")}
    chosen = choose(request.devices, list(here))
    for case in matrices.searches(request.matrix, chosen):
        raise SpecError(f"{case.workload}: a batch size of max cannot be gated; name sizes with --batch")
    gated = matrices.gated(request.matrix, chosen, request.data, request.model)
    check([case for case, _ in gated])
    return Task(request, [case for case, _ in gated], {case.id: gating for case, gating in gated}, here)


@contextlib.contextmanager
def servers(request: Request) -> Iterator[Mapping[Arm, Engine]]:
    """Fork servers of both arms, loading at the same time. Fresh ones for every pair: forks of one server share its
    memory layout, which a pair must draw anew."""
    with contextlib.ExitStack() as stack:
        arms: dict[Arm, Engine] = {}
        for arm in ARMS:
            place = request.places[arm]
            modules = preload(request.matrix)
            engine = Engine(modules, request.allocator, place.python, place.path, place.directory)
            arms[arm] = stack.enter_context(engine)
        for engine in arms.values():
            engine.spawn()
        yield arms


class Pairs:
    """The pairs of a gate, in a file of lines that only grows."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PAIRS
        self.all: list[Pair] = []
        if self._path.exists():
            text = self._path.read_text(encoding="utf-8")
            self.all = list(read_pairs(text, str(self._path)))
            if not text.endswith("\n"):  # a power cut left half a line
                self._path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def add(self, pair: Pair) -> None:
        """Keep a pair; it is on disk when this returns."""
        self.all.append(pair)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(pair.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())


def _refused(task: Task, unlike: Sequence[str]) -> list[Finding]:
    """Nothing is measured where the arms do not run under the same conditions."""
    reasons = tuple(f"Not comparable: {field}." for field in unlike)
    return [Finding(case, "time.step", "incomparable", "s", reasons=reasons) for case in task.cases]


def _measure(task: Task, pairs: Pairs, progress: Progress, notes: list[str]) -> None:
    """Measure pairs of fresh processes, all cases that still need one in each, until no case does."""
    by_id = {case.id: case for case in task.cases}
    apart: set[str] = set()
    while needed := paired.needs(by_case(pairs.all, task.cases), task.gatings):
        progress.needs(needed)
        with servers(task.request) as arms:
            number = len(pairs.all)
            for identity in random.Random(task.request.seed + number).sample(sorted(needed), len(needed)):
                case, stage = by_id[identity], needed[identity][0]
                progress.begin_pair(case, stage)
                pair = _pair(task, arms, case, stage, pairs.all, apart)
                if pair.status == "oom" and identity not in apart:
                    apart.add(identity)
                    notes.append(f"{case}: two models did not fit beside each other; its processes ran in turn")
                    pair = _pair(task, arms, case, stage, pairs.all, apart)
                pairs.add(pair)
                progress.end_pair(pair)


def _pair(
    task: Task, arms: Mapping[Arm, Engine], case: Case, stage: Stage, before: Sequence[Pair], apart: set[str]
) -> Pair:
    request, gating = task.request, task.gatings[case.id]
    energy = "energy" in gating.metrics
    lockstep = Lockstep(
        arms,
        task.devices[case.device],
        gating.seconds,
        request.timeout,
        request.meters if energy or case.device != "cpu" else (),
        energy,
        together=case.id not in apart,
    )
    same = [pair for pair in before if pair.case == case]
    pair = lockstep.measure(case, len(same), stage, request.seed)
    reason = contamination(pair, same) if pair.status == "ok" else None
    return replace(pair, status="contaminated", reason=reason) if reason else pair


def _counted(arms: Mapping[Arm, Engine], task: Task) -> list[Finding]:
    """The exact counters of both arms, compared."""
    findings: list[Finding] = []
    for case in task.cases:
        found = {arm: count(arms[arm], task, case) for arm in ARMS}
        findings += counters.compare(case, found["base"], found["head"], task.gatings[case.id])
    return findings


def count(engine: Engine, task: Task, case: Case) -> Mapping[str, Any] | None:
    """The exact counters of a case, or None where it did not get that far."""
    seed = seed_of(task.request.seed, case, 0)
    job = Job(case, task.devices[case.device], 0, seed, Plan(1.0), (), count_only=True)
    ended = engine.run("replicate", job.to_json(), task.request.timeout)
    return Outcome.from_json(ended.result).counters if ended.result else None


def environment(engine: Engine, arm: Arm, task: Task) -> dict[str, Any]:
    """What torch, driver and machine an arm runs on, on the device of the first case."""
    found = result(engine.run("environment", {"device": task.cases[0].device}, TASK_SECONDS), arm)
    return {**found, "allocator": task.request.allocator}


def result(ended: Ended, arm: Arm) -> Any:
    """What a job of an arm brought.

    Raises:
        SpecError: nothing; the message says why.
    """
    if ended.result is None:
        last = ended.stderr.strip().rpartition("\n")[2]
        raise SpecError(f"--{arm}: cannot be run: {ended.reason}{': ' + last if last else ''}")
    return ended.result


def by_case(pairs: Sequence[Pair], cases: Sequence[Case] = ()) -> dict[str, list[Pair]]:
    """The pairs by case id; the ``cases`` that have none are there too."""
    found: dict[str, list[Pair]] = {case.id: [] for case in cases}
    for pair in pairs:
        found.setdefault(pair.case.id, []).append(pair)
    return found
