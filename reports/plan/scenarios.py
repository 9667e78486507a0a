"""The same plan at less and at more demand, and by the mean and the lower bound of throughput; a table of what if."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reports.plan.fleet import devices_for, devices_formula, whole
from reports.plan.inputs import Quantities, Quantity
from reports.plan.step import HOURS, Step, evaluate


def _demand(name: str, title: str, factor: str, of: Callable[[Any], float]) -> tuple[Step, ...]:
    devices, power, rent = f"{name}_devices", f"{name}_power", f"{name}_rent"
    return (
        Step(
            devices, f"{title}: devices", "", "#,##0",
            ("devices", "peak_demand", "utilisation", "point", f"{name}_demand"),
            devices_formula(f"{{peak_demand}}*{factor}", "{point}*{utilisation}"),
            lambda k: devices_for(k.peak_demand * of(k), k.point * k.utilisation, k),
            "serving",
        ),
        Step(
            power, f"{title}: power of the facility", "kW", "#,##0.00",
            (devices, "provided", "devices_per_node", "host_power", "pue"),
            f"({{{devices}}}*{{provided}}+ROUNDUP(ROUND({{{devices}}}/{{devices_per_node}},6),0)*{{host_power}})*{{pue}}/1000",
            lambda k: (getattr(k, devices) * k.provided
                       + whole(getattr(k, devices) / k.devices_per_node) * k.host_power) * k.pue / 1000,
            "serving",
        ),
        Step(
            rent, f"{title}: rented", "per year", "#,##0.00",
            (devices, "rent"),
            f"{{{devices}}}*{{rent}}*{HOURS}",
            lambda k: getattr(k, devices) * k.rent * HOURS,
            "serving",
        ),
    )  # fmt: skip


def _by(name: str, title: str, rate: str) -> Step:
    return Step(
        name, title, "", "#,##0",
        ("peak_demand", "utilisation", "availability", "spares", rate),
        devices_formula("{peak_demand}", f"{{{rate}}}*{{utilisation}}"),
        lambda k: devices_for(k.peak_demand, getattr(k, rate) * k.utilisation, k),
        "serving",
    )  # fmt: skip


SCENARIOS = (
    *_demand("low", "Low demand", "{low_demand}", lambda k: k.low_demand),
    *_demand("high", "High demand", "{high_demand}", lambda k: k.high_demand),
    _by("devices_by_mean", "Devices by the mean throughput", "throughput"),
    _by("devices_by_low", "Devices by the lower bound", "low"),
)

# One cell of the table of what if.
WHAT_IF = Step(
    "what_if", "Devices", "", "#,##0",
    ("peak_demand", "point", "availability", "spares"),
    devices_formula("{peak_demand}*{times}", "{point}*{share}"),
    lambda k: devices_for(k.peak_demand * k.times, k.point * k.share, k),
)  # fmt: skip

DEMANDS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
UTILISATIONS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def what_if(peak: Quantity, point: Quantity, demand: float, utilisation: float, general: Quantities) -> Quantity:
    """Devices of a row of the plan at so many times its demand, and at another utilisation."""
    return evaluate(WHAT_IF, {**general, "peak_demand": peak, "point": point, "times": demand, "share": utilisation})
