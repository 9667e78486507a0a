"""Which measured case a workload runs as on a device: what each could serve, and why others cannot be chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from bench.case import PRECISIONS
from bench.record import STATUSES
from reports.plan.candidates import SUPERSEDED, Candidate, Target
from reports.plan.inputs import ANY, Inputs, Quantities, Quantity
from reports.plan.queueing import ALLOWED, allowed
from reports.plan.rounding import above, above_formula
from reports.plan.sheet import FIRST_ROW
from reports.plan.step import NO_POINT, Step, evaluate, number

_PRECISION, _BATCH = "of another precision", "larger than the batch size allowed"
_MEMORY, _SLOW, _BOUND = "does not fit the memory", "slower than the objective", "no lower bound"
NO_OBJECTIVE = "no objective"

# What is told of cases that cannot be chosen, by the words beside them; ? and * are wildcards, as in a spreadsheet.
REASONS: dict[str, str] = {
    **{str(status): str(status) for status in STATUSES if status != "ok"},
    "of * devices together": "of several devices together",
    SUPERSEDED: SUPERSEDED,
    _PRECISION: _PRECISION,
    _BATCH: f"with a batch {_BATCH}",
    _MEMORY: "too large for the memory",
    _SLOW: _SLOW,
    "p?? not measured": "without the percentile of the objective",
    _BOUND: "without a lower bound",
    "memory not measured": "without measured memory",
    "enter *": "waiting for an input",
}
OTHER_REASONS = "for other reasons"


def _step(k: Any) -> Quantity:
    if k.mode != "online" or not number(k.slo):
        return NO_OBJECTIVE
    latency = getattr(k, k.percentile)
    return max(latency, k.time) if number(latency) else f"{k.percentile} not measured"


def _point(k: Any) -> Quantity:
    if k.allowed_precision not in (ANY, k.precision):
        return _PRECISION
    if number(k.largest_batch) and k.batch_size > k.largest_batch:
        return _BATCH
    if k.memory_high > k.device_memory * 1_000_000_000 * (1 - k.memory_headroom):
        return _MEMORY
    if not number(k.step) and k.step != NO_OBJECTIVE:
        return str(k.step)
    if number(k.step) and k.step * 1000 > k.slo:
        return _SLOW
    if k.confidence == "mean":
        return k.throughput
    return k.low if number(k.low) else _BOUND


def _allowed(k: Any) -> Quantity:
    return allowed(k) * k.time / k.step if number(k.step) else 1


_LATENCY = 'IF({percentile}="p50",{p50},IF({percentile}="p95",{p95},{p99}))'

_RATE = f'IF({{confidence}}="mean",{{throughput}},IF(ISNUMBER({{low}}),{{low}},"{_BOUND}"))'

# Beside each measured case, in this order.
JUDGED = (
    Step(
        "step", "Step that must keep the objective", "s", '0.000000" s"',
        ("throughput", "time"),
        f'IF(AND({{mode}}="online",ISNUMBER({{slo}})),IF(ISNUMBER({_LATENCY}),MAX({_LATENCY},{{time}}),'
        f'{{percentile}}&" not measured"),"{NO_OBJECTIVE}")',
        _step,
    ),
    Step(
        "point", "Throughput to plan with", "items/s", "#,##0.00",
        ("throughput", "memory_high", "device_memory", "memory_headroom"),
        f'IF(AND({{allowed_precision}}<>"{ANY}",{{allowed_precision}}<>{{precision}}),"{_PRECISION}",'
        f'IF(AND(ISNUMBER({{largest_batch}}),{{batch_size}}>{{largest_batch}}),"{_BATCH}",'
        f'IF({{memory_high}}>{{device_memory}}*1000000000*(1-{{memory_headroom}}),"{_MEMORY}",'
        f'IF(ISNUMBER({{step}}),IF({{step}}*1000>{{slo}},"{_SLOW}",{_RATE}),'
        f'IF({{step}}="{NO_OBJECTIVE}",{_RATE},{{step}})))))',
        _point,
    ),
    Step(
        "allowed", "Utilisation that the objective allows", "share", "0.0%",
        ("point",),
        f"IF(ISNUMBER({{step}}),{ALLOWED}*{{time}}/{{step}},1)",
        _allowed,
    ),
    Step(
        "utilisation", "Utilisation to plan with", "share", "0.0%",
        ("point", "target_utilisation", "allowed"),
        'IF({mode}="training",1,MIN({target_utilisation},{allowed}))',
        lambda k: 1 if k.mode == "training" else min(k.target_utilisation, k.allowed),
    ),
    Step(
        "served", "Throughput at that utilisation", "items/s", "#,##0.00",
        ("point", "utilisation"),
        "{point}*{utilisation}",
        lambda k: k.point * k.utilisation,
    ),
)  # fmt: skip


def _best_formula(among: str, told: str) -> str:
    more = f"ISNUMBER(measured_served)*{above_formula('measured_served', '{served}')}"
    return f'IF(ISNUMBER({{served}}),IF(SUMPRODUCT({among}*{more})=0,{told},""),"")'


# Whether a case serves no less than any other of its row of the plan, and than any other in its precision there.
BEST = _best_formula("(measured_target={target})", "{target}")
BEST_IN_PRECISION = _best_formula(
    "(measured_target={target})*(measured_precision={precision})", '{target}&" "&{precision}'
)
# What is served at most in each precision, by its name in the plan.
SERVED_IN = {f"served_{precision.replace('-', '_')}": precision for precision in PRECISIONS}

# What an operating point takes over from the row of what was measured.
TAKEN = (
    "setting", "precision", "batch_size", "throughput", "low", "point", "step", "allowed", "utilisation", "time",
    "memory", "memory_high", "power", "maximum", "idle", "scope", "flop_item", "token_item", "measured_parameters",
    "environment", "caveats",
)  # fmt: skip


def judged(case: Candidate, inputs: Inputs) -> Candidate:
    """The case with what it could serve, or why it cannot be chosen."""
    known = {**case.known, **inputs.of(case.row.problem, case.row.device_label)}
    for step in JUDGED:
        known[step.name] = evaluate(step, known)
    return replace(case, known={**case.known, **{step.name: known[step.name] for step in JUDGED}})


def best(cases: Sequence[Candidate], in_precision: bool = False) -> list[bool]:
    """Of each case whether it serves no less than any other of its row of the plan, or than any in its precision."""

    def among(case: Candidate) -> tuple[int, str]:
        return case.target, case.row.precision if in_precision else ANY

    most: dict[tuple[int, str], float] = {}
    for case in cases:
        if isinstance(served := case.known["served"], (int, float)):
            most[among(case)] = max(served, most.get(among(case), served))

    def is_best(case: Candidate) -> bool:
        served = case.known["served"]
        return isinstance(served, (int, float)) and not above(most[among(case)], served)

    return [is_best(case) for case in cases]


def none_in(precision: str) -> str:
    """What is said where no case of a precision qualifies."""
    return f"none qualifies in {precision}"


def not_in(precision: str) -> str:
    """What is said where there is no case of a precision."""
    return f"{precision} not measured"


def operating_point(target: Target, cases: Sequence[Candidate]) -> Quantities:
    """The first of the best cases: its place among the measured rows, and what it measured."""
    own = [case for case in cases if case.target == target.number]
    found = (place for place, first in enumerate(best(cases)) if first and cases[place].target == target.number)
    served = {name: _served(precision, own) for name, precision in SERVED_IN.items()}
    if (chosen := next(found, None)) is None:
        return {"place": _why_none(own), "largest": NO_POINT, **served, **dict.fromkeys(TAKEN, NO_POINT)}
    known = cases[chosen].known
    tried = [case.row.batch_size for case in own if case.row.precision == known["precision"]]
    taken = {name: known[name] for name in TAKEN}
    return {"place": chosen + 1 + FIRST_ROW, "largest": max(tried), **served, **taken}


def _served(precision: str, own: Sequence[Candidate]) -> Quantity:
    """What the first of the best cases of a precision serves."""
    alike = [case for case in own if case.row.precision == precision]
    if not alike:
        return not_in(precision)
    firsts = zip(alike, best(alike), strict=True)
    return next((case.known["served"] for case, first in firsts if first), none_in(precision))


def _why_none(own: Sequence[Candidate]) -> str:
    told = [str(case.known["point"]) for case in own]
    counts = {words: sum(fnmatchcase(text, why) for text in told) for why, words in REASONS.items()}
    counts[OTHER_REASONS] = len(own) - sum(counts.values())
    return f"none of {len(own)} qualifies: " + ", ".join(f"{count} {words}" for words, count in counts.items() if count)
