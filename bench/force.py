"""Which force holds a case back, by measured numbers alone: data, compute, memory, overhead, or none that is shown.

The first of them that is seen to hold the case is named, with the numbers that show it and an upper bound of what the
case could gain. Everything that says what a case is bound by says it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from bench.errors import Unavailable
from bench.profile import PHASE_MARK, STEPS, Profile, profile_of
from bench.rates import Value
from bench.record import Record
from bench.roof import Roof, Side, si

Force = Literal["data", "compute", "memory", "overhead"]

WAIT = "data.wait"
# A force is shown to hold a case where it takes this share of the step, or the case reaches this share of its roof:
# what takes less than half of the time cannot, by its removal, make the case twice as fast.
SHOWN = 0.5
NO_BANDWIDTH = "no bandwidth of this device in these stores; wattmark peaks -o STORE measures it"
# What an operator of a profile is called that is no operator but the step, or a part of it, around them.
_AROUND = (STEPS, PHASE_MARK, "Optimizer.")


class Bound(NamedTuple):
    """What holds a case back: the ``force``, or None where none is shown to.

    ``evidence`` are the numbers behind it in words, or the reason why nothing can be said. ``gain`` is an upper bound:
    how many times faster the case were at its roof (compute, memory), or without the wait (data, overhead). Where too
    little was measured for a verdict, ``judged`` is false.
    """

    force: Force | None
    evidence: str
    gain: float | None = None
    judged: bool = True


class Reached(NamedTuple):
    """How near a case came to its roof: its FLOP/s as a share of the ``most`` that the roof allows at its intensity
    (FLOP/B), and the side of the roof that sets it. Without caches: with them a case can exceed the memory's side."""

    share: float
    most: float
    side: Side
    rate: float
    intensity: float


def bound(record: Record, values: Mapping[str, Value], roof: Roof) -> Bound:
    """What holds a case back; ``roof`` is its device's as measured, ``values`` are `bench.rates`' of the record."""
    if record.status != "ok":
        return Bound(None, record.reason or "nothing was measured", judged=False)
    waiting = _data(values.get(WAIT))
    if waiting:
        return waiting
    try:
        under = reached(values, record.case.precision, roof)
    except Unavailable as why:
        return _overhead(record) or Bound(None, str(why), judged=False)
    return _roof(under, record.case.precision, roof) or _overhead(record) or Bound(None, _not_shown(record, under))


def reached(values: Mapping[str, Value], precision: str, roof: Roof) -> Reached:
    """How near a case came to its measured roof.

    Raises:
        Unavailable: its rate, its intensity or the roof is not known, with the reason.
    """
    rate, intensity = (_number(values[name]) for name in ("flop.rate", "intensity"))
    found = roof.attainable(precision, intensity)
    if found is None and roof.memory is None:
        raise Unavailable(NO_BANDWIDTH)
    if found is None:
        raise Unavailable(values["mfu.measured"].reason or f"no peak of this device in {precision}")
    most, side = found
    return Reached(rate / most, most, side, rate, intensity)


def _data(wait: Value | None) -> Bound | None:
    if wait is None or wait.value is None or not SHOWN <= wait.value < 1:
        return None
    return Bound("data", f"{wait.value:.0%} of the step waits for its input", 1 / (1 - wait.value))


def _roof(under: Reached, precision: str, roof: Roof) -> Bound | None:
    """Compute or memory. A case above the memory's side is fed by caches, so that the memory does not hold it; it may
    yet be held by the computing."""
    compute = roof.over(precision)
    if under.side == "memory" and SHOWN <= under.share <= 1:
        allowed = f"{si(under.most, 'FLOP/s')} that the memory feeds at {under.intensity:.3g} FLOP/B without a cache"
        return Bound("memory", f"{si(under.rate, 'FLOP/s')}, {under.share:.0%} of the {allowed}", 1 / under.share)
    share = under.rate / compute.rate if compute and (under.side == "compute" or under.share > 1) else 0.0
    if compute is None or not SHOWN <= share <= 1:
        return None
    told = f"{si(under.rate, 'FLOP/s')}, {share:.0%} of the measured peak of {si(compute.rate, 'FLOP/s')}"
    return Bound("compute", f"{told}, at {under.intensity:.3g} FLOP/B", 1 / share)


def _overhead(record: Record) -> Bound | None:
    """By the profile: the device idles, or on a CPU the step is outside of operators. A profiled step is slower on the
    host than a measured one, so the share is an upper bound too."""
    profile = profile_of(record)
    share = _outside(record, profile) if profile else None
    if profile is None or share is None or not SHOWN <= share < 1:
        return None
    if record.case.device == "cpu":
        told = f"{share:.0%} of a profiled step is spent outside of operators"
    else:
        launch = profile.shares.get("launch_bound")
        until = f", {launch.value:.0%} until its next kernel is launched" if launch and launch.value is not None else ""
        told = f"the device idles for {share:.0%} of a profiled step{until}"
    return Bound("overhead", told, 1 / (1 - share))


def _outside(record: Record, profile: Profile) -> float | None:
    """The share of a profiled step in which its device does not compute."""
    if record.case.device != "cpu":
        idle = profile.shares.get("idle")
        return None if idle is None else idle.value
    if profile.seconds <= 0:
        return None
    return sum(one.self_seconds for one in profile.operators if one.name.startswith(_AROUND)) / profile.seconds


def _not_shown(record: Record, under: Reached) -> str:
    if under.side == "compute" and under.share > 1:
        return f"{si(under.rate, 'FLOP/s')} is above the measured peak of {si(under.most, 'FLOP/s')}: it is too low"
    profile = profile_of(record)
    share = _outside(record, profile) if profile else None
    closer = (
        "a profile would look closer"
        if share is None
        else f"and a profile shows {share:.0%} of the step without computing"
    )
    cached = ", so caches feed it" if under.side == "memory" and under.share > 1 else ""
    allowed = f"{si(under.most, 'FLOP/s')} that the {under.side} side of the measured roof allows"
    near = f"{si(under.rate, 'FLOP/s')}, {under.share:.0%} of the {allowed}"
    return f"{near}{cached}; no force is shown to hold it, {closer}"


def _number(value: Value) -> float:
    if value.value is None:
        raise Unavailable(value.reason or "not measured")
    return value.value
