"""How near a step came to the limits of its device: what takes more than its replicates to know.

Each raises `Unavailable` with the reason where its number cannot be had.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.errors import Unavailable
from bench.peaks import label_of
from bench.record import Record
from bench.roof import Ceiling, Roofs, stated

INTENSITY = "operators' inputs and outputs, no cache"


def vendor_peak(record: Record, roofs: Roofs) -> Ceiling:
    """The dense peak of the record's device in its precision, as the vendor states it."""
    found = stated(record.environment, record.case.precision)
    if found is None:
        label = label_of(record.environment) or record.case.device
        raise Unavailable(
            f"no vendor peak is known of {label} in {record.case.precision}; mfu.measured is of a measured one"
        )
    return found


def measured_peak(record: Record, roofs: Roofs) -> Ceiling:
    """The best matrix product that was measured on the record's device in its precision."""
    found = roofs.of(record.environment).over(record.case.precision)
    if found is None:
        raise Unavailable(
            f"no peak of this device in {record.case.precision} in these stores; wattmark peaks -o STORE measures it"
        )
    return found


# What a FLOP rate is a share of.
PEAKS = {"mfu": vendor_peak, "mfu.measured": measured_peak}


def intensity(record: Record) -> float:
    """FLOPs over bytes of one and the same step, as its operators were dispatched. Units: FLOP/B."""
    flop, size = (_counter(record, name) for name in ("flop.dispatched", "bytes.dispatched"))
    if flop <= 0 or size <= 0:
        raise Unavailable(f"{flop:g} FLOP and {size:g} B were dispatched")
    return flop / size


def groups(record: Record) -> list[tuple[float, float]]:
    """FLOPs and bytes of the operators of the step that `intensity` is of, alike in intensity; one group of all where
    the record does not tell them apart."""
    flop, size = (_counted(record, name) for name in ("flop.dispatched", "bytes.dispatched"))
    told = size.get("by_intensity") or [{"flop": flop["value"], "bytes": size["value"]}]
    return [(one["flop"], one["bytes"]) for one in told]


def computed(record: Record) -> float:
    """The FLOPs that the step computes which `intensity` and `groups` are of, by its workload's count; in records that
    do not have it what its operators dispatched, which in training is more where they compute again what they need."""
    told = (record.counters or {}).get("flop.computed", {}).get("value")
    return float(told) if told else _counter(record, "flop.dispatched")


def _counter(record: Record, name: str) -> float:
    return float(_counted(record, name)["value"])


def _counted(record: Record, name: str) -> Mapping[str, Any]:
    counted: Mapping[str, Any] | None = (record.counters or {}).get(name)
    if counted is None:
        raise Unavailable("nothing was counted" if record.counters is None else f"this record has no {name}")
    if counted.get("value") is None:
        raise Unavailable(counted.get("reason") or "not counted")
    return counted
