"""What a gate was asked to do, what that comes to on this machine, and the processes that do it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench import matrix as matrices
from bench.case import Case
from bench.engines import result
from bench.engines.local import Engine
from bench.errors import SpecError
from bench.gate.arms import Place
from bench.gating import Gating
from bench.judge.finding import Mode
from bench.matrix import Matrix
from bench.pair import Arm, Pair, Stage
from bench.run import TASK_SECONDS, check, choose, environment_of, preload


class Progress(Protocol):
    """Is told how the gate goes."""

    def say(self, text: str) -> None: ...

    def needs(self, needed: Mapping[str, tuple[Stage, int]]) -> None: ...

    def begin_pair(self, case: Case, stage: Stage) -> None: ...

    def end_pair(self, pair: Pair, disturbed: str | None) -> None: ...


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
    here = {device["name"]: device for device in result(engine.run("devices", {}, TASK_SECONDS), _failure("head"))}
    chosen = choose(request.devices, list(here))
    for case in matrices.searches(request.matrix, chosen):
        raise SpecError(f"{case.workload}: a batch size of max cannot be gated; name sizes with --batch")
    gated = matrices.gated(request.matrix, chosen, request.data, request.model)
    check([case for case, _ in gated])
    return Task(request, [case for case, _ in gated], {case.id: gating for case, gating in gated}, here)


@contextlib.contextmanager
def servers(request: Request, *also: str) -> Iterator[Mapping[Arm, Engine]]:
    """Fork servers of both arms, loading at the same time what the matrix wants, and ``also`` these modules. Fresh ones
    for every pair: forks of one server share its memory layout, which a pair must draw anew."""
    with contextlib.ExitStack() as stack:
        arms: dict[Arm, Engine] = {}
        loaded = [*also, *preload(request.matrix)]
        for arm, place in request.places.items():
            engine = Engine(loaded, request.allocator, place.python, place.path, place.directory)
            arms[arm] = stack.enter_context(engine)
        for engine in arms.values():
            engine.spawn()
        yield arms


def environment(engine: Engine, arm: Arm, task: Task) -> Mapping[str, Any]:
    """What torch, driver and machine an arm runs on, on the device of the first case."""
    return environment_of(engine, task.cases[0].device, task.request.allocator, _failure(arm))


def _failure(arm: Arm) -> str:
    return f"--{arm}: cannot be run"
