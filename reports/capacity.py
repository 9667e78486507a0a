"""The capacity plan: each quantity as a spreadsheet formula and, beside it, the same arithmetic in Python.

The workbook writes the formula with the twin's value as its cached result, so that viewers that never recalculate
show right numbers; tests hold the two equal. A quantity whose inputs are not numbers is a text that says what is
missing, in both: never 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Quantity = float | str | None  # a number, the reason why there is none, or an empty input cell
Quantities = Mapping[str, Quantity]

HOURS = 8760  # of a year of 365 days
NO_POINT = "no operating point"


@dataclass(frozen=True)
class Step:
    """One column of the plan. ``formula`` names cells in braces; ``needs`` are those that must be numbers."""

    name: str
    title: str
    unit: str
    format: str
    needs: tuple[str, ...]
    formula: str
    twin: Callable[[Quantities], Quantity]


@dataclass(frozen=True)
class Input:
    """An input of the user: ``example`` is a placeholder until the user replaces it."""

    name: str
    title: str
    unit: str
    example: float | str
    meaning: str
    least: float = 0.0
    most: float | None = None
    format: str = "#,##0.00"


POLICY = (
    Input("peak_to_mean", "Peak to mean demand", "ratio", 2.0, "Devices are counted for the peak.", 1.0),
    Input("growth", "Growth", "share", 0.0, "Added to the demand: 30 % plans for 1.3 times it.", -1, None, "0%"),
    Input(
        "target_utilisation", "Target utilisation", "share", 0.7, "How busy devices may be at a peak.", 0.01, 1, "0%"
    ),
    Input("memory_headroom", "Memory head-room", "share", 0.1, "Share of device memory to leave free.", 0, 0.99, "0%"),
    Input("pue", "PUE", "ratio", 1.4, "Facility power over power of the machines.", 1.0),
    Input("electricity_price", "Electricity price", "per kWh", 0.15, "In your currency; 0 where the rent covers it."),
    Input("confidence", "Confidence", "", "lower bound", "Plan with the mean or with the lower bound of throughput."),
)
DEMAND = Input("demand", "Mean demand", "items/s", 1000.0, "Of the workload's own items, averaged over the year.")
DEVICE = (
    Input("devices_per_node", "Devices per node", "", 8, "Of one machine.", 1, None, "#,##0"),
    Input("price", "Price per device-hour", "", 2.0, "In your currency, paid for every hour of the year."),
    Input("host_power", "Host power", "W per node", 500.0, "What a node draws besides its measured devices."),
)

MISSING = {
    "memory": "memory not measured",
    "power": "power not measured",
    "device_memory": "enter the device memory in Inputs",
    **{entry.name: f"enter the {entry.title.lower()} in Inputs" for entry in (*POLICY, DEMAND, *DEVICE)},
}


def number(quantity: Quantity) -> float:
    """A quantity that is known to be a number."""
    assert isinstance(quantity, (int, float))
    return float(quantity)


def missing(step: Step, known: Quantities) -> str | None:
    """What a step lacks: the text of its first need that is no number."""
    for name in step.needs:
        if not isinstance(known[name], (int, float)):
            return MISSING.get(name) or str(known[name])
    return None


def evaluate(step: Step, known: Quantities) -> Quantity:
    """The value of a step, or the text that says what is missing."""
    return missing(step, known) or step.twin(known)


def formula(step: Step, cells: Mapping[str, str]) -> str:
    """The step as a formula over cell references, guarded as `evaluate` is."""
    text = step.formula.format(**cells)
    for name in reversed(step.needs):
        instead = f'"{MISSING[name]}"' if name in MISSING else cells[name]
        text = f"IF(ISNUMBER({cells[name]}),{text},{instead})"
    return f"={text}"


def _usable(known: Quantities) -> Quantity:
    room = number(known["device_memory"]) * 1_000_000_000 * (1 - number(known["memory_headroom"]))
    if number(known["memory"]) > room:
        return "does not fit the memory"
    if known["confidence"] == "mean":
        return known["throughput"]
    return known["low"] if isinstance(known["low"], (int, float)) else "no lower bound"


# Beside each measured row: its throughput to plan with, or why it is no candidate.
USABLE = Step(
    "usable",
    "To plan with",
    "items/s",
    "#,##0.00",
    ("throughput", "memory", "device_memory"),
    'IF({memory}>{device_memory}*1000000000*(1-{memory_headroom}),"does not fit the memory",'
    'IF({confidence}="mean",{throughput},IF(ISNUMBER({low}),{low},"no lower bound")))',
    _usable,
)


def _devices(known: Quantities) -> Quantity:
    # Rounding first: what binary arithmetic puts a hair above a whole number is not one more device.
    return math.ceil(round(number(known["peak"]) / (number(known["point"]) * number(known["target_utilisation"])), 6))


def _cost_per_million(known: Quantities) -> Quantity:
    items = number(known["demand"]) * (1 + number(known["growth"])) * 3600 * HOURS
    return number(known["cost"]) / items * 1_000_000 if items > 0 else "no demand"


# One row for each workload and device. ``point`` is the throughput of the operating point, ``power`` what it draws.
PLAN = (
    Step(
        "peak", "Peak demand", "items/s", "#,##0.00",
        ("demand", "peak_to_mean", "growth"),
        "{demand}*{peak_to_mean}*(1+{growth})",
        lambda known: number(known["demand"]) * number(known["peak_to_mean"]) * (1 + number(known["growth"])),
    ),
    Step(
        "devices", "Devices", "", "#,##0",
        ("point", "peak", "target_utilisation"),
        "ROUNDUP(ROUND({peak}/({point}*{target_utilisation}),6),0)",
        _devices,
    ),
    Step(
        "nodes", "Nodes", "", "#,##0",
        ("devices", "devices_per_node"),
        "ROUNDUP({devices}/{devices_per_node},0)",
        lambda known: math.ceil(number(known["devices"]) / number(known["devices_per_node"])),
    ),
    Step(
        "kilowatts", "Facility power", "kW", "#,##0.00",
        ("nodes", "power", "host_power", "pue"),
        "({devices}*{power}+{nodes}*{host_power})*{pue}/1000",
        lambda known: (number(known["devices"]) * number(known["power"])
                       + number(known["nodes"]) * number(known["host_power"])) * number(known["pue"]) / 1000,
    ),
    Step(
        "energy", "Energy", "kWh/yr", "#,##0",
        ("kilowatts",),
        f"{{kilowatts}}*{HOURS}",
        lambda known: number(known["kilowatts"]) * HOURS,
    ),
    Step(
        "rent", "Cost of devices", "per year", "#,##0.00",
        ("devices", "price"),
        f"{{devices}}*{{price}}*{HOURS}",
        lambda known: number(known["devices"]) * number(known["price"]) * HOURS,
    ),
    Step(
        "electricity", "Cost of electricity", "per year", "#,##0.00",
        ("energy", "electricity_price"),
        "{energy}*{electricity_price}",
        lambda known: number(known["energy"]) * number(known["electricity_price"]),
    ),
    Step(
        "cost", "Cost of both", "per year", "#,##0.00",
        ("rent", "electricity"),
        "{rent}+{electricity}",
        lambda known: number(known["rent"]) + number(known["electricity"]),
    ),
    Step(
        "cost_per_million", "Cost", "per million items", "#,##0.0000",
        ("cost", "demand", "growth"),
        f'IF({{demand}}*(1+{{growth}})>0,{{cost}}/({{demand}}*(1+{{growth}})*3600*{HOURS})*1000000,"no demand")',
        _cost_per_million,
    ),
)  # fmt: skip
