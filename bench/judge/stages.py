"""How far the measuring of each case is, and which pairs it still needs.

Screened cases get a few pairs each. When all are screened, those whose effect is worth it are confirmed on fresh pairs
alone, and those of which nothing is proven get as many pairs once more. Sequential cases are looked at again and again.
What comes next follows from pairs of earlier stages alone, so that a gate may stop anywhere and go on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.gating import COMPARED, Gating
from bench.judge.contamination import contamination
from bench.judge.effects import effect, pairs_to_confirm
from bench.judge.proofs import ALPHA, LEAST, LOOKS, looks, suspicion, unchanged
from bench.pair import Pair, Stage

PAIRED = ("time", "throughput", "energy")  # of `COMPARED`; what else is gated is counted, not timed
# Pairs in which an arm failed before the case is given up; the first is tried once more.
FAILURES = 2


@dataclass(frozen=True)
class Sifted:
    """The pairs of one case and stage by what they are good for. ``contaminated`` says of each what disturbed it."""

    good: tuple[Pair, ...] = ()
    contaminated: tuple[tuple[Pair, str], ...] = ()
    failed: tuple[Pair, ...] = ()

    def effects(self, metric: str) -> list[float]:
        """One effect for each good pair that has the metric."""
        return [found for pair in self.good if (found := effect(pair, metric)) is not None]


@dataclass(frozen=True)
class Standing:
    """How far one case is.

    ``suspicions`` are signs of effects by metric, as the screening saw them. The next pairs are ``more`` of ``stage``;
    ``waits`` says that what comes next depends on cases that are not screened yet.
    """

    gating: Gating
    sifted: Mapping[Stage, Sifted] = field(default_factory=dict)
    suspicions: Mapping[str, int] = field(default_factory=dict)
    stage: Stage | None = None
    more: int = 0
    waits: bool = False

    @property
    def metrics(self) -> tuple[str, ...]:
        """The short names of what pairs judge of this case."""
        return compared(self.gating)

    @property
    def good(self) -> tuple[Pair, ...]:
        """The good pairs of all stages."""
        return self.of(*self.sifted).good

    @property
    def contaminated(self) -> tuple[tuple[Pair, str], ...]:
        """The disturbed pairs of all stages, each with what disturbed it."""
        return self.of(*self.sifted).contaminated

    @property
    def failed(self) -> tuple[Pair, ...]:
        """The pairs of all stages in which an arm failed, or which were too short to say anything."""
        return self.of(*self.sifted).failed

    @property
    def unfinished(self) -> bool:
        """Whether what was planned has not been measured yet."""
        return self.more > 0 or self.waits

    @property
    def given_up(self) -> bool:
        """Whether so many pairs failed that no more are tried."""
        return len(self.failed) >= FAILURES

    def of(self, *stages: Stage) -> Sifted:
        """The pairs of some stages together."""
        parts = [self.sifted[stage] for stage in stages if stage in self.sifted]
        return Sifted(
            tuple(pair for part in parts for pair in part.good),
            tuple(found for part in parts for found in part.contaminated),
            tuple(pair for part in parts for pair in part.failed),
        )


def compared(gating: Gating) -> tuple[str, ...]:
    """The short names of what pairs judge of a case that is gated so."""
    return tuple(name for name in COMPARED if name in PAIRED and name in gating.metrics)


def sift(pairs: Sequence[Pair], stage: Stage, most: int | None = None) -> Sifted:
    """One case's pairs of one stage, in the order of their index; of the good ones the first ``most``.

    Pairs beyond what was planned are not used: who measures until he likes the result is not counted. A pair that the
    user interrupted is as if it had not been.
    """
    own = sorted(
        (pair for pair in pairs if pair.stage == stage and pair.status != "interrupted"), key=lambda pair: pair.index
    )
    measured = [pair for pair in own if pair.status in ("ok", "contaminated")]
    disturbed = {id(pair): phrase for pair in measured if (phrase := contamination(pair, measured))}
    good = [pair for pair in measured if id(pair) not in disturbed and effect(pair, "time") is not None]
    spoiled = [(pair, disturbed[id(pair)]) for pair in measured if id(pair) in disturbed]
    usable = {id(pair) for pair in good} | disturbed.keys()
    return Sifted(tuple(good[:most]), tuple(spoiled), tuple(pair for pair in own if id(pair) not in usable))


def standings(pairs: Mapping[str, Sequence[Pair]], gatings: Mapping[str, Gating]) -> dict[str, Standing]:
    """How far each case is, by its id.

    Raises:
        ValueError: there are pairs of a case that no gating is given for.
    """
    unknown = sorted(pairs.keys() - gatings.keys())
    if unknown:
        raise ValueError(f"pairs of cases that are not gated: {', '.join(unknown)}")
    wanted = {name: gating for name, gating in gatings.items() if compared(gating)}
    sequential = {name: gating for name, gating in wanted.items() if gating.sequential}
    family = sum(len(compared(gating)) for gating in sequential.values())
    screened = {
        name: _screened(pairs.get(name, ()), gating) for name, gating in wanted.items() if name not in sequential
    }
    found = {name: _sequential(pairs.get(name, ()), gating, family) for name, gating in sequential.items()}
    return {**found, **_after_screening(pairs, screened)}


def _screened(pairs: Sequence[Pair], gating: Gating) -> Standing:
    sifted = sift(pairs, "screen", gating.pairs)
    standing = _asking(Standing(gating, {"screen": sifted}), "screen", gating.pairs)
    if standing.more or standing.given_up:
        return standing
    signs = {name: suspicion(sifted.effects(name), gating.minimum) for name in standing.metrics}
    return replace(standing, suspicions={name: sign for name, sign in signs.items() if sign})


def _after_screening(pairs: Mapping[str, Sequence[Pair]], screened: Mapping[str, Standing]) -> dict[str, Standing]:
    """The second stage of each case. How many pairs confirm depends on how many cases are suspected, so all wait for
    the last one to be screened."""
    if any(standing.more for standing in screened.values()):
        return {
            name: replace(standing, waits=not standing.more and _next_stage(standing) is not None)
            for name, standing in screened.items()
        }
    count = pairs_to_confirm(max(1, sum(len(standing.suspicions) for standing in screened.values())), ALPHA)
    return {name: _second(pairs.get(name, ()), standing, count) for name, standing in screened.items()}


def _second(pairs: Sequence[Pair], standing: Standing, confirming: int) -> Standing:
    stage = _next_stage(standing)
    if stage is None:
        return standing
    planned = confirming if stage == "confirm" else standing.gating.pairs
    sifted = {**standing.sifted, stage: sift(pairs, stage, planned)}
    return _asking(replace(standing, sifted=sifted), stage, planned)


def _next_stage(standing: Standing) -> Stage | None:
    """What follows the screening of a case, from its pairs alone."""
    screen, gating = standing.sifted["screen"], standing.gating
    if standing.given_up or len(screen.good) < LEAST:
        return None
    if standing.suspicions:
        return "confirm"
    open_questions = (
        bool(effects) and gating.margin_of(name) > 0 and not unchanged(effects, gating.margin_of(name))
        for name in standing.metrics
        for effects in [screen.effects(name)]
    )
    return "extend" if any(open_questions) else None


def _sequential(pairs: Sequence[Pair], gating: Gating, family: int) -> Standing:
    standing = Standing(gating, {"sequential": sift(pairs, "sequential", LOOKS[-1])})
    good = standing.sifted["sequential"].good
    found = [
        looks([effect(pair, name) for pair in good], gating.minimum, gating.margin_of(name), family)
        for name in standing.metrics
    ]
    if all(look.settled for look in found):
        return standing
    return _asking(standing, "sequential", next(count for count in LOOKS if count > len(good)), LOOKS[-1])


def _asking(standing: Standing, stage: Stage, planned: int, in_all: int | None = None) -> Standing:
    """The same with the good pairs that a stage lacks up to ``planned`` and that there is still leave to measure.

    The leave to replace spoiled pairs is a share of the pairs ``in_all``, by default of those planned.
    """
    sifted = standing.sifted[stage]
    beyond = max(0, len(sifted.contaminated) - int(standing.gating.contaminated * (in_all or planned)))
    more = 0 if standing.given_up else max(0, planned - len(sifted.good) - beyond)
    return replace(standing, stage=stage if more else None, more=more)
