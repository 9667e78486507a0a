"""The main job: every case of a matrix measured by replicates in a seeded random order, each record kept at once."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol

from bench import matrix as matrices
from bench.book import Book
from bench.case import Case
from bench.engines import DYNAMO, FAILURE, Ended, Engine, Listener, engine, result
from bench.errors import SpecError
from bench.fit import largest
from bench.job import Job, seed_of
from bench.matrix import Matrix
from bench.measuring import Plan
from bench.peak_table import PeakTable
from bench.peaks import TABLE, label_of
from bench.record import Record, Run
from bench.roof import identity
from bench.store import Store
from bench.workload import axes, find

TASK_SECONDS = 120.0  # for listing devices and reading an environment


@dataclass(frozen=True)
class Request:
    """All that one call of ``wattmark run`` was asked to do: ``peaks`` is measured first, ``peak_table`` recorded, and
    ``profile`` says whether each case is profiled when all is measured, or only that."""

    matrix: Matrix
    devices: Sequence[str]
    store: Store
    run: Run
    meters: Sequence[str]
    data: str = "auto"
    model: str | None = None
    allocator: str = "pinned"
    engine: str = "local"
    exclusive: bool = False
    profile: Literal["no", "after", "only"] = "no"
    resumed: Sequence[Record] = ()
    peaks: Matrix | None = None
    peak_table: PeakTable = field(default_factory=dict)


class Progress(Protocol):
    """Is told how the run goes."""

    def plan(self, cases: Sequence[Case], replicates: int) -> None: ...

    def begin(self, case: Case, index: int) -> None: ...

    def listen(self, event: str, facts: Mapping[str, Any]) -> None: ...

    def end(self, record: Record) -> None: ...

    def say(self, text: str) -> None: ...


def run(request: Request, progress: Progress) -> list[Record]:
    """Measure what was asked for; returns the run's records.

    Raises:
        SpecError: a device is not here, a resumed store was measured elsewhere, or the machine was to be ours alone and
            is not; nothing has run then.
        KeyboardInterrupt: stopped; every replicate that had ended is in the store.
    """
    progress.say("loading torch and the models")
    loaded = [DYNAMO, *preload(request.matrix)]
    with engine(request.engine, preload=loaded, allocator=request.allocator) as machine:
        devices = choose(request.devices, list_devices(machine))
        cases = matrices.expand(request.matrix, devices, request.data, request.model)
        families = matrices.searches(request.matrix, devices, request.data, request.model)
        check([*cases, *families])
        environments = {
            device: _with_peaks(environment_of(machine, device, request.allocator), request.peak_table)
            for device in devices
        }
        _refuse_other_environment(request.resumed, environments)
        if request.exclusive:
            _refuse_company(machine, environments)
        request.store.create()
        reached = _reach(machine, request, request.peaks, environments, progress) if request.peaks else []
        book = Book(request.store, request.run, environments, request.resumed)
        worker = Worker(machine, book, request, progress)
        for family in families:
            cases += worker.search(family)
        progress.plan(cases, request.run.replicates)
        if request.profile != "only":
            for case, index in order(cases, request.run.replicates, request.run.seed):
                worker.measure(case, index)
        if request.profile != "no":
            for case in cases:
                worker.profile(case)
    return [*reached, *book.records]


def _with_peaks(environment: Mapping[str, Any], table: PeakTable) -> Mapping[str, Any]:
    """The environment with what a file of peaks says of its device."""
    given = table.get(label_of(environment))
    return {**environment, TABLE: given} if given else environment


def _reach(
    machine: Engine,
    request: Request,
    peaks: Matrix,
    environments: Mapping[str, Mapping[str, Any]],
    progress: Progress,
) -> list[Record]:
    """Measure what the devices reach at most, less what the store knows already, as a run of its own."""
    known = {
        (record.case.id, identity(record.environment)) for record in request.store if record.status != "interrupted"
    }
    cases = matrices.expand(peaks, list(environments))
    cases = [case for case in cases if (case.id, identity(environments[case.device])) not in known]
    run = Run.new(request.run.command, peaks.replicates, request.run.seed)
    book = Book(request.store, run, environments)
    worker = Worker(machine, book, replace(request, matrix=peaks, run=run, meters=()), progress)
    progress.plan(cases, peaks.replicates)
    for case, index in order(cases, peaks.replicates, run.seed):
        worker.measure(case, index)
    return book.records


def check(cases: Sequence[Case]) -> None:
    """Have each workload look at its axes before anything runs.

    Raises:
        SpecError: a workload refuses a value, or a combination of values.
    """
    for case in cases:
        try:
            find(case.workload)(batch_size=case.batch_size, **case.parameters)  # type: ignore[call-arg]
        except ValueError as error:
            raise SpecError(f"{case.workload}: {error}") from error


def order(cases: Sequence[Case], replicates: int, seed: int) -> Iterator[tuple[Case, int]]:
    """Rounds of all cases, each round shuffled anew, so that no drift of the machine lands on one case."""
    shuffle = random.Random(seed).sample
    for index in range(replicates):
        for case in shuffle(list(cases), len(cases)):
            yield case, index


def choose(wanted: Sequence[str], here: Sequence[str]) -> list[str]:
    """The devices asked for, of those that are here; ``auto`` is all of them.

    Raises:
        SpecError: one is not here.
    """
    chosen: list[str] = []
    for name in wanted or ("auto",):
        full = f"{name}:0" if f"{name}:0" in here else name
        if name != "auto" and full not in here:
            raise SpecError(f"--device {name}: not here; auto or one of {', '.join(here)}")
        chosen += here if name == "auto" else [full]
    return list(dict.fromkeys(chosen))


def list_devices(machine: Engine) -> list[str]:
    """The names of the devices that torch can use here."""
    return [device["name"] for device in result(machine.run("devices", {}, TASK_SECONDS))]


def preload(matrix: Matrix) -> list[str]:
    """The modules that the matrix's workloads want loaded before replicates are forked."""
    wanted: dict[str, None] = {}
    for entry in matrix.entries:
        module = importlib.import_module(find(entry.workload).__module__)
        wanted |= dict.fromkeys((module.__name__, *getattr(module, "PRELOAD", ())))
    return list(wanted)


