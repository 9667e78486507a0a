"""A training run: data times model FLOPs over measured compute, to devices, days, energy and money.

A run is planned either by its items, at the throughput that was measured, or by tokens and parameters, for a model that
was not measured itself: then it is assumed to reach the same FLOP/s. Its FLOPs are then 6 x parameters x tokens,
forward and backward (Kaplan et al. 2020, arXiv 2001.08361, section 2.1).
"""

from __future__ import annotations

import math
from typing import Any

from reports.plan.fleet import whole
from reports.plan.inputs import Quantity
from reports.plan.step import Step, number

_FLOPS = 6  # for each parameter and token
_BY_MODEL = "tokens and parameters"
_NO_TOKENS = "the workload counts no tokens"


def _basis(k: Any) -> Quantity:
    if number(k.tokens) and number(k.parameters):
        return _BY_MODEL
    return "items" if number(k.training_items) else "enter the items, or tokens and parameters, in Inputs"


def _compute(k: Any) -> Quantity:
    if number(k.mfu) and number(k.peak):
        return k.mfu * k.peak
    return k.flop_item * k.point if number(k.flop_item) else "FLOPs not counted"


def _flops(k: Any) -> Quantity:
    if k.basis == _BY_MODEL:
        return _FLOPS * k.parameters * k.tokens
    if k.basis != "items":
        return k.basis
    return k.training_items * k.flop_item if number(k.flop_item) else "FLOPs not counted"


def _device_hours(k: Any) -> Quantity:
    share = k.scaling_efficiency * (1 - k.overhead) * k.availability
    if k.basis == "items":
        return k.training_items / (k.point * share) / 3600
    if k.basis != _BY_MODEL:
        return k.basis
    return k.training_flop / (k.compute * share) / 3600 if number(k.compute) else k.compute


def _tokens(k: Any) -> Quantity:
    if k.basis == _BY_MODEL:
        return k.tokens
    if k.basis != "items":
        return k.basis
    return k.training_items * k.token_item if number(k.token_item) else _NO_TOKENS


def _model(k: Any) -> Quantity:
    return k.parameters if k.basis == _BY_MODEL else k.measured_parameters


_SHARE = "({scaling_efficiency}*(1-{overhead})*{availability})"

TRAINING = (
    Step(
        "basis", "Planned by", "", "",
        (),
        f'IF(AND(ISNUMBER({{tokens}}),ISNUMBER({{parameters}})),"{_BY_MODEL}",IF(ISNUMBER({{training_items}}),"items",'
        '"enter the items, or tokens and parameters, in Inputs"))',
        _basis,
        "training",
    ),
    Step(
        "training_flop", "Model FLOPs of the run", "FLOP", "0.00E+00",
        (),
        f'IF({{basis}}="{_BY_MODEL}",{_FLOPS}*{{parameters}}*{{tokens}},IF({{basis}}="items",'
        'IF(ISNUMBER({flop_item}),{training_items}*{flop_item},"FLOPs not counted"),{basis}))',
        _flops,
        "training",
    ),
    Step(
        "compute", "Compute of a device", "FLOP/s", "0.00E+00",
        ("point",),
        "IF(AND(ISNUMBER({mfu}),ISNUMBER({peak})),{mfu}*{peak},"
        'IF(ISNUMBER({flop_item}),{flop_item}*{point},"FLOPs not counted"))',
        _compute,
        "training",
    ),
    Step(
        "device_hours", "Device-hours", "h", "#,##0.0",
        ("point", "scaling_efficiency", "overhead", "availability"),
        f'IF({{basis}}="items",{{training_items}}/({{point}}*{_SHARE})/3600,IF({{basis}}="{_BY_MODEL}",'
        f"IF(ISNUMBER({{compute}}),{{training_flop}}/({{compute}}*{_SHARE})/3600,{{compute}}),{{basis}}))",
        _device_hours,
        "training",
    ),
    Step(
        "training_devices", "Devices", "", "#,##0",
        ("device_hours", "deadline"),
        "ROUNDUP(ROUND({device_hours}/{deadline},6),0)",
        lambda k: whole(k.device_hours / k.deadline),
        "training",
    ),
    Step(
        "training_nodes", "Nodes", "", "#,##0",
        ("training_devices", "devices_per_node"),
        "ROUNDUP(ROUND({training_devices}/{devices_per_node},6),0)",
        lambda k: whole(k.training_devices / k.devices_per_node),
        "training",
    ),
    Step(
        "days", "Days", "d", "#,##0.00",
        ("device_hours", "training_devices"),
        'IF({training_devices}>0,{device_hours}/{training_devices}/24,"nothing to train")',
        lambda k: k.device_hours / k.training_devices / 24 if k.training_devices > 0 else "nothing to train",
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
        "training_carbon", "Carbon", "kg CO2e", "#,##0.0",
        ("training_energy", "carbon_intensity"),
        "{training_energy}*{carbon_intensity}/1000",
        lambda k: k.training_energy * k.carbon_intensity / 1000,
        "training",
    ),
    Step(
        "training_rent", "Rented", "in all", "#,##0.00",
        ("device_hours", "rent"),
        "{device_hours}*{rent}",
        lambda k: k.device_hours * k.rent,
        "training",
    ),
    Step(
        "training_electricity", "Owned: electricity alone", "in all", "#,##0.00",
        ("training_energy", "electricity_price"),
        "{training_energy}*{electricity_price}",
        lambda k: k.training_energy * k.electricity_price,
        "training",
    ),
    Step(
        "model", "Parameters of the model", "", "#,##0",
        (),
        f'IF({{basis}}="{_BY_MODEL}",{{parameters}},{{measured_parameters}})',
        _model,
        "training",
    ),
    Step(
        "training_tokens", "Tokens of the run", "tokens", "#,##0",
        (),
        f'IF({{basis}}="{_BY_MODEL}",{{tokens}},IF({{basis}}="items",'
        f'IF(ISNUMBER({{token_item}}),{{training_items}}*{{token_item}},"{_NO_TOKENS}"),{{basis}}))',
        _tokens,
        "training",
    ),
    Step(
        "optimal_tokens", "Compute-optimal tokens for this model", "tokens", "#,##0",
        ("model", "training_tokens", "tokens_per_parameter"),
        "{tokens_per_parameter}*{model}",
        lambda k: k.tokens_per_parameter * k.model,
        "training",
    ),
    Step(
        "token_share", "Tokens over the compute-optimal", "ratio", "0.000",
        ("training_tokens", "optimal_tokens"),
        "{training_tokens}/{optimal_tokens}",
        lambda k: k.training_tokens / k.optimal_tokens,
        "training",
    ),
    Step(
        "optimal_parameters", "Compute-optimal model for the same FLOPs", "parameters", "#,##0",
        ("training_flop", "training_tokens", "tokens_per_parameter"),
        f"SQRT({{training_flop}}/({_FLOPS}*{{tokens_per_parameter}}))",
        lambda k: math.sqrt(k.training_flop / (_FLOPS * k.tokens_per_parameter)),
        "training",
    ),
    Step(
        "optimal_budget", "and its tokens", "tokens", "#,##0",
        ("optimal_parameters",),
        "{optimal_parameters}*{tokens_per_parameter}",
        lambda k: k.optimal_parameters * k.tokens_per_parameter,
        "training",
    ),
)  # fmt: skip
