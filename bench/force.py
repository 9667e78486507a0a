"""Which force holds a case back, by measured numbers alone: data, compute, memory, overhead, or none that is shown.

The first of them that is seen to hold the case is named, with the numbers that show it and what the case would gain
without it. Everything that says what a case is bound by says it from here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NamedTuple

from bench.errors import Unavailable
from bench.profile import PHASE_MARK, STEPS, profile_of
from bench.rates import Value
from bench.reach import computed, groups
from bench.record import Record
from bench.roof import Roof, Side, si

Force = Literal["data", "compute", "memory", "overhead"]

WAIT = "data.wait"
# A force is shown to hold a case where it takes this share of the step, or the case reaches this share of its roof:
# what takes less than half of the time cannot, by its removal, make the case twice as fast.
SHOWN = 0.5
_TOLD = 0.005  # what takes less of a step is not worth a word
NO_BANDWIDTH = "no bandwidth of this device in these stores; wattmark peaks -o STORE measures it"
# What an operator of a profile is called that is no operator but the step, or a part of it, around them.
_AROUND = (STEPS, PHASE_MARK, "Optimizer.")
# Operators whose work is multiplying, as a CPU's profile calls them.
_PRODUCTS = frozenset(
    (
        *(f"aten::{name}" for name in ("mm", "addmm", "bmm", "baddbmm", "mkldnn_convolution", "convolution_backward")),
        "aten::_scaled_dot_product_flash_attention_for_cpu",
        "aten::_scaled_dot_product_flash_attention_for_cpu_backward",
        "mkldnn::_linear_pointwise",
        "mkldnn::_convolution_pointwise",
    )
)


class Bound(NamedTuple):
    """What holds a case back: the ``force``, or None where none is shown to.

    ``evidence`` are the numbers behind it in words, or the reason why nothing can be said. ``gain`` is how many times
    faster the same operators were at their roof (compute, memory), or without the wait (data, overhead); fewer or fused
    operators may gain more. Where too little was measured for a verdict, ``judged`` is false.
    """

    force: Force | None
    evidence: str
    gain: float | None = None
    judged: bool = True


class Group(NamedTuple):
    """Operators of a step that are alike in intensity: their FLOPs and bytes, the side of the roof that limits them,
    and the ``share`` of the step that they would take there: at the device's peak, or its bandwidth without caches."""

    flop: float
    size: float
    side: Side
    share: float


class Reached(NamedTuple):
    """How near a case came to its roof, each of its operators to the roof at its own intensity.

    ``rate`` (FLOP/s) and ``intensity`` (FLOP/B) are of the whole step, ``peak`` (FLOP/s) and ``bandwidth`` (B/s) of the
    roof. With caches a case can exceed the memory's side.
    """

    groups: tuple[Group, ...]
    rate: float
    intensity: float
    peak: float
    bandwidth: float

    @property
    def compute(self) -> float:
        """The share of the step that operators which computing limits would take at the peak."""
        return sum(one.share for one in self.groups if one.side == "compute")

    @property
    def memory(self) -> float:
        """The share of the step that the others would take at the bandwidth."""
        return sum(one.share for one in self.groups if one.side == "memory")

    @property
    def share(self) -> float:
        """FLOP/s as a share of the most that the roof allows."""
        return self.compute + self.memory

    @property
    def most(self) -> float:
        """FLOP/s that the roof allows."""
        return self.rate / self.share

    @property
    def side(self) -> Side:
        """The side of the roof that takes more of the step."""
        return "memory" if self.memory > self.compute else "compute"


def bound(record: Record, values: Mapping[str, Value], roof: Roof) -> Bound:
    """What holds a case back; ``roof`` is its device's as measured, ``values`` are `bench.rates`' of the record."""
    if record.status != "ok":
        return Bound(None, record.reason or "nothing was measured", judged=False)
    waiting = _data(values.get(WAIT))
    if waiting:
        return waiting
    try:
        under = reached(record, values, roof)
    except Unavailable as why:
        return _overhead(record, values) or Bound(None, str(why), judged=False)
    found = _roof(under) or _overhead(record, values) or _products(record, under)
    return _of_use(found, values.get("flop.useful")) if found else Bound(None, _not_shown(record, values, under))


def reached(record: Record, values: Mapping[str, Value], roof: Roof) -> Reached:
    """How near a case came to its measured roof.

    Raises:
        Unavailable: its rate, its intensity or the roof is not known, with the reason.
    """
    rate, intensity = (_number(values[name]) for name in ("flop.rate.computed", "intensity"))
    compute = roof.over(record.case.precision)
    if roof.memory is None:
        raise Unavailable(NO_BANDWIDTH)
    if compute is None:
        raise Unavailable(values["mfu.measured"].reason or f"no peak of this device in {record.case.precision}")
    found = groups(record)
    steps = rate / computed(record)  # a second, of the one that was counted
    limited = (_limited(flop, size, steps, compute.rate, roof.memory.rate) for flop, size in found)
    return Reached(tuple(limited), rate, intensity, compute.rate, roof.memory.rate)


