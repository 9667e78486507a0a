"""The verdicts of a paired gate: what the pairs of each case say of each metric that is gated."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.case import Case
from bench.gating import COMPARED, Gating
from bench.judge import reasons
from bench.judge.effects import effect, flip_p, hodges_lehmann, holm, interval, level, pairs_to_confirm, smallest
from bench.judge.finding import Dot, Finding, Verdict
from bench.judge.proofs import ALPHA, CHANGE_LOOKS, changed, looks, unchanged
from bench.judge.stages import Standing, standings
from bench.metric import METRICS, unit_of
from bench.pair import Arm, Pair, Stage


def needs(pairs: Mapping[str, Sequence[Pair]], gatings: Mapping[str, Gating]) -> dict[str, tuple[Stage, int]]:
    """What to measure next: by case id the stage and how many more good pairs it needs. Empty when all is done.

    To be asked again whenever pairs have come in: one that failed or was spoiled is replaced, a few times. Cases that
    wait for others to be screened are not named.

    Raises:
        ValueError: there are pairs of a case that no gating is given for.
    """
    found = standings(pairs, gatings)
    return {name: (standing.stage, standing.more) for name, standing in found.items() if standing.stage is not None}


def judge(
    pairs: Mapping[str, Sequence[Pair]],
    gatings: Mapping[str, Gating],
    calibrated: Mapping[str, float] | None = None,
    cases: Sequence[Case] = (),
) -> list[Finding]:
    """A finding for each case and each of time, throughput and energy that its gating asks for.

    ``calibrated`` is the smallest effect on the time that this machine can see, by case id, as pairs of equal arms have
    shown. ``cases`` describes those that may have no pairs at all.

    Raises:
        ValueError: a case is known by its id alone, or there are pairs of a case that no gating is given for.
    """
    described = {case.id: case for case in cases} | {name: own[0].case for name, own in pairs.items() if own}
    found = standings(pairs, gatings)
    nameless = sorted(found.keys() - described.keys())
    if nameless:
        raise ValueError(f"neither a pair nor a description of the case {', '.join(nameless)}")
    family = sum(len(standing.metrics) for standing in found.values() if standing.gating.sequential)
    adjusted = _adjusted(found)
    return [
        _Question(described[name], metric, standing, adjusted.get((name, metric)), family).finding(
            pairs.get(name, ()), (calibrated or {}).get(name)
        )
        for name, standing in found.items()
        for metric in standing.metrics
    ]


def detectable(effects: Sequence[float], gating: Gating) -> float | None:
    """The smallest effect (head over base, minus 1) that a gate of this case alone finds with 90 % probability, from
    the spread of the effects of pairs of equal arms; None for fewer than 2 effects."""
    if gating.sequential:
        return smallest(effects, gating.minimum, ALPHA / len(CHANGE_LOOKS), CHANGE_LOOKS[-1])
    # It has to be suspected, for which no test is asked, and then to be confirmed.
    suspected = smallest(effects, gating.minimum, 0.5, gating.pairs)
    confirmed = smallest(effects, gating.minimum, ALPHA, pairs_to_confirm(1, ALPHA))
    return None if suspected is None or confirmed is None else max(suspected, confirmed)


def _adjusted(found: Mapping[str, Standing]) -> dict[tuple[str, str], float]:
    """The p-values of all that was suspected, by case id and metric, adjusted together. What was not confirmed to its
    end counts as a member of the family that is not proven."""
    family = [(name, metric) for name, standing in found.items() for metric in standing.suspicions]
    return dict(zip(family, holm([_flipped(found[name], metric) for name, metric in family]), strict=True))


def _flipped(standing: Standing, metric: str) -> float:
    effects = [standing.suspicions[metric] * one for one in standing.of("confirm").effects(metric)]
    return flip_p(effects) if effects and not standing.unfinished else 1.0


@dataclass(frozen=True)
class _Answer:
    """A verdict, and the good pairs that it rests on."""

    verdict: Verdict
    pairs: tuple[Pair, ...]
    p: float | None = None


@dataclass(frozen=True)
class _Question:
    """One metric of one case. ``p`` is adjusted, ``family`` counts what is looked at sequentially."""

    case: Case
    metric: str
    standing: Standing
    p: float | None
    family: int

    def finding(self, pairs: Sequence[Pair], calibrated: float | None) -> Finding:
        """The finding, for all of the case's pairs and the smallest effect that this machine can see of it."""
        failure = reasons.failure(self.standing, pairs) or reasons.energies(self.metric, self.standing)
        if failure is not None:
            return self._finding(_Answer(failure[0], ()), pairs, (failure[1], *reasons.pairs(self.standing)))
        answer = self._answer()
        effects = [one for pair in answer.pairs if (one := effect(pair, self.metric)) is not None]
        said = [
            *reasons.verdict(answer.verdict, self._worse(), effects, self.standing, self.metric),
            *reasons.pairs(self.standing),
        ]
        gateable = calibrated is None or self.metric == "energy" or calibrated <= self._margin
        if calibrated is not None and not gateable:
            said.append(reasons.not_gateable(calibrated, self._margin))
        return self._finding(answer, pairs, tuple(said), effects, gateable)

    @property
    def _margin(self) -> float:
        return self.standing.gating.margin_of(self.metric)

    def _worse(self) -> int:
        """The sign of an effect for the worse."""
        return -1 if METRICS[COMPARED[self.metric]].better == "higher" else 1

    def _answer(self) -> _Answer:
        if self.standing.gating.sequential:
            return self._looked()
        return self._confirmed() if self.standing.suspicions else self._screened()

    def _looked(self) -> _Answer:
        good = self.standing.of("sequential").good
        effects = [effect(pair, self.metric) for pair in good]
        look = looks(effects, self.standing.gating.minimum, self._margin, self.family)
        verdict: Verdict = (
            self._change(look.change) if look.change else "unchanged" if look.unchanged else "inconclusive"
        )
        return _Answer(verdict, good[: look.pairs or None], look.p)

    def _confirmed(self) -> _Answer:
        """The screening made this case a suspect, so its pairs are no witnesses: fresh ones decide alone."""
        fresh, sign = self.standing.of("confirm"), self.standing.suspicions.get(self.metric)
        effects = fresh.effects(self.metric)
        if self.standing.unfinished or not effects:
            return _Answer("inconclusive", fresh.good or self.standing.of("screen").good)
        if sign and self.p is not None and changed(effects, self.standing.gating.minimum, sign, self.p):
            return _Answer(self._change(sign), fresh.good, self.p)
        return _Answer("unchanged" if unchanged(effects, self._margin) else "inconclusive", fresh.good, self.p)

    def _screened(self) -> _Answer:
        """Two looks: after the screening, and after as many pairs once more."""
        first, both = self.standing.of("screen"), self.standing.of("screen", "extend")
        if self.standing.stage != "screen" and unchanged(first.effects(self.metric), self._margin):
            return _Answer("unchanged", first.good)
        proven = not self.standing.unfinished and unchanged(both.effects(self.metric), self._margin)
        return _Answer("unchanged" if proven else "inconclusive", both.good)

    def _change(self, sign: int) -> Verdict:
        return "regressed" if sign == self._worse() else "improved"

    def _finding(
        self,
        answer: _Answer,
        pairs: Sequence[Pair],
        said: tuple[str, ...],
        effects: Sequence[float] = (),
        gateable: bool = True,
    ) -> Finding:
        common = hodges_lehmann(effects) if effects else None
        found = interval(effects)
        seconds = [pair.seconds for pair in pairs if pair.seconds is not None]
        return Finding(
            case=self.case,
            metric=COMPARED[self.metric],
            verdict=answer.verdict,
            unit=unit_of(COMPARED[self.metric], reasons.item(pairs)),
            base=self._level(answer.pairs, "base"),
            head=self._level(answer.pairs, "head"),
            effect=None if common is None else math.expm1(common),
            low=None if common is None or found is None else math.expm1(min(found.low, common)),
            high=None if common is None or found is None else math.expm1(max(found.high, common)),
            p=answer.p,
            margin=self._margin,
            smallest=detectable(effects, self.standing.gating),
            pairs=len(effects),
            dropped=len(self.standing.contaminated),
            reasons=said,
            dots=tuple(self._dots()),
            gateable=gateable,
            seconds=sum(seconds) if seconds else None,
        )

    def _level(self, pairs: Sequence[Pair], arm: Arm) -> float | None:
        found = [one for pair in pairs if (one := level(pair, arm, self.metric)) is not None]
        return median(found) if found else None

    def _dots(self) -> list[Dot]:
        """Every pair that was measured, in the order of its stages and index."""
        shown = []
        for stage, sifted in self.standing.sifted.items():
            kinds = [(pair, "ok") for pair in sifted.good] + [(pair, "contaminated") for pair, _ in sifted.contaminated]
            for pair, status in sorted(kinds, key=lambda kind: kind[0].index):
                found = effect(pair, self.metric)
                ratio = None if found is None else math.expm1(found)
                base, head = (level(pair, arm, self.metric) for arm in ("base", "head"))
                shown.append(Dot(stage, status, base, head, ratio))
        return shown
