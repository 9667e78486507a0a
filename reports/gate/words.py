"""A finding's numbers in words: said here once, so that every face of a gate says the same."""

from __future__ import annotations

from collections.abc import Sequence

from bench.counted import COUNTERS
from bench.judge.finding import Finding, Mode, Verdict
from bench.metric import METRICS
from reports.cell import Cell, Tone, absent
from reports.number import Scale, count, magnitude, number, rounded, scale
from reports.results import SHOWN
from reports.text import line

TONES: dict[Verdict, Tone] = {
    "regressed": "bad", "incomparable": "warn", "suspect": "warn",
    "inconclusive": "warn", "improved": "good", "unchanged": "plain",
}  # fmt: skip

MEANINGS: dict[Verdict, str] = {
    "regressed": "proven to be worse than the base",
    "incomparable": "a comparison would mean nothing, or one side is missing",
    "suspect": "stored records differ, which cannot prove a change",
    "inconclusive": "nothing is proven",
    "improved": "proven to be better than the base",
    "unchanged": "proven to have changed by less than the margin",
}

MODES: dict[Mode, str] = {
    "paired": "base and head measured side by side",
    "counters": "counters, which are exact",
    "stored": "stored records, measured at different times",
    "history": "a history of stored records",
    "aa": "base against itself, to see what this machine can tell",
}

_TITLES = {**SHOWN, "memory.peak": "Peak memory"}

_ESTIMATED = ("speed", "power")  # groups of metrics that are never equal by measurement

# What more and less of a metric are called, by the beginning of its name.
_DIRECTIONS = {
    "time.": ("slower", "faster"),
    "latency.": ("slower", "faster"),
    "throughput": ("higher", "lower"),
    "": ("more", "less"),
}


def title(metric: str) -> str:
    """What a metric is called above a column; a counter is called by its name."""
    return _TITLES.get(metric, line(metric))


def within(metric: str) -> str:
    """What a metric is called within a sentence."""
    called = title(metric)
    return called[0].lower() + called[1:] if metric in _TITLES else called


def effect(finding: Finding) -> Cell:
    """How much more or less head has than base: ``3.1 % slower``."""
    if finding.effect is None:
        from_zero = finding.base == 0 and finding.head is not None
        return _absent(
            finding, "the base is 0, of which nothing is a share" if from_zero else "there is nothing to compare"
        )
    more, less = next(words for begin, words in _DIRECTIONS.items() if finding.metric.startswith(begin))
    if finding.effect == 0:
        return Cell("equal", raw=0.0)
    text = percent(abs(finding.effect), _decimals(finding.low, finding.high))
    return Cell(f"{text} {more if finding.effect > 0 else less}", raw=finding.effect)


def interval(finding: Finding) -> Cell:
    """The 95 % interval of the effect: ``+2.1 % to +4.0 %``."""
    if finding.low is None or finding.high is None:
        return _absent(finding, "too little was measured for an interval", of_estimate=True)
    places = _decimals(finding.low, finding.high)
    low, high = (_signed(bound, 1 if places is None else places) for bound in (finding.low, finding.high))
    return Cell(f"{low} to {high}")


def probability(finding: Finding, mode: Mode) -> Cell:
    """The one-sided p, adjusted for the number of cases."""
    if finding.p is None:
        return _absent(
            finding,
            "stored records carry no test" if mode in ("stored", "history") else "no test was made",
            of_estimate=True,
        )
    return Cell("below 0.0001" if finding.p < 0.0001 else f"{finding.p:.2g}", raw=finding.p)


def margin(finding: Finding) -> Cell:
    """Within what the metric counts as unchanged."""
    none = "exact" if counted(finding) else "none"
    return Cell(f"±{100 * finding.margin:.3g} %" if finding.margin else none, raw=finding.margin)


