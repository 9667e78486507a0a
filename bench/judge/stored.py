"""What two stores of records say of a change: never more than that one is suspected, except of what is counted.

Replicates are forks of one server within minutes of each other. They do not show how far two runs of the same code lie
apart, which on shared machines is often more than 5 %. So a difference in time, throughput or energy between stored
runs proves nothing, and neither does the lack of one; counters and peaks of memory are equal or not.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from bench.case import Case
from bench.caveats import caveats
from bench.comparison import Ratio, comparable_energy, levels, ratio
from bench.gating import COMPARED, Gating
from bench.judge import counters
from bench.judge.finding import Dot, Finding, Verdict
from bench.judge.keys import HARD, differences
from bench.metric import METRICS
from bench.rates import value
from bench.record import Record
from bench.store import in_order

# Ways to end that are answers, and no failures.
ANSWERS = ("oom", "unsupported")
# Failures that say nothing of the code: company on the machine, and numbers that cannot be.
_NOT_OF_THE_CODE = ("--exclusive:", "implausible:")
_EMULATED = "emulated:"

MOST = 1.0  # a smallest effect beyond this share is no longer one that a reader could use
CLOCK = 0.02  # share by which the device's clock may differ before a reader is told
RUNS = "Replicates of one run do not show how far runs lie apart, so stored records prove neither a change nor none."


def judge(
    base: Sequence[Record],
    head: Sequence[Record],
    gating_of: Callable[[Case], Gating],
    keys: tuple[str, ...] = HARD,
) -> tuple[list[Finding], tuple[str, ...]]:
    """Compare the newest record of each case, and what is to be noted about the whole; ``keys`` must be equal."""
    before, after = newest(base), newest(head)
    findings: list[Finding] = []
    alike: list[str] = []
    soft: Counter[str] = Counter()
    for name in {**before, **after}:
        old, new = before.get(name), after.get(name)
        if old and new:
            hard, noted = differences(old, new, keys)
            soft.update(noted)
            if not hard and ended_alike(old, new):
                alike.append(f"{new.case} ({new.status})")
                continue
        case = (new or old).case  # type: ignore[union-attr]
        findings += compare(old, new, gating_of(case), keys)
    notes = [
        *_several("base", base),
        *_several("head", head),
        *(f"Differs in {_cases(count)}, which may matter: {field}." for field, count in soft.items()),
        *([f"Not gated, since both sides end alike: {'; '.join(alike)}."] if alike else []),
    ]
    return findings, tuple(notes)


def ended_alike(base: Record, head: Record) -> bool:
    """Whether both sides give the same answer instead of numbers: no change, and nothing more to compare."""
    return base.status == head.status in ANSWERS


def newest(records: Iterable[Record]) -> dict[str, Record]:
    """The record of the latest run for each case, by the case's id."""
    return {record.case.id: record for record in in_order(records)}


def compare(base: Record | None, head: Record | None, gating: Gating, keys: tuple[str, ...] = HARD) -> list[Finding]:
    """One case on two occasions: a finding for each gated metric and for each counter, or a single one where nothing
    can be compared."""
    findings = measured(base, head, gating, keys)
    if base is None or head is None or refusal(base, head, keys):
        return findings
    uncounted = [arm.lower() for arm, one in _arms(base, head).items() if not one.counters]
    if uncounted:
        why = f"Nothing was counted on {' and '.join(uncounted)}."
        return [*findings, Finding(head.case, "operators", "incomparable", reasons=(why,))]
    return findings + counters.compare(head.case, base.counters, head.counters, gating)


def measured(base: Record | None, head: Record | None, gating: Gating, keys: tuple[str, ...] = HARD) -> list[Finding]:
    """The findings on what was measured, without what was counted; a single one where nothing can be compared."""
    refused = refusal(base, head, keys)
    if refused or base is None or head is None:
        verdict, reasons = refused or ("incomparable", ())
        return [unmeasured(base, head, gating, verdict, reasons)]
    return [_estimated(base, head, name, gating) for name in gating.metrics if COMPARED[name] in METRICS]


def refusal(
    base: Record | None, head: Record | None, keys: tuple[str, ...] = HARD
) -> tuple[Verdict, tuple[str, ...]] | None:
    """Why two records have no numbers to compare, and what that means; None where they have."""
    if base is None or head is None:
        return "incomparable", (f"The {'base' if base is None else 'head'} has no such case.",)
    ended = [
        f"{arm} {one.status}: {(one.reason or '').rstrip('.')}."
        for arm, one in _arms(base, head).items()
        if one.status != "ok"
    ]
    hard, _ = differences(base, head, keys)
    if hard:
        return "incomparable", (*(f"Not comparable: {field}." for field in hard), *ended)
    if not ended:
        return None
    broke = base.status == "ok" and head.status != "interrupted" and not _blameless(base, head)
    return ("regressed" if broke else "incomparable"), tuple(ended)


