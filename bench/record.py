"""The only thing on disk: a case, its environment, its replicates' samples and its status.

Raw numbers are stored, derived ones are not (`bench.rates` derives them). SI units throughout: seconds, bytes, watts,
joules, hertz. A value that was not measured is null and has its reason beside it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import chain
from typing import Any, Literal, NamedTuple, TypedDict, get_args

import bench
from bench.case import Case
from bench.errors import SpecError
from bench.identity import drawn, stamp
from bench.typed import Number, document, typed

SCHEMA = "wattmark.record/1"

Status = Literal["ok", "oom", "timeout", "crashed", "failed", "unsupported", "interrupted"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Reading:
    """What a meter says of one window: a finite value with its source, or no value with the reason.

    ``source`` names the method. Where they matter, as for every joule: ``scope`` is what the value is of (GPU, module,
    ...), ``error`` bounds how far it may be off, as a share of it, and ``seconds`` is the time inside the window that
    it covers, where that is not all of it.
    """

    value: Number | None
    source: str | None = None
    reason: str | None = None
    scope: str | None = None
    error: float | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        if (self.value is None) == (self.reason is None):
            raise ValueError(f"a reading has either a value or a reason: {self.value!r}, {self.reason!r}")
        if self.value is not None and not math.isfinite(self.value):
            raise ValueError(f"a reading is finite or absent, not {self.value!r}")
        if self.error is not None and not (math.isfinite(self.error) and self.error >= 0):
            raise ValueError(f"a reading's error is a share of its value, not {self.error!r}")
        if self.seconds is not None and not (math.isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"a reading covers some time, not {self.seconds!r} s")

    @classmethod
    def absent(cls, reason: str) -> Reading:
        """No value, and why."""
        return cls(None, None, reason)


class Dispatched(TypedDict):
    """What operators that are alike in FLOP/B did in a step."""

    flop: int
    bytes: int


class Counted(TypedDict, total=False):
    """An exact count of one step: a value and its ``source``, or the ``reason`` why there is none. ``histogram`` says
    how often which operator, kernel or cause; ``by_intensity`` is of operators, in groups to a factor of two."""

    value: Number | None
    source: str
    reason: str
    histogram: dict[str, int]
    by_intensity: list[Dispatched]


class Flops(NamedTuple):
    """FLOPs of a batch, a multiply-add being 2: those that a step computes, and those of them that its result requires.
    Computed are padding and outputs that nothing reads as well; nowhere is what is computed a second time."""

    computed: int
    required: int


def absent(reason: str) -> dict[str, Any]:
    """What stands for a fact that cannot be had, in an environment or among a meter's facts."""
    return {"value": None, "reason": reason}


@dataclass(frozen=True)
class Sample:
    """Totals over ``steps`` steps in one window, whose edges the device reached idle.

    ``seconds`` is the synchronised wall clock of the window, ``step_seconds`` each step by the replicate's ``clock``;
    ``work`` counts the window's work in the workload's units (the first is the item); ``flop`` are the FLOPs that its
    steps compute; ``covariates`` tell a spoiled window (never the timing itself); ``readings`` are the meters';
    ``required`` are the FLOPs of them that the results require (`Flops`), null in records from before that was told.
    """

    first_step: int
    steps: int
    seconds: float
    step_seconds: tuple[float, ...]
    work: Mapping[str, Number]
    flop: int | None = None
    covariates: Mapping[str, Number | None] = field(default_factory=dict)
    readings: Mapping[str, Reading] = field(default_factory=dict)
    required: int | None = None