def _limited(flop: float, size: float, steps: float, peak: float, bandwidth: float) -> Group:
    computing, moving = steps * flop / peak, steps * size / bandwidth
    return Group(flop, size, "compute", computing) if computing >= moving else Group(flop, size, "memory", moving)


def _data(wait: Value | None) -> Bound | None:
    if wait is None or wait.value is None or not SHOWN <= wait.value < 1:
        return None
    return Bound("data", f"{wait.value:.0%} of the step waits for its input", 1 / (1 - wait.value))


def _roof(under: Reached) -> Bound | None:
    """Compute or memory. A case above its roof is fed by caches, so that the memory does not hold it; it may yet be
    held by the computing."""
    share = under.rate / under.peak
    fed = under.share > 1
    if SHOWN <= share <= 1 and (under.side == "compute" or fed):
        told = f"{si(under.rate, 'FLOP/s')}, {share:.0%} of the measured peak of {si(under.peak, 'FLOP/s')}"
        return Bound("compute", f"{told}, at {under.intensity:.3g} FLOP/B", 1 / (share if fed else under.share))
    if fed or under.share < SHOWN:
        return None
    return Bound(under.side, _parts(under), 1 / under.share)


def _of_use(found: Bound, useful: Value | None) -> Bound:
    """With the part of the computing that no result requires, where computing holds the case."""
    if found.force != "compute" or useful is None or useful.value is None or useful.value > 1 - _TOLD:
        return found
    told = f"{useful.value:.0%} of its FLOPs are required, the rest is padding or output that nothing reads"
    return found._replace(evidence=f"{found.evidence}; {told}")


def _parts(under: Reached) -> str:
    """What a step consists of at its roof."""
    parts = (
        (under.compute, f"to compute ({si(under.peak, 'FLOP/s')})"),
        (under.memory, f"to move bytes ({si(under.bandwidth, 'B/s')} without a cache)"),
    )
    told = " and ".join(f"{share:.0%} of its time {what}" for share, what in parts if share >= _TOLD)
    return f"at the measured limits the step would take {told or 'less than 1% of its time'}"


def _overhead(record: Record, values: Mapping[str, Value]) -> Bound | None:
    """By the profile: the device works for less than half of a step, or on a CPU its operators take less than that."""
    times = _worked(record, values)
    if times is None or not SHOWN <= 1 - times[0] / times[1] < 1:
        return None
    worked, step = times
    who = "operators take" if record.case.device == "cpu" else "the device works for"
    return Bound(
        "overhead", f"{who} {worked * 1e3:.3g} ms of a step of {step * 1e3:.3g} ms, by a profile", step / worked
    )


def _worked(record: Record, values: Mapping[str, Value]) -> tuple[float, float] | None:
    """The seconds of a step in which its device computes, as its profile has them, and those of a step that was not
    watched: kernels last as long if they are watched, and operators hardly longer, but not what lies between them,
    since watching takes time of the host's."""
    profile, step = profile_of(record), values["time.step"].value
    if profile is None or profile.seconds <= 0 or not profile.steps or step is None:
        return None
    if record.case.device == "cpu":
        outside = sum(one.self_seconds for one in profile.operators if one.name.startswith(_AROUND))
        return (profile.seconds - outside) / profile.steps, step
    idle = profile.shares.get("idle")
    return None if idle is None or idle.value is None else ((1 - idle.value) * profile.seconds / profile.steps, step)


def _products(record: Record, under: Reached) -> Bound | None:
    """Computing, by the profile: matrix products below their peak, on a CPU, where an operator lasts as long as its
    work."""
    profile = profile_of(record) if record.case.device == "cpu" else None
    if profile is None or profile.seconds <= 0 or under.side != "compute" or under.share > 1:
        return None
    share = sum(one.self_seconds for one in profile.operators if one.name in _PRODUCTS) / profile.seconds
    if not SHOWN <= share < 1 or under.compute >= share:
        return None
    peak = f"at their measured peak of {si(under.peak, 'FLOP/s')} they would take {under.compute:.0%}"
    told = f"{share:.0%} of a profiled step is in matrix products; {peak}"
    return Bound("compute", told, 1 / (1 - share + under.compute))


def _not_shown(record: Record, values: Mapping[str, Value], under: Reached) -> str:
    if under.rate > under.peak:
        return f"{si(under.rate, 'FLOP/s')} is above the measured peak of {si(under.peak, 'FLOP/s')}: it is too low"
    times = _worked(record, values)
    closer = (
        "a profile would look closer"
        if times is None
        else f"and a profile shows {max(1 - times[0] / times[1], 0):.0%} of the step without computing"
    )
    cached = ", so caches feed it" if under.share > 1 else ""
    return f"{_parts(under)}{cached}; no force is shown to hold it, {closer}"


def _number(value: Value) -> float:
    if value.value is None:
        raise Unavailable(value.reason or "not measured")
    return value.value
