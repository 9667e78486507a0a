"""Why a paired gate found what it found, in plain sentences: causes, what was dropped, what could have been missed."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from bench.judge.effects import ROUNDS, hodges_lehmann, interval
from bench.judge.finding import Verdict
from bench.judge.proofs import LEAST
from bench.judge.stages import Standing
from bench.pair import ARMS, Arm, Pair

NAMED = 3  # most different causes of one kind that are named


def failure(standing: Standing, pairs: Sequence[Pair]) -> tuple[Verdict, str] | None:
    """The verdict on a case that could not be measured, with the cause; None where it could.

    Only an arm that fails again where the other never does tells something about head.
    """
    failed = standing.failed
    measured = len(standing.good)
    if not pairs:
        return "incomparable", "no pair was measured"
    if not standing.given_up and (measured or not failed):
        return None
    blamed = {arm: [pair for pair in failed if arm in pair.failed] for arm in ARMS}
    tried = len(failed) + measured
    if not any(blamed.values()):
        return "inconclusive", f"{len(failed)} of {tried} pairs have fewer than {ROUNDS} rounds of both arms"
    if blamed["base"]:
        arms: Sequence[Arm] = ARMS if blamed["head"] else ("base",)
        return "incomparable", "; ".join(_ended(arm, blamed[arm], tried) for arm in arms)
    if len(blamed["head"]) < 2:
        return "inconclusive", _ended("head", blamed["head"], tried)
    return "regressed", f"{_ended('head', blamed['head'], tried)}; base in none"


def energies(metric: str, standing: Standing) -> tuple[Verdict, str] | None:
    """Why there are no joules to compare, or why two joules are not the same thing; None where all is well."""
    if metric != "energy":
        return None
    readings = [(arm, reading) for pair in standing.good for arm, reading in pair.energy.items()]
    values = {arm: [one for name, one in readings if name == arm and one.value is not None] for arm in ARMS}
    if standing.good and not all(values.values()):
        why = [reading.reason for _, reading in readings if reading.reason]
        return "inconclusive", f"energy was not measured: {why[0] if why else 'no meter was asked'}"
    for what in ("scope", "source"):
        base, head = (", ".join(sorted({str(getattr(one, what)) for one in values[arm]})) for arm in ARMS)
        if base != head:
            return "incomparable", f"the {what} of energy is {base} in base and {head} in head"
    return None


def verdict(found: Verdict, worse: int, effects: Sequence[float], standing: Standing, metric: str) -> list[str]:
    """What bears on a verdict: what was suspected and not confirmed, and how much of a change may have been missed."""
    said = []
    if standing.suspicions.get(metric) and found not in ("regressed", "improved"):
        screen, fresh = (standing.of(stage).effects(metric) for stage in ("screen", "confirm"))
        looked = f"{len(screen)} pairs looked like {_signed(hodges_lehmann(screen))}"
        said.append(f"{looked}, {len(fresh)} fresh ones did not confirm it" if fresh else looked)
    if found != "inconclusive":
        return said
    if standing.unfinished:
        pairs_left = f"{standing.more} more pairs were" if standing.more != 1 else "1 more pair was"
        said.append(f"not finished: {pairs_left if standing.more else 'other cases were still'} to be measured")
    span = interval(effects)
    if len(effects) < LEAST:
        said.append(f"{len(effects)} good pairs, {LEAST} are needed")
    elif span is not None:
        said.append(f"could have missed up to {_signed(span.high if worse > 0 else span.low)}")
    return said


def pairs(standing: Standing) -> list[str]:
    """Which pairs were not used, and why."""
    dropped, failed = standing.contaminated, standing.failed
    everything = len(standing.good) + len(dropped) + len(failed)
    said = []
    if dropped:
        said.append(f"{len(dropped)} of {everything} pairs dropped: {_causes([phrase for _, phrase in dropped])}")
    if failed and not standing.given_up and standing.good:
        causes = [pair.reason or f"fewer than {ROUNDS} rounds of both arms" for pair in failed]
        said.append(f"{len(failed)} of {everything} pairs failed: {_causes(causes)}")
    return said


def not_gateable(calibrated: float, margin: float) -> str:
    """Why a case is shown and never red."""
    return f"only changes from {calibrated * 100:.1f} % on can be seen here, and the margin is {margin * 100:.1f} %"


def item(pairs: Sequence[Pair]) -> str:
    """What a case's work is counted in."""
    return next((name for pair in pairs for chunk in pair.chunks for name in chunk.work), "item")


def _ended(arm: str, failed: Sequence[Pair], tried: int) -> str:
    statuses = ", ".join(dict.fromkeys(str(pair.status) for pair in failed))
    causes = [pair.reason or "no reason was kept" for pair in failed]
    return f"{arm} did not run in {len(failed)} of {tried} pairs ({statuses}): {_causes(causes)}"


def _causes(phrases: Sequence[str]) -> str:
    """Different causes, the most frequent first."""
    return "; ".join(phrase for phrase, _ in Counter(phrases).most_common(NAMED))


def _signed(effect: float) -> str:
    """A logarithmic effect as a change in percent.

    >>> _signed(math.log(1.061))
    '+6.1 %'
    """
    return f"{math.expm1(effect) * 100:+.1f} %"
