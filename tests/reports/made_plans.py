"""Inputs of plans as a planner would give them, and others, drawn by lot."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from reports.plan.inputs import SECTIONS, Input, Inputs, Quantity, Source

TODAY = date(2026, 11, 24)


def with_(inputs: Inputs, **changes: Quantity) -> Inputs:
    """The inputs with values changed, of everything that has an input of that name."""

    def laid(values: Mapping[str, Quantity]) -> dict[str, Quantity]:
        return {name: changes.get(name, value) for name, value in values.items()}

    return replace(
        inputs,
        general=laid(inputs.general),
        workload={owner: laid(values) for owner, values in inputs.workload.items()},
        device={owner: laid(values) for owner, values in inputs.device.items()},
    )


def filled(inputs: Inputs, training: bool = False) -> Inputs:
    """The inputs with everything that a planner may know; all workloads train, or are as they were."""
    sources = {
        (section, owner, entry.name): Source(date(2026, 10, 1), "a list of prices")
        for section, owners in inputs.sections.items()
        for owner in owners
        for entry in SECTIONS[section]
        if entry.sourced
    }
    known = with_(
        inputs, currency="EUR", availability=0.98, spares=1, depreciation=4.0, upkeep=0.03, housing=80.0, pue=1.3,
        rack_power=17.0, electricity_price=0.21, demand_charge=12.0, carbon_intensity=380.0, demand=400.0, growth=0.3,
        peak_to_mean=2.5, minimum=2, slo=2000.0, percentile="p50", training_items=2e9, deadline=72.0,
        scaling_efficiency=0.9, overhead=0.03, devices_per_node=8, nodes_per_rack=4, host_power=400.0,
        rated_power=700.0, rent=2.5, price=30_000.0, node_price=20_000.0,
    )  # fmt: skip
    known = with_(known, mode="training") if training else known
    return replace(known, sources={**sources, **inputs.sources})


def drawn(inputs: Inputs, seed: int, extreme: bool = False) -> Inputs:
    """Inputs such as planners may enter, some of them left empty; or the least and the most that they can."""
    lot = random.Random(seed)
    sources: dict[tuple[str, str, str], Source] = {}

    def value(place: tuple[str, str, str], entry: Input) -> Quantity:
        if entry.choices:
            return lot.choice(entry.choices)
        if entry.words:
            return lot.choice(("EUR", "=1+1", '"', "100 ¥"))
        if entry.sourced and lot.random() < 0.8:
            sources[place] = Source(lot.choice((TODAY, date(2024, 2, 29))), "drawn by lot")
        if lot.random() < 0.12:
            return None
        if extreme and lot.random() < 0.6:
            return lot.choice((entry.least, entry.most, min(entry.most, max(entry.least, 1))))
        low, high = _RANGES.get(entry.name, (max(entry.least, 0.05), min(entry.most, 10.0)))
        return lot.randint(int(low), int(high)) if entry.whole else round(lot.uniform(low, high), 4)

    def section(name: str, owner: str) -> dict[str, Quantity]:
        return {entry.name: value((name, owner, entry.name), entry) for entry in SECTIONS[name]}

    return replace(
        inputs,
        general=section("general", ""),
        workload={owner: section("workload", owner) for owner in inputs.workload},
        device={owner: section("device", owner) for owner in inputs.device},
        sources=sources,
    )


# What an input may be drawn from, where that is not from its least to its most or 10.
_RANGES = {
    "demand": (0.0, 9e5), "slo": (1.0, 3000.0), "training_items": (1e6, 1e10), "parameters": (1e6, 1e12),
    "peak": (1e12, 1e15), "tokens": (1e8, 1e13), "deadline": (1.0, 2000.0), "device_memory": (1.0, 100.0),
    "host_power": (0.0, 900.0), "rated_power": (100.0, 1000.0), "price": (0.0, 40_000.0),
    "node_price": (0.0, 90_000.0), "rack_power": (0.5, 60.0), "oldest": (0, 9), "oldest_price": (0, 900),
    "devices_per_node": (1, 8), "nodes_per_rack": (1, 12), "spares": (0, 3), "minimum": (0, 5), "growth": (-0.5, 1.0),
    "largest_batch": (1, 64), "housing": (0.0, 200.0), "upkeep": (0.0, 0.2),
}  # fmt: skip


# What is entered of one workload each, over everything that a planner may know: every way that a plan can take.
WAYS: tuple[dict[str, Quantity], ...] = (
    {},
    {"slo": 165.0, "percentile": "p50"},
    {"slo": 260.0, "percentile": "p95"},
    {"slo": 330.0, "percentile": "p99"},
    {"slo": 150.0, "percentile": "p99"},
    {"slo": 150.0, "percentile": "p95"},
    {"slo": 150.0, "percentile": "p99", "largest_batch": 1},
    {"slo": 900.0, "percentile": "p95", "largest_batch": 1},
    {"slo": 95.0, "percentile": "p50"},
    {"slo": 10.0, "percentile": "p95"},
    {"slo": None, "minimum": 90},
    {"allowed_precision": "bf16"},
    {"allowed_precision": "tf32"},
    {"largest_batch": 4},
    {"demand": 0.0, "minimum": 0},
    {"demand": 0.0, "minimum": 3},
    {"demand": None},
    {"demand": 1e-9},
    {"peak_to_mean": None},
    {"minimum": None},
    {"growth": None},
    {"mode": "offline", "peak_to_mean": None, "slo": 1.0},
    {"mode": "training"},
    {"mode": "training", "mfu": 0.4},
    {"mode": "training", "tokens": 1e12, "parameters": 7e9},
    {"mode": "training", "tokens": 1e12, "parameters": 7e9, "mfu": 0.4, "training_items": None},
    {"mode": "training", "tokens": 1e12},
    {"mode": "training", "tokens": 1e12, "training_items": None},
    {"mode": "training", "training_items": 0},
    {"mode": "training", "deadline": None},
    {"mode": "training", "scaling_efficiency": None, "overhead": None},
    {"mode": "training", "allowed_precision": "tf32"},
)

# And of everything together, or of devices.
ALL_OF_THEM: tuple[dict[str, Quantity], ...] = (
    {
        "power_policy": "measured mean",
        "power_margin": 0.25,
        "rack_power": 100.0,
        "demand_charge": None,
        "confidence": "mean",
    },
    {"power_policy": "rated", "power_margin": 0.1, "housing": None, "upkeep": None, "rack_power": 17.9, "peak": None},
    {"rack_power": 0.1, "housing": None, "demand_charge": None, "rent": 0.0, "target_utilisation": 1.0, "spares": 0},
)


def ways(inputs: Inputs) -> list[Inputs]:
    """Inputs of workloads of which each takes a way of its own."""
    base = filled(with_(inputs, peak=1e15))
    own = {f"way:N{index:02}": way for index, way in enumerate(WAYS)}
    each = {owner: {**values, **own.get(owner, {"slo": None})} for owner, values in base.workload.items()}
    return [with_(replace(base, workload=each), **every) for every in ALL_OF_THEM]


def even(inputs: Inputs, device: str, rent: float) -> Inputs:
    """The inputs with a device that costs so much to rent."""
    return replace(inputs, device={**inputs.device, device: {**inputs.device[device], "rent": rent}})
