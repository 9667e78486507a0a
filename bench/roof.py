"""The limits of a device: how many FLOP/s in which precision, how many B/s of memory and to others, and what says so.

A vendor states them, and `wattmark peaks` measures them. Together they are the roof of the roofline model (Williams,
Waterman and Patterson 2009): what a computation of some arithmetic intensity can reach.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from bench.case import PRECISIONS
from bench.peaks import bandwidth_of, peak_of

Side = Literal["compute", "memory"]
Identity = tuple[Any, ...]

_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"))


@dataclass(frozen=True)
class Ceiling:
    """What is not exceeded, in FLOP/s or B/s, and what says so."""

    rate: float
    source: str


@dataclass(frozen=True)
class Roof:
    """The ceilings of one device: of computing by the precision that is computed in, of its memory, and of the bus
    ``between`` it and the devices after it."""

    compute: Mapping[str, Ceiling] = field(default_factory=dict)
    memory: Ceiling | None = None
    between: Ceiling | None = None

    def over(self, precision: str) -> Ceiling | None:
        """The ceiling of a case's precision."""
        return self.compute.get(arithmetic(precision))


class Roofs:
    """The measured roofs of devices, each found by what was measured on the same device in the same way."""

    def __init__(self, found: Mapping[Identity, Roof] | None = None) -> None:
        self._found = found or {}

    def of(self, environment: Mapping[str, Any]) -> Roof:
        """The roof over what was measured in an environment; one without ceilings where none was measured."""
        return self._found.get(identity(environment), Roof())


def arithmetic(precision: str) -> str:
    """What a precision multiplies in: pure or by autocast, bf16 is bf16.

    >>> arithmetic("bf16-pure"), arithmetic("tf32")
    ('bf16', 'tf32')
    """
    return precision.removesuffix("-pure")


def identity(environment: Mapping[str, Any]) -> Identity:
    """What two records must share for the peak of one to be the other's: the device, by its UUID or else its host, the
    number of threads, and torch."""
    device, torch, system = (_part(environment, name) for name in ("device", "torch", "system"))
    told = device.get("uuid") or str(system.get("id"))
    facts = device.get("label"), told, torch.get("version"), torch.get("threads")
    return tuple(fact if isinstance(fact, str | int | None) else str(fact) for fact in facts)


def vendor(environment: Mapping[str, Any]) -> Roof:
    """What the vendor of an environment's device states, or a file that was given for it."""
    compute = {arithmetic(name): ceiling for name in PRECISIONS if (ceiling := stated(environment, name))}
    memory = bandwidth_of(environment)
    return Roof(
        compute,
        None if memory is None else Ceiling(memory.rate, f"{si(memory.rate, 'B/s')}, {memory.sku}: {memory.source}"),
    )


def stated(environment: Mapping[str, Any], precision: str) -> Ceiling | None:
    """The ceiling of one precision alone, as `vendor` has it."""
    name = arithmetic(precision)
    peak = peak_of(environment, name)
    if peak is None:
        return None
    return Ceiling(peak.flops, f"{si(peak.flops, 'FLOP/s')} dense {name}, {peak.sku}: {peak.source}")


def si(rate: float, unit: str) -> str:
    """A rate in words.

    >>> si(989.4e12, "FLOP/s"), si(2.039e12, "B/s"), si(16.8e9, "B/s")
    ('989.4 TFLOP/s', '2.039 TB/s', '16.8 GB/s')
    """
    size, prefix = next((one for one in _PREFIXES if rate >= one[0]), (1.0, ""))
    return f"{rate / size:.4g} {prefix}{unit}"


def _part(environment: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = environment.get(name)
    return found if isinstance(found, Mapping) else {}
