"""From demand to devices and nodes."""

from __future__ import annotations

from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.queueing import busy, busy_formula
from reports.plan.rounding import above, above_formula, down, down_formula, up, up_formula
from reports.plan.step import Step, number

_NO_PEAK = "enter the peak to mean demand in Inputs"


def devices_for(load: float, k: Any) -> int:
    """How many devices carry a load, with those that are out of order, no fewer than wanted, and the spare ones."""
    return max(up(up(load) / k.availability), int(k.minimum)) + int(k.spares)


def devices_formula(load: str) -> str:
    """`devices_for` as a formula."""
    return f"MAX({up_formula(up_formula(load) + '/{availability}')},{{minimum}})+{{spares}}"


def _peak(k: Any) -> Quantity:
    if k.mode == "offline":
        return k.mean_demand
    return k.mean_demand * k.peak_to_mean if number(k.peak_to_mean) else _NO_PEAK


def _busy(k: Any) -> Quantity:
    if k.devices <= 0:
        return "no devices"
    full: float = k.mean_demand / (k.devices * k.point)
    return busy(full, k.batch_size) if k.mode == "online" else full


_FULL = "{mean_demand}/({devices}*{point})"

FLEET = (
    Step(
        "mean_demand", "Mean demand at the horizon", "items/s", "#,##0.00",
        ("demand", "growth", "horizon"),
        "{demand}*(1+{growth})^{horizon}",
        lambda k: k.demand * (1 + k.growth) ** k.horizon,
        "serving",
    ),
    Step(
        "peak_demand", "Peak demand", "items/s", "#,##0.00",
        ("mean_demand",),
        f'IF({{mode}}="offline",{{mean_demand}},IF(ISNUMBER({{peak_to_mean}}),{{mean_demand}}*{{peak_to_mean}},"{_NO_PEAK}"))',
        _peak,
        "serving",
    ),
    Step(
        "bound", "Utilisation is bounded by", "", "",
        ("utilisation", "target_utilisation"),
        f'IF({above_formula("{target_utilisation}", "{utilisation}")},"the objective","the target")',
        lambda k: "the objective" if above(k.target_utilisation, k.utilisation) else "the target",
        "serving",
    ),
    Step(
        "load", "Devices that the peak keeps busy", "", "#,##0.00",
        ("point", "peak_demand", "utilisation"),
        "{peak_demand}/({point}*{utilisation})",
        lambda k: k.peak_demand / (k.point * k.utilisation),
        "serving",
    ),
    Step(
        "fewest", "Fewest devices", "", "#,##0",
        ("minimum",),
        "{minimum}",
        lambda k: k.minimum,
    ),
    Step(
        "devices", "Devices", "", "#,##0",
        ("load", "availability", "minimum", "spares"),
        devices_formula("{load}"),
        lambda k: devices_for(k.load, k),
        "serving",
    ),
    Step(
        "nodes", "Nodes", "", "#,##0",
        ("devices", "devices_per_node"),
        up_formula("{devices}/{devices_per_node}"),
        lambda k: up(k.devices / k.devices_per_node),
        "serving",
    ),
    Step(
        "busy", "Share of the time that devices work", "share", "0.0%",
        ("mean_demand", "devices", "point"),
        f'IF({{devices}}>0,IF({{mode}}="online",{busy_formula(_FULL)},{_FULL}),"no devices")',
        _busy,
        "serving",
    ),
    Step(
        "copies", "Copies that the memory of a device would hold", "", "#,##0",
        ("point", "memory_high", "device_memory", "memory_headroom"),
        down_formula("{device_memory}*1000000000*(1-{memory_headroom})/{memory_high}"),
        lambda k: down(k.device_memory * 1_000_000_000 * (1 - k.memory_headroom) / k.memory_high),
        "serving",
    ),
)  # fmt: skip
