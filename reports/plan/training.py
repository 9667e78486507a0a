"""A training run: data times model FLOPs over measured compute, to devices, days, racks, energy and money.

A run is planned either by its items, at the throughput that was measured, or by tokens and parameters, for a model that
was not measured itself: then it is assumed to reach the same FLOP/s. Its FLOPs are then 6 x parameters x tokens,
forward and backward (Kaplan et al. 2020, arXiv 2001.08361, section 2.1). An MFU and a peak, where both are given, stand
in for the FLOP/s that was measured.
"""

from __future__ import annotations

from typing import Any

from reports.plan.cost import (
    charges,
    charges_formula,
    cheaper,
    cheaper_formula,
    cheapest,
    cheapest_formula,
    rank,
    with_charges,
    with_charges_formula,
    yearly_price,
    yearly_price_formula,
)
from reports.plan.inputs import Quantity
from reports.plan.rounding import up, up_formula
from reports.plan.step import MISSING, Step, number

FLOPS = 6  # for each parameter and token
BY_MODEL = "tokens and parameters"
_BY_ITEMS = "items"
_BY_MFU = "items and MFU"
_NO_DATA = "enter the items, or tokens and parameters, in Inputs"
_NO_FLOPS, _NO_PEAK = MISSING["flop_item"], MISSING["peak"]
_NOTHING = "nothing to train"
_IN_ALL = "{currency} in all"
_DAYS = 365  # of a year
_RUN = f"{{days}}/{_DAYS}"


def _basis(k: Any) -> Quantity:
    if number(k.tokens) and number(k.parameters):
        return BY_MODEL
    if not number(k.training_items):
        return _NO_DATA
    return _BY_MFU if number(k.mfu) else _BY_ITEMS


def _compute(k: Any) -> Quantity:
    if number(k.mfu):
        return k.mfu * k.peak if number(k.peak) else _NO_PEAK
    if not number(k.point):
        return k.point
    return k.flop_item * k.point if number(k.flop_item) else _NO_FLOPS


def _flops(k: Any) -> Quantity:
    if k.basis == BY_MODEL:
        return FLOPS * k.parameters * k.tokens
    if not number(k.training_items):
        return k.basis
    return k.training_items * k.flop_item if number(k.flop_item) else _NO_FLOPS


def _device_hours(k: Any) -> Quantity:
    share = k.scaling_efficiency * (1 - k.overhead) * k.availability
    if k.basis == _BY_ITEMS:
        return k.training_items / (k.point * share) / 3600 if number(k.point) else k.point
    for needed in (k.training_flop, k.compute):
        if not number(needed):
            return needed
    return k.training_flop / (k.compute * share) / 3600


_SHARE = "({scaling_efficiency}*(1-{overhead})*{availability})"