def axes_of(workload: str) -> Mapping[str, Any]:
    """The axes of a workload by its name, for `bench.matrix`."""
    return axes(find(workload))


class Worker:
    """Runs replicates and enters them into the book."""

    def __init__(self, machine: Engine, book: Book, request: Request, progress: Progress) -> None:
        self._machine = machine
        self._book = book
        self._request = request
        self._progress = progress

    def measure(self, case: Case, index: int) -> None:
        """One replicate of a case, unless the book already knows how it ends."""
        if not self._book.needs(case, index):
            return
        record = self._book.imply_oom(case)
        if record is None:
            self._progress.begin(case, index)
            record = self._book.add(case, index, self.run(case, index, listen=self._progress.listen))
        self._progress.end(record)

    def profile(self, case: Case) -> None:
        """A profile of a case that has something to tell, or that was not to be measured."""
        if self._request.profile == "only" or self._book.tells_more(case):
            self._progress.say(f"profiling {case}")
            self._book.add_profile(case, self.run(case, 0, profile=True))

    def search(self, family: Case) -> list[Case]:
        """The case with the largest batch that fits, or none; what did not fit on the way is kept as records."""

        def fits(size: int) -> bool:
            case = replace(family, batch_size=size)
            known = self._book.record(case)
            if known is not None:  # of the run that is resumed
                return known.status in ("ok", "interrupted")
            self._progress.say(f"does it fit? {case}")
            ended = self.run(case, 0, fit_only=True)
            fit = ended.result is not None and ended.result["replicate"]["status"] == "ok"
            if not fit:
                self._book.add(case, 0, ended)
            return fit

        size = largest(fits)
        return [] if size is None else [replace(family, batch_size=size)]

    def run(
        self,
        case: Case,
        index: int,
        fit_only: bool = False,
        profile: bool = False,
        listen: Listener | None = None,
    ) -> Ended:
        """One replicate, or with ``fit_only`` a try of two steps, or a profile; the book is not touched."""
        request = self._request
        seed = seed_of(request.run.seed, case, index)
        job = Job(
            case,
            self._book.environment(case)["device"],
            index,
            seed,
            plan(request.matrix, case),
            request.meters,
            self._book.flops(case),
            fit_only,
            request.exclusive,
            count=not fit_only and not self._book.counted(case),
            profile_into=str(request.store.traces.absolute()) if profile else None,
        )
        return self._machine.run("replicate", job.to_json(), request.matrix.timeout, listen)


def plan(matrix: Matrix, case: Case) -> Plan:
    """How long to measure a case: few long windows on an accelerator, whose energy counter ticks slowly."""
    if case.device == "cpu":
        return Plan(matrix.budget, windows=8, warmup_most=max(3 * matrix.budget, 1.0))
    return Plan(matrix.accelerator_budget, windows=2, warmup_most=max(3 * matrix.accelerator_budget, 1.0))


def environment_of(machine: Engine, device: str, allocator: str, failure: str = FAILURE) -> Mapping[str, Any]:
    """The environment that a case on this device is measured in; see `result`."""
    found: dict[str, Any] = result(machine.run("environment", {"device": device}, TASK_SECONDS), failure)
    return {**found, "allocator": allocator}


def _refuse_company(machine: Engine, environments: Mapping[str, Mapping[str, Any]]) -> None:
    for environment in environments.values():
        company = result(machine.run("company", {"device": environment["device"]}, TASK_SECONDS))
        if company:
            raise SpecError(f"--exclusive: {'; '.join(company)}; end that, or measure without --exclusive")


def _refuse_other_environment(resumed: Sequence[Record], environments: Mapping[str, Mapping[str, Any]]) -> None:
    """A record has one environment: what another one measured is not continued here."""
    for record in resumed:
        now = environments.get(record.case.device)
        if now is None:
            continue
        for part in ("device", "torch", "allocator"):
            if record.environment.get(part) != now.get(part):
                raise SpecError(
                    f"--resume: {record.case.id} was measured with another {part} "
                    f"({record.environment.get(part)} then, {now.get(part)} now); start a new store with -o"
                )
