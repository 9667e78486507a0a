"""Whether something disturbed a pair: judged on what was measured beside it, never on its timing.

Dropping pairs that look slow would make any head look fast. What is seen here would be seen whatever the steps took.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.caveats import FOREIGN_SHARE, THERMAL_SHARE
from bench.pair import Pair

# Time that the hypervisor gives to others falls on both arms alike, since they alternate; beyond this the machine
# stands still more than it runs, and the rounds are no neighbours any more.
STEAL_SHARE = 0.50
# An SM clock so far below that of the case's other pairs is another state of the card.
CLOCK_SHARE = 0.02
# Pairs that must say what the clock usually is.
OTHERS = 3


def contamination(pair: Pair, others: Sequence[Pair] = ()) -> str | None:
    """What disturbed a pair, as a phrase with its number; None where nothing is known to have.

    Read are the pair's covariates ``foreign_share``, ``steal_share`` (shares of all CPUs' time) and
    ``device_processes`` (how many processes of others were on the device), and its chunks' ``throttle.thermal`` (share
    of time) and ``clock.sm`` (Hz). The clock is held against ``others``, the case's other pairs of the same stage.
    What was not measured disturbs nothing. Reaching the power limit is no disturbance: large steps always do.
    """
    if pair.status == "contaminated":
        return pair.reason or "no reason was kept"
    foreign, steal, processes = (_beside(pair, name) for name in ("foreign_share", "steal_share", "device_processes"))
    if foreign > FOREIGN_SHARE:
        return pair.beside or f"other processes took {_percent(foreign)} of the CPUs"
    if processes > 0:
        return f"{processes:.0f} other process{'es' * (processes > 1)} used the device"
    if steal > STEAL_SHARE:
        return f"the hypervisor gave {_percent(steal)} of the CPUs' time to others"
    hot = _mean(pair, "throttle.thermal")
    if hot is not None and hot > THERMAL_SHARE:
        return f"heat held the clock down for {_percent(hot)} of the time"
    return _clock(pair, others)


def _clock(pair: Pair, others: Sequence[Pair]) -> str | None:
    own = _median(pair)
    usual = [clock for other in others if other is not pair and (clock := _median(other)) is not None]
    if own is None or len(usual) < OTHERS or own >= (1 - CLOCK_SHARE) * median(usual):
        return None
    return f"the SM clock was {own / 1e6:.0f} MHz, and {median(usual) / 1e6:.0f} MHz in the case's other pairs"


def _beside(pair: Pair, name: str) -> float:
    """A covariate of the whole pair; one that could not be had says nothing, as 0 does."""
    return pair.covariates.get(name) or 0.0


def _mean(pair: Pair, name: str) -> float | None:
    """The mean of a covariate over a pair's chunks that have it. They are alike, so each counts the same:
    weighed by their time, what is dropped would depend on the timing."""
    found = [value for chunk in pair.chunks if (value := chunk.covariates.get(name)) is not None]
    return sum(found) / len(found) if found else None


def _median(pair: Pair) -> float | None:
    """The median SM clock (Hz) over the chunks of both arms: what head does to it alone is no disturbance."""
    found = [clock for chunk in pair.chunks if (clock := chunk.covariates.get("clock.sm")) is not None]
    return median(found) if found else None


def _percent(share: float) -> str:
    return f"{share * 100:.0f} %"
