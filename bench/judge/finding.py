"""What a gate found: a verdict for each metric of each case, and what the whole gate comes to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import bench
from bench.case import Case
from bench.identity import stamp
from bench.typed import Number, document, typed

SCHEMA = "wattmark.gate/1"

# regressed and improved are proven; unchanged is proven too, within the margin. inconclusive: nothing is proven.
# suspect: a change between stored records, which cannot prove one. incomparable: a comparison would mean nothing.
Verdict = Literal["regressed", "incomparable", "suspect", "inconclusive", "improved", "unchanged"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)  # what most needs looking at comes first

Mode = Literal["paired", "counters", "stored", "history", "aa"]


@dataclass(frozen=True)
class Dot:
    """One pair of processes, or one process of a stored record, as a reader sees it: levels in the finding's unit.

    ``effect`` is head over base, minus 1; absent for a single process. ``status`` is ok or contaminated.
    """

    stage: str
    status: str
    base: Number | None = None
    head: Number | None = None
    effect: float | None = None


@dataclass(frozen=True)
class Finding:
    """The verdict on one metric of one case.

    ``metric`` is a name of `bench.metric.METRICS` or a counter's (`bench.counted`), ``base`` and ``head`` are
    its levels in ``unit`` (SI). ``effect`` is head over base, minus 1, as is its 95 % interval ``low`` to ``high``;
    ``p`` is one-sided and adjusted for the number of cases. ``smallest`` is the smallest effect that would have been
    found with 90 % probability. ``pairs`` were used and ``dropped`` were contaminated. ``reasons`` are finished
    sentences: causes, what was not comparable, what was not measured. ``gateable`` is False where calibration has shown
    that this machine cannot see a change of the margin's size: such a case is shown and never red. Absent is None.
    """

    case: Case
    metric: str
    verdict: Verdict
    unit: str = "1"
    base: Number | None = None
    head: Number | None = None
    effect: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    margin: float = 0.0
    smallest: float | None = None
    pairs: int = 0
    dropped: int = 0
    reasons: tuple[str, ...] = ()
    dots: tuple[Dot, ...] = ()
    gateable: bool = True
    seconds: float | None = None


@dataclass(frozen=True)
class Judgement:
    """All findings of one gate.

    ``base`` and ``head`` say what was compared: ``name`` (as the user gave it), ``revision``, ``environment`` (as in
    records). ``notes`` are sentences about the whole: soft differences, what was not gated. ``started`` is UTC.
    """

    id: str
    started: str
    command: str
    mode: Mode
    base: Mapping[str, Any]
    head: Mapping[str, Any]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    wattmark: str = ""
    seed: int | None = None
    seconds: float | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def new(cls, **parts: Any) -> Judgement:
        """A judgement that this version makes now, of all other ``parts``."""
        identity, started = stamp()
        return cls(id=identity, started=started, wattmark=bench.__version__, **parts)

    @property
    def exit_code(self) -> int:
        """0 passed; 1 something regressed; 3 nothing regressed and something cannot be told. Never a count."""
        verdicts = {finding.verdict for finding in self.findings if finding.gateable}
        if "regressed" in verdicts:
            return 1
        told = {"improved", "unchanged"}
        return 0 if verdicts and verdicts <= told else 3

    def to_json(self) -> str:
        """The judgement as one JSON document; NaN and infinity are refused."""
        document = {"schema": SCHEMA, "exit_code": self.exit_code, **asdict(self)}
        return json.dumps(document, allow_nan=False, indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Judgement:
        """Read what `to_json` wrote; raises ValueError for another schema."""
        return typed(document(text, SCHEMA), cls)