TRAINING = (
    Step(
        "basis", "Planned by", "", "",
        (),
        f'IF(AND(ISNUMBER({{tokens}}),ISNUMBER({{parameters}})),"{BY_MODEL}",IF(ISNUMBER({{training_items}}),'
        f'IF(ISNUMBER({{mfu}}),"{_BY_MFU}","{_BY_ITEMS}"),"{_NO_DATA}"))',
        _basis,
        "training",
    ),
    Step(
        "training_flop", "Model FLOPs of the run", "FLOP", "0.00E+00",
        (),
        f'IF({{basis}}="{BY_MODEL}",{FLOPS}*{{parameters}}*{{tokens}},IF(ISNUMBER({{training_items}}),'
        f'IF(ISNUMBER({{flop_item}}),{{training_items}}*{{flop_item}},"{_NO_FLOPS}"),{{basis}}))',
        _flops,
        "training",
    ),
    Step(
        "compute", "Compute of a device", "FLOP/s", "0.00E+00",
        (),
        f'IF(ISNUMBER({{mfu}}),IF(ISNUMBER({{peak}}),{{mfu}}*{{peak}},"{_NO_PEAK}"),IF(ISNUMBER({{point}}),'
        f'IF(ISNUMBER({{flop_item}}),{{flop_item}}*{{point}},"{_NO_FLOPS}"),{{point}}))',
        _compute,
        "training",
    ),
    Step(
        "device_hours", "Device-hours", "h", "#,##0.0",
        ("scaling_efficiency", "overhead", "availability"),
        f'IF({{basis}}="{_BY_ITEMS}",IF(ISNUMBER({{point}}),{{training_items}}/({{point}}*{_SHARE})/3600,{{point}}),'
        "IF(ISNUMBER({training_flop}),IF(ISNUMBER({compute}),"
        f"{{training_flop}}/({{compute}}*{_SHARE})/3600,{{compute}}),{{training_flop}}))",
        _device_hours,
        "training",
    ),
    Step(
        "run_load", "Devices that the deadline keeps busy", "", "#,##0.00",
        ("device_hours", "deadline"),
        "{device_hours}/{deadline}",
        lambda k: k.device_hours / k.deadline,
        "training",
    ),
    Step(
        "training_devices", "Devices", "", "#,##0",
        ("run_load",),
        up_formula("{run_load}"),
        lambda k: up(k.run_load),
        "training",
    ),
    Step(
        "training_nodes", "Nodes", "", "#,##0",
        ("training_devices", "devices_per_node"),
        up_formula("{training_devices}/{devices_per_node}"),
        lambda k: up(k.training_devices / k.devices_per_node),
        "training",
    ),
    Step(
        "training_racks", "Racks", "", "#,##0",
        ("training_nodes", "in_rack"),
        up_formula("{training_nodes}/{in_rack}"),
        lambda k: up(k.training_nodes / k.in_rack),
        "training",
    ),
    Step(
        "days", "Days", "d", "#,##0.00",
        ("device_hours", "training_devices"),
        f'IF({{training_devices}}>0,{{device_hours}}/{{training_devices}}/24,"{_NOTHING}")',
        lambda k: k.device_hours / k.training_devices / 24 if k.training_devices > 0 else _NOTHING,
        "training",
    ),
    Step(
        "run_power", "Power of the machines", "kW", "#,##0.00",
        ("training_devices", "training_nodes", "provided", "host_power"),
        "({training_devices}*{provided}+{training_nodes}*{host_power})/1000",
        lambda k: (k.training_devices * k.provided + k.training_nodes * k.host_power) / 1000,
        "training",
    ),
    Step(
        "run_facility_power", "Power of the facility", "kW", "#,##0.00",
        ("run_power", "pue"),
        "{run_power}*{pue}",
        lambda k: k.run_power * k.pue,
        "training",
    ),
    Step(
        "training_energy", "Energy", "kWh", "#,##0",
        ("days", "training_devices", "power", "training_nodes", "host_power", "pue"),
        "({training_devices}*{power}+{training_nodes}*{host_power})*{days}*24*{pue}/1000",
        lambda k: (k.training_devices * k.power + k.training_nodes * k.host_power) * k.days * 24 * k.pue / 1000,
        "training",
    ),
    Step(
        "training_carbon", "Carbon", "t CO2e", "#,##0.000",
        ("training_energy", "carbon_intensity"),
        "{training_energy}*{carbon_intensity}/1000000",
        lambda k: k.training_energy * k.carbon_intensity / 1_000_000,
        "training",
    ),
    Step(
        "training_rent", "Rented", _IN_ALL, "#,##0.00",
        ("device_hours", "rent"),
        "{device_hours}*{rent}",
        lambda k: k.device_hours * k.rent,
        "training",
    ),
    Step(
        "training_electricity", "Owned: electricity alone", _IN_ALL, "#,##0.00",
        ("training_energy", "electricity_price"),
        "{training_energy}*{electricity_price}",
        lambda k: k.training_energy * k.electricity_price,
        "training",
    ),
    Step(
        "training_capital", "Owned: share of the run in devices, nodes and upkeep", _IN_ALL, "#,##0.00",
        ("training_devices", "training_nodes", "price", "node_price", "depreciation", "days"),
        f"{yearly_price_formula('training_devices', 'training_nodes')}*{_RUN}",
        lambda k: yearly_price(k, "training_devices", "training_nodes") * k.days / _DAYS,
        "training",
    ),
    Step(
        "training_charges", "Owned: demand charge and housing", _IN_ALL, "#,##0.00",
        ("days",),
        charges_formula("run_power", "run_facility_power", _RUN),
        lambda k: charges(k, "run_power", "run_facility_power", k.days / _DAYS),
        "training",
    ),
    Step(
        "training_owned", "Owned, in all", _IN_ALL, "#,##0.00",
        ("training_capital", "training_electricity"),
        with_charges_formula("{training_capital}+{training_electricity}", "{training_charges}"),
        lambda k: with_charges(k.training_capital + k.training_electricity, k.training_charges),
        "training",
    ),
    Step(
        "training_cheaper", "Cheaper", "", "",
        ("training_owned", "training_rent"),
        cheaper_formula("training_rent", "training_owned"),
        lambda k: cheaper(k.training_rent, k.training_owned),
        "training",
    ),
    Step(
        "training_cheapest", "The cheaper of what is known", _IN_ALL, "#,##0.00",
        (),
        cheapest_formula("training_rent", "training_owned"),
        lambda k: cheapest(k.training_rent, k.training_owned),
        "training",
    ),
)  # fmt: skip

TRAINING_RANK = rank("training_rank", "Rank among the devices", "training_cheapest", "training_devices", "training")