def smallest(finding: Finding) -> Cell:
    """The smallest effect that would have been found."""
    if finding.smallest is None:
        return _absent(finding, "it was not estimated", of_estimate=True)
    return Cell(percent(finding.smallest), raw=finding.smallest)


def pairs(finding: Finding) -> Cell:
    """How many pairs were used, and how many dropped."""
    if not finding.pairs and not finding.dropped:
        return _absent(finding, "no pair of processes was used", of_estimate=True)
    return Cell(f"{finding.pairs}", raw=finding.pairs, under=f"{finding.dropped} dropped" if finding.dropped else "")


def levels(finding: Finding) -> tuple[Cell, Cell]:
    """Base and head in one display unit, with the digits that their interval supports, or else that tell them apart."""
    shown = level_scale(finding)
    found = [None if value is None else value / shown.size for value in (finding.base, finding.head)]
    texts = iter(_texts(finding, [value for value in found if value is not None]))
    base, head = (
        _absent(finding, f"{arm} was not measured")
        if value is None
        else Cell(next(texts), shown.unit, raw, size=shown.size)
        for arm, value, raw in zip(("base", "head"), found, (finding.base, finding.head), strict=True)
    )
    return base, head


def level_scale(finding: Finding) -> Scale:
    """The display unit of base and head, and of their processes."""
    known = METRICS.get(finding.metric)
    kind = known.kind if known else "count" if finding.unit == "1" else "quantity"
    levels = [finding.base, finding.head]
    if levels == [None, None]:
        levels = [level for dot in finding.dots for level in (dot.base, dot.head)]
    return scale(line(finding.unit), [level for level in levels if level is not None], kind)


def counted(finding: Finding) -> bool:
    """Whether a metric is a count, of which nothing is estimated."""
    known = METRICS.get(finding.metric)
    return finding.metric in COUNTERS or known is None or known.group not in _ESTIMATED


def meaning(metric: str) -> str:
    """What a metric or counter is; its name, where it is none of ours."""
    known = COUNTERS.get(metric) or METRICS.get(metric)
    return known.meaning if known else line(metric)


def told_by_reasons(finding: Finding) -> bool:
    """Whether it is the finding's own reasons that say why numbers are absent."""
    return finding.effect is None and bool(finding.reasons)


def percent(share: float, places: int | None = None) -> str:
    """The size of a share in percent, with one decimal place below 10 % where it is not said how many.

    >>> percent(0.0312), percent(0.125), percent(0.00001)
    ('3.1 %', '12 %', 'under 0.1 %')
    """
    size = 100 * abs(share)
    kept = (1 if size < 9.95 else 0) if places is None else places
    text = f"{size:.{kept}f}"
    return f"{text} %" if float(text) or not share else f"under {10.0**-kept:.{kept}f} %"


def _absent(finding: Finding, why: str, of_estimate: bool = False) -> Cell:
    if of_estimate and counted(finding):
        return absent("counted, so that nothing is estimated")
    return absent(" ".join(map(line, finding.reasons)) if told_by_reasons(finding) else why)


def _signed(share: float, places: int) -> str:
    text = f"{100 * share:+.{places}f}"
    return f"{text if float(text) else text[1:]} %"


def _decimals(low: float | None, high: float | None) -> int | None:
    """The decimal places of a percentage that its interval supports: down to the second digit of its half-width."""
    half = 50 * (high - low) if low is not None and high is not None else 0
    return min(max(1 - magnitude(half), 0), 3) if half > 0 else None


def _texts(finding: Finding, values: Sequence[float]) -> list[str]:
    if finding.low is not None and finding.high is not None and values:
        low, high = (values[0] * (1 + bound) for bound in (finding.low, finding.high))
        return [number(value, low, high) for value in values]
    if finding.unit == "1":
        return [count(value) for value in values]
    for digits in range(3, 16):
        texts = [rounded(value, max(digits, magnitude(value) + 1)) if value else "0" for value in values]
        if len(set(texts)) == len(set(values)):
            break
    return texts if values else []
