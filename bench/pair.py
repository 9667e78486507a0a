"""What a paired gate keeps: a case measured by two live processes, base and head, in short chunks that alternate.

A pair is the unit of every test. Its steps are kept, so that what is derived from them can be derived anew; they are
never pooled over pairs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, get_args

from bench.case import Case
from bench.errors import SpecError
from bench.record import Reading, Status
from bench.typed import Number, document, typed

SCHEMA = "wattmark.pair/1"

Arm = Literal["base", "head"]
ARMS: tuple[Arm, ...] = get_args(Arm)
Stage = Literal["screen", "confirm", "extend", "sequential"]


@dataclass(frozen=True)
class Chunk:
    """Some steps of one arm, measured in one go. ``round`` says with which chunk of the other arm it belongs together.

    ``seconds`` is the synchronised wall clock of the measured steps, ``step_seconds`` and ``warmup_seconds`` are single
    steps; ``work`` is the work of the measured steps by unit. ``rebuilt`` says whether the model was built anew.
    """

    arm: Arm
    round: int
    rebuilt: bool
    seconds: float
    step_seconds: tuple[float, ...]
    warmup_seconds: tuple[float, ...]
    work: Mapping[str, Number]
    covariates: Mapping[str, Number | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Pair:
    """One case measured once by two processes that lived at the same time.

    ``status`` is ``ok``, ``contaminated`` (what was measured beside it says that something disturbed it), or how an
    arm ended; ``reason`` says what, and ``failed`` which arms. ``energy`` has a reading of ``energy.item`` for each arm
    where energy is gated. ``covariates`` are of the pair's whole time: ``foreign_share``, ``steal_share``;
    ``beside`` says in words who else worked. ``seconds`` is what the pair took in all.
    """

    case: Case
    index: int
    stage: Stage
    first: Arm
    seed: int
    status: Status | Literal["contaminated"]
    reason: str | None = None
    failed: tuple[Arm, ...] = ()
    chunks: tuple[Chunk, ...] = ()
    energy: Mapping[str, Reading] = field(default_factory=dict)
    covariates: Mapping[str, float | None] = field(default_factory=dict)
    beside: str | None = None
    started: str | None = None
    seconds: float | None = None

    def of(self, arm: Arm) -> tuple[Chunk, ...]:
        """The chunks of one arm, in the order of their rounds."""
        return tuple(sorted((chunk for chunk in self.chunks if chunk.arm == arm), key=lambda chunk: chunk.round))

    def to_json(self) -> str:
        """The pair as one line of JSON; NaN and infinity are refused."""
        return json.dumps({"schema": SCHEMA, **asdict(self)}, allow_nan=False, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str, where: str = "pair") -> Pair:
        """Read what `to_json` wrote.

        Raises:
            SpecError: the line is no pair of a schema that this version knows.
        """
        try:
            return typed(document(line, SCHEMA), cls)
        except ValueError as error:
            raise SpecError(f"{where}: not a pair of schema {SCHEMA}: {error}") from error


def read_pairs(text: str, where: str) -> Sequence[Pair]:
    """The pairs of a file of lines; a last line that a power cut left unfinished is passed over."""
    lines = text.splitlines()
    if text and not text.endswith("\n"):
        lines = lines[:-1]
    return [Pair.from_json(line, f"{where}, line {number}") for number, line in enumerate(lines, 1)]
