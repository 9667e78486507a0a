"""What a profile of some steps found, as a record keeps it: totals over steps that were watched and not measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.record import Reading, Record
from bench.typed import typed

# The phases of a training step, by these names in profiles and in the metrics of its split (``time.forward``).
PHASES = ("forward", "backward", "optimizer", "rest")
PHASE_MARK = "phase: "  # begins the name of a range that marks one
STEPS = "ProfilerStep*"  # what torch calls all steps together: of these the own time is that outside of operators

_SAID = ("value", "source", "reason")  # of a share, which has no use for a scope


@dataclass(frozen=True)
class Operator:
    """What torch calls by one name: ``self_seconds`` of the host without what it calls itself, ``total_seconds`` with
    that, ``device_seconds`` of the kernels that it launched itself, ``flop`` by torch's formulas where it has one."""

    name: str
    calls: int
    self_seconds: float
    total_seconds: float
    device_seconds: float
    flop: int | None = None


@dataclass(frozen=True)
class Kernel:
    """What ran on the device by one name; ``tensor_core`` is judged by that name."""

    name: str
    calls: int
    seconds: float
    tensor_core: bool


@dataclass(frozen=True)
class Phase:
    """A part of the step: its time on the host, and of the kernels launched in it where there are any."""

    name: str
    seconds: float
    device_seconds: float | None = None


@dataclass(frozen=True)
class Owner:
    """Blocks that lived at the peak: the phase, where the step has any, and the outermost operator in which they were
    allocated."""

    phase: str
    operator: str
    bytes: int
    blocks: int


@dataclass(frozen=True)
class Memory:
    """The bytes of tensors on ``device`` over the last step, thinned; the peak is exact, and its owners add up to it.

    ``base`` are bytes that were there before the profile; None where the allocator does not tell, as on a CPU, and the
    curve then counts what was allocated since.
    """

    device: str
    base: int | None
    seconds: tuple[float, ...]
    bytes: tuple[int, ...]
    peak: int
    peak_seconds: float
    owners: tuple[Owner, ...]

    def __post_init__(self) -> None:
        if len(self.seconds) != len(self.bytes):
            raise ValueError(f"{len(self.seconds)} moments have {len(self.bytes)} numbers of bytes")


@dataclass(frozen=True)
class Profile:
    """A profile of ``steps`` steps that took ``seconds`` while they were watched.

    ``trace`` is the trace's path in the store. ``operators`` and ``kernels`` are those that took longest, out of
    ``operator_names`` and ``kernel_names``; the totals are over all. ``shares`` are of ``seconds``, but
    ``tensor_core``, which is of ``kernel_seconds``. ``absent`` says why parts are not there.
    """

    source: str
    torch: str
    taken: str
    trace: str
    steps: int
    seconds: float
    operators: tuple[Operator, ...]
    operator_names: int
    operator_seconds: float
    kernels: tuple[Kernel, ...] = ()
    kernel_names: int = 0
    kernel_seconds: float = 0.0
    phases: tuple[Phase, ...] = ()
    shares: Mapping[str, Reading] = field(default_factory=dict)
    memory: Memory | None = None
    absent: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """The profile as a record keeps it."""
        shares = {name: {key: getattr(one, key) for key in _SAID} for name, one in self.shares.items()}
        return {**asdict(self), "shares": shares}


def profile_of(record: Record) -> Profile | None:
    """The profile of a case, or None where there is none; `why_none` says why."""
    if not record.profile or record.profile.get("reason"):
        return None
    try:
        return typed(record.profile, Profile)
    except ValueError:
        return None


def why_none(record: Record) -> str | None:
    """Why a case that was to be profiled has no profile; None where it has one, or was not to be profiled."""
    if record.profile is None or profile_of(record) is not None:
        return None
    return str(record.profile.get("reason") or "this version cannot read the profile")