@dataclass(frozen=True)
class Replicate:
    """One process that measured the case: the unit of statistics.

    ``clock`` names what timed the single steps (``perf_counter`` or ``cuda_event``); ``warmup_seconds`` are the steps
    run before the first window; ``steady`` says whether the warm-up rule was met; ``ended_by`` is ``precise``,
    ``budget`` or ``steps``. ``precision`` holds the effective settings and the numeric probe; ``made`` says how the
    process came to be and what distinguishes it from its siblings; ``meters`` holds, by meter, what it found out about
    itself and about the device around the windows. Absent parts are null.
    """

    index: int
    status: Status
    reason: str | None = None
    started: str | None = None
    prepare_seconds: float | None = None
    clock: str | None = None
    warmup_seconds: tuple[float, ...] = ()
    steady: bool | None = None
    ended_by: str | None = None
    samples: tuple[Sample, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)
    precision: Mapping[str, Any] | None = None
    made: Mapping[str, Any] | None = None
    stderr: str = ""
    meters: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Run:
    """Where a record comes from: one call of ``wattmark run``. ``started`` is UTC, ISO 8601."""

    id: str
    started: str
    command: str
    seed: int
    replicates: int
    wattmark: str

    @classmethod
    def new(cls, command: str, replicates: int, seed: int | None = None, begun: datetime | None = None) -> Run:
        """A run of this version that begins now, or has ``begun``; without a seed it draws one."""
        return cls(*stamp(begun), command, drawn(seed), replicates, bench.__version__)


@dataclass(frozen=True)
class Record:
    """A case with all that was learnt of it.

    ``version`` is the workload's, ``inputs`` says kind, name and hash of the inputs that were used, ``model`` the
    parameter count and where the weights came from; ``counters`` are the exact counts of one step by name
    (`bench.counted`), each with its value and source or with the reason why it is absent. All are null where no
    replicate got that far, and counters in records from before there were any. ``profile`` is what a profile of some
    steps found (`bench.profile`), or the reason why it found nothing; null where none was asked for.
    """

    run: Run
    case: Case
    environment: Mapping[str, Any]
    status: Status
    reason: str | None = None
    version: int | None = None
    inputs: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    replicates: tuple[Replicate, ...] = ()
    counters: Mapping[str, Counted] | None = None
    profile: Mapping[str, Any] | None = None

    def __post_init__(self) -> None:
        if self.status not in STATUSES:
            raise ValueError(f"unknown status {self.status!r}; one of {', '.join(STATUSES)}")
        if self.status != "ok" and not self.reason:
            raise ValueError(f"a record with status {self.status!r} needs a reason")
        if self.case.batch_size < 1:
            raise ValueError(f"a batch holds something, and not {self.case.batch_size}")

    @property
    def publishes(self) -> bool:
        """Whether its numbers are told: of all its replicates, or of those that there are so far."""
        return self.status in ("ok", "interrupted")

    @cached_property
    def samples(self) -> tuple[Sample, ...]:
        """The samples of all replicates that ended well."""
        return tuple(sample for replicate in self.measured for sample in replicate.samples)

    @cached_property
    def measured(self) -> tuple[Replicate, ...]:
        """The replicates that ended well and measured something."""
        return tuple(replicate for replicate in self.replicates if replicate.status == "ok" and replicate.samples)

    @cached_property
    def single_steps(self) -> tuple[float, ...]:
        """The seconds of all steps that were timed one by one in `samples`, the shortest first."""
        return tuple(sorted(seconds for sample in self.samples for seconds in sample.step_seconds))

    @cached_property
    def metered(self) -> frozenset[str]:
        """The names of all readings of `measured`: those that have a value, and those that have a reason."""
        of_windows = [sample.readings for sample in self.samples]
        return frozenset(chain(*of_windows, *(one.readings for one in self.measured)))

    @cached_property
    def item(self) -> str | None:
        """The workload's unit of work, or None where nothing was measured."""
        return next((unit for sample in self.samples for unit in sample.work), None)

    def to_json(self) -> str:
        """The record as one JSON document; NaN and infinity are refused."""
        body = asdict(self, dict_factory=_without_unused)
        document = {"schema": SCHEMA, **body, "case": {"id": self.case.id, **body["case"]}}
        return json.dumps(document, allow_nan=False, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str, where: str = "record") -> Record:
        """Read what `to_json` wrote.

        Raises:
            SpecError: the text is no record of a schema that this version knows.
        """
        try:
            return typed(document(text, SCHEMA), cls)
        except ValueError as error:
            raise SpecError(f"{where}: not a record of schema {SCHEMA}: {error}") from error


def _without_unused(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A part of the record; of a reading what most have no use for is left out instead of null."""
    return {key: value for key, value in pairs if value is not None or key not in ("scope", "error", "seconds")}
