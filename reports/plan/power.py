"""From devices and nodes to racks, power, energy and carbon."""

from __future__ import annotations

from typing import Any

from reports.plan.fleet import whole
from reports.plan.inputs import Quantity
from reports.plan.step import HOURS, Step, number

_PROVIDED = {"measured maximum": "maximum", "measured mean": "power", "rated": "rated_power"}
_LACKING = {
    "maximum": "maximum power not measured",
    "power": "power not measured",
    "rated_power": "enter the rated power in Inputs",
}


def _provided(k: Any) -> Quantity:
    name = _PROVIDED[k.power_policy]
    chosen = getattr(k, name)
    return chosen if number(chosen) else _LACKING[name]


def _provided_formula() -> str:
    of = {name: f'IF(ISNUMBER({{{name}}}),{{{name}}},"{lacking}")' for name, lacking in _LACKING.items()}
    return (
        f'IF({{power_policy}}="rated",{of["rated_power"]},'
        f'IF({{power_policy}}="measured mean",{of["power"]},{of["maximum"]}))'
    )


def _in_rack(k: Any) -> Quantity:
    if not number(k.rack_power):
        return k.nodes_per_rack
    fitting = int(round(k.rack_power * 1000 / k.node_power, 6))
    return min(k.nodes_per_rack, fitting) if fitting > 0 else "a node draws more than a rack may"


POWER = (
    Step(
        "provided", "Power provided for a device", "W", "#,##0.0",
        ("point",),
        _provided_formula(),
        _provided,
        "serving",
    ),
    Step(
        "node_power", "Power of a node", "W", "#,##0.0",
        ("provided", "devices_per_node", "host_power"),
        "{devices_per_node}*{provided}+{host_power}",
        lambda k: k.devices_per_node * k.provided + k.host_power,
        "serving",
    ),
    Step(
        "it_power", "Power of the machines", "kW", "#,##0.00",
        ("devices", "nodes", "provided", "host_power"),
        "({devices}*{provided}+{nodes}*{host_power})/1000",
        lambda k: (k.devices * k.provided + k.nodes * k.host_power) / 1000,
        "serving",
    ),
    Step(
        "facility_power", "Power of the facility", "kW", "#,##0.00",
        ("it_power", "pue"),
        "{it_power}*{pue}",
        lambda k: k.it_power * k.pue,
        "serving",
    ),
    Step(
        "in_rack", "Nodes in a rack", "", "#,##0",
        ("nodes_per_rack", "node_power"),
        "IF(ISNUMBER({rack_power}),IF(ROUNDDOWN(ROUND({rack_power}*1000/{node_power},6),0)>0,"
        "MIN({nodes_per_rack},ROUNDDOWN(ROUND({rack_power}*1000/{node_power},6),0)),"
        '"a node draws more than a rack may"),{nodes_per_rack})',
        _in_rack,
        "serving",
    ),
    Step(
        "racks", "Racks", "", "#,##0",
        ("nodes", "in_rack"),
        "ROUNDUP(ROUND({nodes}/{in_rack},6),0)",
        lambda k: whole(k.nodes / k.in_rack),
        "serving",
    ),
    Step(
        "mean_power", "Mean power of a device over a year", "W", "#,##0.0",
        ("busy", "power", "idle"),
        "{idle}+({power}-{idle})*{busy}",
        lambda k: k.idle + (k.power - k.idle) * k.busy,
        "serving",
    ),
    Step(
        "energy", "Energy", "kWh per year", "#,##0",
        ("devices", "nodes", "mean_power", "host_power", "pue"),
        f"({{devices}}*{{mean_power}}+{{nodes}}*{{host_power}})*{{pue}}*{HOURS}/1000",
        lambda k: (k.devices * k.mean_power + k.nodes * k.host_power) * k.pue * HOURS / 1000,
        "serving",
    ),
    Step(
        "carbon", "Carbon", "t CO2e per year", "#,##0.00",
        ("energy", "carbon_intensity"),
        "{energy}*{carbon_intensity}/1000000",
        lambda k: k.energy * k.carbon_intensity / 1_000_000,
        "serving",
    ),
)  # fmt: skip
