"""From demand to devices and nodes."""

from __future__ import annotations

import math
from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.step import Step, number


def whole(value: float) -> int:
    """Rounded up. What binary arithmetic puts a hair above a whole number is not one more device.

    >>> whole(3.0000000001), whole(3.1)
    (3, 4)
    """
    return math.ceil(round(value, 6))


def devices_for(peak: float, rate: float, k: Any) -> int:
    """How many devices serve a peak at a rate each, with those that are out of order and the spare ones."""
    return whole(whole(peak / rate) / k.availability) + int(k.spares)


def devices_formula(peak: str, rate: str) -> str:
    """`devices_for` as a formula."""
    return f"ROUNDUP(ROUND(ROUNDUP(ROUND({peak}/({rate}),6),0)/{{availability}},6),0)+{{spares}}"


def _peak(k: Any) -> Quantity:
    if k.mode == "offline":
        return k.mean_demand
    return k.mean_demand * k.peak_to_mean if number(k.peak_to_mean) else "enter the peak to mean demand in Inputs"


def _utilisation(k: Any) -> Quantity:
    """M/D/1: a request waits s·u / (2·(1 - u)) on average, for a service time s and a utilisation u. That the wait w
    which the objective leaves is kept bounds u by 2·w / (s + 2·w)."""
    if k.mode != "online" or not number(k.slo):
        return k.target_utilisation
    wait = k.slo / 1000 - k.time
    return (
        min(k.target_utilisation, 2 * wait / (k.time + 2 * wait)) if wait > 0 else "a step takes all of the objective"
    )


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
        'IF({mode}="offline",{mean_demand},IF(ISNUMBER({peak_to_mean}),{mean_demand}*{peak_to_mean},'
        '"enter the peak to mean demand in Inputs"))',
        _peak,
        "serving",
    ),
    Step(
        "utilisation", "Utilisation to plan with (M/D/1 model)", "share", "0.0%",
        ("point", "target_utilisation", "time"),
        'IF(AND({mode}="online",ISNUMBER({slo})),IF({slo}/1000>{time},'
        "MIN({target_utilisation},2*({slo}/1000-{time})/({time}+2*({slo}/1000-{time}))),"
        '"a step takes all of the objective"),{target_utilisation})',
        _utilisation,
        "serving",
    ),
    Step(
        "devices", "Devices", "", "#,##0",
        ("point", "peak_demand", "utilisation", "availability", "spares"),
        devices_formula("{peak_demand}", "{point}*{utilisation}"),
        lambda k: devices_for(k.peak_demand, k.point * k.utilisation, k),
        "serving",
    ),
    Step(
        "nodes", "Nodes", "", "#,##0",
        ("devices", "devices_per_node"),
        "ROUNDUP(ROUND({devices}/{devices_per_node},6),0)",
        lambda k: whole(k.devices / k.devices_per_node),
        "serving",
    ),
    Step(
        "busy", "Share of the time that devices work", "share", "0.0%",
        ("mean_demand", "devices", "point"),
        'IF({devices}>0,{mean_demand}/({devices}*{point}),"no devices")',
        lambda k: k.mean_demand / (k.devices * k.point) if k.devices > 0 else "no devices",
        "serving",
    ),
)  # fmt: skip
