"""Finds among records those of the machine's own limits (`workloads.peak`), and makes the measured roofs of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench.case import Case
from bench.record import Record
from bench.roof import Ceiling, Identity, Roof, Roofs, arithmetic, identity, si

PRODUCT, STREAM, COLLECTIVE = "peak:Product", "peak:Stream", "peak:Collective"


def is_peak(case: Case) -> bool:
    """Whether a case measures what the machine can reach, and not what a step costs."""
    return case.workload in (PRODUCT, STREAM, COLLECTIVE)


def beside(records: Sequence[Record], store: Iterable[Record]) -> list[Record]:
    """The records with all peaks that a store holds, each once."""
    return [
        *(record for record in store if is_peak(record.case)),
        *(record for record in records if not is_peak(record.case)),
    ]


def roofs(records: Iterable[Record]) -> Roofs:
    """The roof of each device: of all kernels, sizes, runs and windows the best, since each can only fall short."""
    compute: dict[Identity, dict[str, Ceiling]] = defaultdict(dict)
    memory: dict[Identity, Ceiling] = {}
    between: dict[Identity, Ceiling] = {}
    for record in records:
        found = ceiling(record) if is_peak(record.case) else None
        if found is None:
            continue
        device = identity(record.environment)
        if record.case.workload == STREAM:
            memory[device] = _higher(memory.get(device), found)
        elif record.case.workload == COLLECTIVE:
            between[device] = _higher(between.get(device), found)
        else:
            precision = arithmetic(record.case.precision)
            compute[device][precision] = _higher(compute[device].get(precision), found)
    return Roofs(
        {
            device: Roof(compute.get(device, {}), memory.get(device), between.get(device))
            for device in {**compute, **memory, **between}
        }
    )


def ceiling(record: Record) -> Ceiling | None:
    """What a record of a peak reached in its best window, or None where it reached nothing that can be."""
    if not record.publishes:
        return None
    moves = record.case.workload != PRODUCT
    done = [(sample.work.get("B") if moves else sample.flop, sample.seconds) for sample in record.samples]
    best = max((amount / seconds for amount, seconds in done if amount), default=None)
    if best is None:
        return None
    told = si(best, "B/s" if moves else "FLOP/s")
    return Ceiling(best, f"{told} measured by {kernel(record.case)}, run {record.run.id}")


def kernel(case: Case) -> str:
    """How a case tries to reach the limit: its kernel and its size.

    >>> kernel(Case(PRODUCT, "cpu", "fp32", 1, {"kernel": "conv", "edge": 1024}))
    'conv, edge 1024'
    """
    first, *rest = case.parameters.items()
    return ", ".join([str(first[1]), *(f"{name} {size}" for name, size in rest)])


def _higher(one: Ceiling | None, other: Ceiling) -> Ceiling:
    return other if one is None or other.rate > one.rate else one
