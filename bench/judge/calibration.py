"""What a machine's gate is worth: its false alarms on identical code, and the smallest change that it can see."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from bench.case import Case
from bench.errors import SpecError
from bench.gating import Gating
from bench.judge.effects import interval
from bench.judge.finding import Finding
from bench.judge.paired import detectable, judge
from bench.pair import Pair
from bench.statistics import at_most
from bench.typed import document, typed

SCHEMA = "wattmark.calibration/1"


@dataclass(frozen=True)
class Calibrated:
    """What gates of identical code came to for one case and metric.

    Of ``gates``, ``regressed`` and ``improved`` were wrong and ``unchanged`` proven; the true rate of ``regressed`` is
    at most ``bound`` with 95 % confidence. ``smallest`` is the smallest effect that is found with 90 % probability,
    None where too few pairs tell. ``spread`` is the standard deviation of a pair's effect, with spoiled pairs trimmed.
    ``pairs`` were measured, ``dropped`` of them for contamination; a gate took ``seconds`` of this case's own time.
    """

    case: Case
    metric: str
    gates: int
    regressed: int
    improved: int
    unchanged: int
    bound: float
    pairs: int
    dropped: int
    smallest: float | None = None
    spread: float | None = None
    seconds: float | None = None

    def gateable(self, margin: float) -> bool:
        """Whether a change of the margin's size would be seen here."""
        return self.smallest is not None and self.smallest <= margin


def calibrate(gates: Sequence[Mapping[str, Sequence[Pair]]], gatings: Mapping[str, Gating]) -> list[Calibrated]:
    """What gates of identical code, each with its pairs by case, came to."""
    by_question: dict[tuple[str, str], list[Finding]] = {}
    for pairs in gates:
        for finding in judge(pairs, {case: gatings[case] for case in pairs}):
            by_question.setdefault((finding.case.id, finding.metric), []).append(finding)
    return [
        _calibrated(findings, [gate[case] for gate in gates if case in gate], gatings[case])
        for (case, _), findings in by_question.items()
    ]


def _calibrated(findings: Sequence[Finding], gates: Sequence[Sequence[Pair]], gating: Gating) -> Calibrated:
    good = (dot for finding in findings for dot in finding.dots if dot.status == "ok")
    effects = [math.log1p(dot.effect) for dot in good if dot.effect is not None]
    verdicts = Counter(finding.verdict for finding in findings)
    found = interval(effects)
    return Calibrated(
        findings[0].case,
        findings[0].metric,
        len(findings),
        verdicts["regressed"],
        verdicts["improved"],
        verdicts["unchanged"],
        at_most(verdicts["regressed"], len(findings)),
        sum(map(len, gates)),
        sum(finding.dropped for finding in findings),
        detectable(effects, gating),
        found.error * math.sqrt(found.degrees + 1) if found else None,
        median(sum(pair.seconds or 0.0 for pair in gate) for gate in gates),
    )


def words(found: Sequence[Calibrated]) -> str:
    """A calibration as lines of text, a case and metric each."""
    lines = []
    for one in found:
        seen = "not known" if one.smallest is None else f"{one.smallest:.1%}"
        lines += [
            str(one.case),
            f"  {one.metric}: smallest change seen {seen} (90 % of the time), spread of a pair "
            f"{'not known' if one.spread is None else f'{one.spread:.1%}'}",
            f"  {one.gates} gates: {one.regressed} false alarms (at most {one.bound:.1%} with 95 % confidence), "
            f"{one.improved} false improvements, {one.unchanged} proven unchanged",
            f"  {one.pairs} pairs, {one.dropped} dropped; {one.seconds or 0:.0f} s a gate",
        ]
    return "\n".join(lines)


def write(found: Sequence[Calibrated], environment: Mapping[str, Any]) -> str:
    """The calibration of a machine as one JSON document."""
    document = {"schema": SCHEMA, "environment": environment, "cases": [asdict(one) for one in found]}
    return json.dumps(document, allow_nan=False, indent=1, ensure_ascii=False) + "\n"


def read(text: str, where: str) -> list[Calibrated]:
    """Read what `write` wrote.

    Raises:
        SpecError: it is no calibration of a schema that this version knows.
    """
    try:
        return typed(document(text, SCHEMA).get("cases"), list[Calibrated])
    except ValueError as error:
        message = f"{where}: not a calibration of schema {SCHEMA}: {error}; `wattmark aa` writes one"
        raise SpecError(message) from error
