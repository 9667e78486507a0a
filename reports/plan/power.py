"""From devices and nodes to racks, power, energy and carbon."""

from __future__ import annotations

from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.rounding import down, down_formula, up, up_formula
from reports.plan.step import HOURS, Step, number

_PROVIDED = {"measured maximum": "maximum", "measured mean": "power", "rated": "rated_power"}
_LACKING = {
    "maximum": "maximum power not measured",
    "power": "power not measured",
    "rated_power": "enter the rated power in Inputs",
}
TOO_MUCH = "a node draws more than a rack may"


def _provided(k: Any) -> Quantity:
    name = _PROVIDED[k.power_policy]
    chosen: Quantity = getattr(k, name)
    return chosen * (1 + k.power_margin) if isinstance(chosen, (int, float)) else _LACKING[name]


def _provided_formula() -> str:
    of = {
        name: f'IF(ISNUMBER({{{name}}}),{{{name}}}*(1+{{power_margin}}),"{lacking}")'
        for name, lacking in _LACKING.items()
    }
    return (
        f'IF({{power_policy}}="rated",{of["rated_power"]},'
        f'IF({{power_policy}}="measured mean",{of["power"]},{of["maximum"]}))'
    )


def _in_rack(k: Any) -> Quantity:
    if not number(k.rack_power):
        return k.nodes_per_rack
    if not number(k.node_power):
        return k.node_power
    if k.nodes_per_rack * k.node_power <= k.rack_power * 1000:
        return k.nodes_per_rack
    return down(k.rack_power * 1000 / k.node_power) or TOO_MUCH


_FITTING = down_formula("{rack_power}*1000/{node_power}")

POWER = (
    Step(
        "provided", "Power provided for a device", "W", "#,##0.0",
        ("point", "power_margin"),
        _provided_formula(),
        _provided,
    ),
    Step(
        "node_power", "Power of a node", "W", "#,##0.0",
        ("provided", "devices_per_node", "host_power"),
        "{devices_per_node}*{provided}+{host_power}",
        lambda k: k.devices_per_node * k.provided + k.host_power,
    ),
    Step(
        "in_rack", "Nodes in a rack", "", "#,##0",
        ("nodes_per_rack",),
        "IF(ISNUMBER({rack_power}),IF(ISNUMBER({node_power}),"
        f"IF({{nodes_per_rack}}*{{node_power}}<={{rack_power}}*1000,{{nodes_per_rack}},IF({_FITTING}>0,{_FITTING},"
        f'"{TOO_MUCH}")),{{node_power}}),{{nodes_per_rack}})',
        _in_rack,
    ),
    Step(
        "racks", "Racks", "", "#,##0",
        ("nodes", "in_rack"),
        up_formula("{nodes}/{in_rack}"),
        lambda k: up(k.nodes / k.in_rack),
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
        "energy_per_million", "Energy", "kWh per million items", "#,##0.0000",
        ("energy", "mean_demand"),
        f'IF({{mean_demand}}>0,{{energy}}/({{mean_demand}}*3600*{HOURS})*1000000,"no demand")',
        lambda k: k.energy / (k.mean_demand * 3600 * HOURS) * 1_000_000 if k.mean_demand > 0 else "no demand",
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
