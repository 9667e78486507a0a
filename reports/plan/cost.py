"""From devices and energy to money: bought or rented, and for a million items.

A rent includes housing and electricity; what is bought pays for its electricity.
"""

from __future__ import annotations

from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.step import HOURS, Step, number

_MONTHS = 12


def _electricity(k: Any) -> Quantity:
    if not number(k.demand_charge):
        return k.energy * k.electricity_price
    if not number(k.facility_power):
        return k.facility_power
    return k.energy * k.electricity_price + k.facility_power * k.demand_charge * _MONTHS


def _cheapest(k: Any) -> Quantity:
    found = [cost for cost in (k.rented, k.owned) if number(cost)]
    return min(found) if found else k.rented


def _cheaper(k: Any) -> Quantity:
    return "equal" if k.owned == k.rented else "buy" if k.owned < k.rented else "rent"


def _per_million(name: str, cost: str, title: str) -> Step:
    return Step(
        name, title, "per million items", "#,##0.0000",
        (cost, "mean_demand"),
        f'IF({{mean_demand}}>0,{{{cost}}}/({{mean_demand}}*3600*{HOURS})*1000000,"no demand")',
        lambda k: getattr(k, cost) / (k.mean_demand * 3600 * HOURS) * 1_000_000 if k.mean_demand > 0 else "no demand",
        "serving",
    )  # fmt: skip


COST = (
    Step(
        "rented", "Rented", "per year", "#,##0.00",
        ("devices", "rent"),
        f"{{devices}}*{{rent}}*{HOURS}",
        lambda k: k.devices * k.rent * HOURS,
        "serving",
    ),
    Step(
        "capital", "Bought: devices and nodes", "per year", "#,##0.00",
        ("devices", "nodes", "price", "node_price", "depreciation"),
        "({devices}*{price}+{nodes}*{node_price})/{depreciation}",
        lambda k: (k.devices * k.price + k.nodes * k.node_price) / k.depreciation,
        "serving",
    ),
    Step(
        "electricity", "Bought: electricity", "per year", "#,##0.00",
        ("energy", "electricity_price"),
        "IF(ISNUMBER({demand_charge}),IF(ISNUMBER({facility_power}),"
        f"{{energy}}*{{electricity_price}}+{{facility_power}}*{{demand_charge}}*{_MONTHS},{{facility_power}}),"
        "{energy}*{electricity_price})",
        _electricity,
        "serving",
    ),
    Step(
        "owned", "Bought, in all", "per year", "#,##0.00",
        ("capital", "electricity"),
        "{capital}+{electricity}",
        lambda k: k.capital + k.electricity,
        "serving",
    ),
    _per_million("rented_per_million", "rented", "Rented"),
    _per_million("owned_per_million", "owned", "Bought"),
    Step(
        "saturated", "Rented, at full load", "per million items", "#,##0.0000",
        ("rent", "point"),
        "{rent}/({point}*3600)*1000000",
        lambda k: k.rent / (k.point * 3600) * 1_000_000,
    ),
    Step(
        "cheaper", "Cheaper", "", "",
        ("owned", "rented"),
        'IF({owned}={rented},"equal",IF({owned}<{rented},"buy","rent"))',
        _cheaper,
        "serving",
    ),
    Step(
        "break_even", "Renting by the hour pays below", "share of the year", "0.0%",
        ("owned", "devices", "rent"),
        f'IF({{devices}}*{{rent}}>0,{{owned}}/({{devices}}*{{rent}}*{HOURS}),"no rent")',
        lambda k: k.owned / (k.devices * k.rent * HOURS) if k.devices * k.rent > 0 else "no rent",
        "serving",
    ),
    Step(
        "cheapest", "The cheaper of the two", "per year", "#,##0.00",
        (),
        "IF(ISNUMBER({rented}),IF(ISNUMBER({owned}),MIN({rented},{owned}),{rented}),IF(ISNUMBER({owned}),{owned},{rented}))",
        _cheapest,
        "serving",
    ),
)  # fmt: skip

# Compares rows, so it follows when all of them are known.
RANK = Step(
    "rank", "Rank among the devices", "", "0",
    ("cheapest",),
    "SUMPRODUCT((plan_problem={problem})*ISNUMBER(plan_cheapest)*(plan_cheapest<{cheapest}))+1",
    lambda k: 1 + sum(cost < k.cheapest for cost in k.peers if number(cost)),
    "serving",
)  # fmt: skip
