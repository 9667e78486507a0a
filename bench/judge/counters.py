"""Judging exact counts: what a step does, counted once on each side. Equal or not, and where not, what it is that came.

No noise, so no statistics: one number on each side, and a tolerance of 0 for all but page faults.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bench.case import Case
from bench.counted import COUNTERS, Counter
from bench.gating import Gating
from bench.judge.finding import Finding, Verdict

NAMED = 5  # changed operators that a reason names at most


def compare(
    case: Case, base: Mapping[str, Any] | None, head: Mapping[str, Any] | None, gating: Gating
) -> list[Finding]:
    """The findings on a case from both sides' counters (`bench.record.Record.counters`), changed ones first.

    A counter that neither side has gives none; where there is none at all, the case is incomparable.
    """
    found = [
        finding
        for counter in COUNTERS.values()
        if counter.gated is None or counter.gated in gating.metrics
        if (finding := _compared(case, counter, (base or {}).get(counter.name), (head or {}).get(counter.name), gating))
    ]
    if not found:
        return [Finding(case, "operators", "incomparable", reasons=(_nothing(base, head),))]
    # The sort is stable, so that what explains the others stays ahead of them.
    return sorted(found, key=lambda finding: (finding.verdict == "unchanged", finding.verdict == "incomparable"))


def _compared(case: Case, counter: Counter, base: Any, head: Any, gating: Gating) -> Finding | None:
    sides = {"base": base, "head": head}
    missing = {side: _why(one) for side, one in sides.items() if _value(one) is None}
    if len(missing) == 2 or (counter.later and None in (base, head)):
        return None
    if missing:
        reasons = tuple(f"{counter.name} was not counted on {side}: {why}." for side, why in missing.items())
        return Finding(case, counter.name, "incomparable", counter.unit, _value(base), _value(head), reasons=reasons)
    margin = gating.margin_of(counter.gated or counter.name)
    before, after = float(base["value"]), float(head["value"])
    allowed = max(margin * before, counter.share * before, counter.least)
    return Finding(
        case,
        counter.name,
        _verdict(counter, base, head, allowed),
        counter.unit,
        before,
        after,
        after / before - 1 if before else None,
        margin=max(margin, counter.share),
        reasons=_causes(counter, base, head, allowed),
    )


def _verdict(counter: Counter, base: Any, head: Any, allowed: float) -> Verdict:
    more = head["value"] - base["value"]
    if abs(more) > allowed:
        return "regressed" if more > 0 else "improved"
    swapped = counter.swaps and more == 0 and _histogram(base) != _histogram(head)
    return "inconclusive" if swapped else "unchanged"


def _causes(counter: Counter, base: Any, head: Any, allowed: float) -> tuple[str, ...]:
    """What came, went, or is there more or less often, the largest changes first."""
    before, after = _histogram(base), _histogram(head)
    differing = sorted(
        (name for name in before.keys() | after.keys() if before.get(name) != after.get(name)),
        key=lambda name: (-abs(after.get(name, 0) - before.get(name, 0)), name),
    )
    if not differing:
        within = 0 < abs(head["value"] - base["value"]) <= allowed
        return (f"{counter.name}: up to {allowed:.12g} more or less counts as none.",) if within else ()
    told = [_change(name, before, after) for name in differing[:NAMED]]
    rest = len(differing) - len(told)
    return (f"{counter.name}: {', '.join(told)}{f' and {rest} more' if rest else ''}.",)


def _change(name: str, before: Mapping[str, int], after: Mapping[str, int]) -> str:
    if name not in before:
        return f"new: {name} {after[name]}"
    if name not in after:
        return f"gone: {name} {before[name]}"
    return f"{name} {before[name]} -> {after[name]}"


def _histogram(counted: Mapping[str, Any]) -> Mapping[str, int]:
    return counted.get("histogram") or {}


def _value(counted: Any) -> float | None:
    return None if counted is None else counted["value"]


def _why(counted: Any) -> str:
    return "it has no such counter" if counted is None else str(counted["reason"])


def _nothing(base: Mapping[str, Any] | None, head: Mapping[str, Any] | None) -> str:
    """Why there is nothing to compare, as a sentence."""
    sides = [side for side, found in (("base", base), ("head", head)) if found is None]
    if sides:
        return f"Nothing was counted on {' and '.join(sides)}."
    return f"Nothing that is gated was counted on either side: {next(_reasons(base or {}), 'there are no counters')}."


def _reasons(counters: Mapping[str, Any]) -> Iterator[str]:
    return (str(counters[name]["reason"]) for name in COUNTERS if name in counters)