def _blameless(base: Record, head: Record) -> bool:
    """Whether the head ended for a reason other than the code: what a device emulates is its own, where they differ."""
    reason = head.reason or ""
    return reason.startswith(_NOT_OF_THE_CODE) or (reason.startswith(_EMULATED) and bool(differences(base, head)[0]))


def unmeasured(
    base: Record | None, head: Record | None, gating: Gating, verdict: Verdict, reasons: tuple[str, ...]
) -> Finding:
    """The finding of a case as a whole, under the first metric that it is gated by, with what one side measured."""
    name = gating.metrics[0]
    metric = COMPARED[name]
    finding = Finding((head or base).case, metric, verdict, "B", margin=gating.margin_of(name), reasons=reasons)  # type: ignore[union-attr]
    if metric not in METRICS:  # the peak of memory, which is counted
        return finding
    old, new = (value(record, metric) if record else None for record in (base, head))
    unit = next(one.unit for one in (new, old) if one)
    return replace(finding, unit=unit, base=old.value if old else None, head=new.value if new else None)


def _estimated(base: Record, head: Record, name: str, gating: Gating) -> Finding:
    """Time, throughput or energy: suspected to have changed, or inconclusive."""
    metric = COMPARED[name]
    old, new = value(base, metric), value(head, metric)
    found = ratio(base, head, metric)
    unequal = comparable_energy(base, head) if name == "energy" else None
    if unequal or found is None:
        why = unequal or f"{metric} was not measured on both sides"
        return unmeasured(base, head, replace(gating, metrics=(name,)), "incomparable", (f"Not comparable: {why}.",))
    error = None
    if name == "energy":
        found, error = _with_errors(found, old.error, new.error)
    verdict, why = _verdict(found, gating.minimum)
    told = [why] if error is None else [error] if found.low is None else [why, error]
    smallest = None if found.smallest is None else max(found.smallest, gating.minimum)
    if smallest is not None and smallest > MOST:
        smallest = None
        told.append("Replicates that scatter so far would not have shown even a doubling for certain.")
    return Finding(
        head.case,
        metric,
        verdict,
        new.unit,
        base=old.value,
        head=new.value,
        effect=found.value - 1,
        low=None if found.low is None else found.low - 1,
        high=None if found.high is None else found.high - 1,
        margin=gating.margin_of(name),
        smallest=smallest,
        reasons=(*told, RUNS, *_doubts(base, head)),
        dots=(
            *(Dot("base", "ok", base=level) for level in levels(base, metric)),
            *(Dot("head", "ok", head=level) for level in levels(head, metric)),
        ),
    )


def _verdict(found: Ratio, minimum: float) -> tuple[Verdict, str]:
    if found.low is None or found.high is None:
        return "inconclusive", "Two replicates a side are needed for an interval."
    if found.low <= 1 <= found.high:
        return "inconclusive", "The interval holds no change."
    if abs(found.value - 1) < minimum:
        return "inconclusive", f"The change is below the smallest that counts, {100 * minimum:.3g} %."
    return "suspect", "The interval over replicates leaves out no change."


def _with_errors(found: Ratio, old: float | None, new: float | None) -> tuple[Ratio, str]:
    """The ratio with an interval that holds what both meters may be off, each in its own direction, and what to say."""
    if found.low is None or found.high is None or found.smallest is None:
        return found, "Two replicates a side are needed for an interval."
    if old is None or new is None or old >= 1:
        unbounded = Ratio(found.value, None, None)
        return unbounded, "A meter does not say within what bounds it is off, so there is no interval."
    up, down = (1 + new) / (1 - old), max(1 - new, 0.0) / (1 + old)
    told = f"The interval holds the meters' errors of {100 * old:.2g} % and {100 * new:.2g} %."
    return Ratio(found.value, found.low * down, found.high * up, (1 + found.smallest) * up - 1), told


def _doubts(base: Record, head: Record) -> Iterator[str]:
    """What was watched beside the timing and may explain a difference."""
    for arm, record in _arms(base, head).items():
        yield from (f"{arm}: {caveat}." for caveat in caveats(record))
    old, new = (value(record, "clock.sm").value for record in (base, head))
    if old and new and abs(new / old - 1) > CLOCK:
        yield f"The SM clock was {old / 1e6:.0f} MHz in the base and {new / 1e6:.0f} MHz in the head."


def _arms(base: Record, head: Record) -> dict[str, Record]:
    return {"Base": base, "Head": head}


def _several(arm: str, records: Iterable[Record]) -> list[str]:
    runs = Counter(record.case.id for record in records)
    several = sum(count > 1 for count in runs.values())
    return [f"The {arm} has several runs of {_cases(several)}; the newest counts."] if several else []


def _cases(count: int) -> str:
    return f"{count} case{'s' * (count != 1)}"
