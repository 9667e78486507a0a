"""What the parent asks of a replicate, and what comes back; free of torch, since the parent has none."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bench.case import Case
from bench.measuring import Plan
from bench.record import Flops, Replicate
from bench.typed import typed


@dataclass(frozen=True)
class Job:
    """One replicate to make. ``device`` is the case's device as records keep it; ``flops`` are the batches' FLOPs
    where an earlier replicate has counted them; ``fit_only`` builds and runs two steps, to learn whether a batch fits;
    ``exclusive`` measures only where nobody else uses the machine. ``count`` has the exact counters taken when all is
    measured, ``count_only`` has them taken and measures nothing; ``profile_into`` profiles some steps, whose trace goes
    into that folder, and measures nothing."""

    case: Case
    device: Mapping[str, Any]
    index: int
    seed: int
    plan: Plan
    meters: Sequence[str]
    flops: Sequence[Flops | None] | None = None
    fit_only: bool = False
    exclusive: bool = False
    count: bool = False
    count_only: bool = False
    profile_into: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The job as it is sent."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Job:
        """Read what `to_json` wrote."""
        flops = data.get("flops") and [one and Flops(*one) for one in data["flops"]]
        return cls(**{**data, "case": Case(**data["case"]), "plan": Plan(**data["plan"]), "flops": flops})


@dataclass(frozen=True)
class Outcome:
    """A replicate with what it learnt of the case: version, inputs, model, counters and profile as records keep them,
    FLOPs per batch."""

    replicate: Replicate
    version: int | None = None
    inputs: Mapping[str, Any] | None = None
    model: Mapping[str, Any] | None = None
    flops: Sequence[Flops | None] | None = None
    counters: Mapping[str, Any] | None = None
    profile: Mapping[str, Any] | None = None


def received(sent: Any, index: int) -> Outcome:
    """What a replicate sent; one that failed, where that is not of its type, as a workload's version that is a text."""
    try:
        return typed(sent, Outcome)
    except ValueError as error:
        return Outcome(Replicate(index, "failed", f"what the replicate sent does not fit: {error}"))


def seed_of(run_seed: int, case: Case, index: int) -> int:
    """A seed of its own for each replicate of each case, the same whenever the run is repeated with its seed."""
    digest = hashlib.sha256(f"{run_seed} {case.id} {index}".encode()).digest()
    return int.from_bytes(digest[:4], "big")
