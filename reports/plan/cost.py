"""From devices and energy to money: bought or rented, and for a million items.

A rent includes housing and electricity; what is bought pays for its electricity, and for room and upkeep where they are
given.
"""

from __future__ import annotations

from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.rounding import above, above_formula, below, below_formula
from reports.plan.step import HOURS, Only, Step, number

_MONTHS = 12
YEARLY = "{currency} per year"
NO_CHARGES = "none entered"


def yearly_price(k: Any, devices: str, nodes: str) -> float:
    """What devices and nodes cost in a year, written off and kept up."""
    share: float = 1 / k.depreciation + (k.upkeep if number(k.upkeep) else 0)
    return (getattr(k, devices) * k.price + getattr(k, nodes) * k.node_price) * share


def yearly_price_formula(devices: str, nodes: str) -> str:
    """`yearly_price` as a formula."""
    share = "(1/{depreciation}+IF(ISNUMBER({upkeep}),{upkeep},0))"
    return f"({{{devices}}}*{{price}}+{{{nodes}}}*{{node_price}})*{share}"


def charges(k: Any, machines: str, facility: str, years: float = 1) -> Quantity:
    """What is paid by power and not by energy: the demand charge, of the facility, and housing, of the machines."""
    if not number(k.demand_charge) and not number(k.housing):
        return NO_CHARGES
    it, whole = getattr(k, machines), getattr(k, facility)
    if not number(whole):
        return whole
    demand = whole * k.demand_charge if number(k.demand_charge) else 0
    housing = it * k.housing if number(k.housing) else 0
    return (demand + housing) * _MONTHS * years


def charges_formula(machines: str, facility: str, years: str = "1") -> str:
    """`charges` as a formula."""
    demand = f"IF(ISNUMBER({{demand_charge}}),{{{facility}}}*{{demand_charge}},0)"
    housing = f"IF(ISNUMBER({{housing}}),{{{machines}}}*{{housing}},0)"
    return (
        f"IF(OR(ISNUMBER({{demand_charge}}),ISNUMBER({{housing}})),IF(ISNUMBER({{{facility}}}),"
        f'({demand}+{housing})*{_MONTHS}*{years},{{{facility}}}),"{NO_CHARGES}")'
    )


def with_charges(cost: float, charged: Quantity) -> Quantity:
    """A cost with what comes on top of it, or why that is not known."""
    if charged == NO_CHARGES:
        return cost
    return cost + charged if isinstance(charged, (int, float)) else charged


def with_charges_formula(cost: str, charged: str) -> str:
    """`with_charges` as a formula."""
    return f'IF({charged}="{NO_CHARGES}",{cost},IF(ISNUMBER({charged}),{cost}+{charged},{charged}))'


def cheapest(rented: Quantity, owned: Quantity) -> Quantity:
    """The lower one of what is known of both; else why the rent is not."""
    found = [cost for cost in (rented, owned) if isinstance(cost, (int, float))]
    return min(found) if found else rented


def cheapest_formula(rented: str, owned: str) -> str:
    """`cheapest` as a formula."""
    both = f"MIN({{{rented}}},{{{owned}}})"
    return (
        f"IF(ISNUMBER({{{rented}}}),IF(ISNUMBER({{{owned}}}),{both},{{{rented}}}),"
        f"IF(ISNUMBER({{{owned}}}),{{{owned}}},{{{rented}}}))"
    )


def cheaper(rented: float, owned: float) -> str:
    """Which of both is less."""
    return "rent" if above(owned, rented) else "buy" if above(rented, owned) else "equal"


def cheaper_formula(rented: str, owned: str) -> str:
    """`cheaper` as a formula."""
    rent, own = f"{{{rented}}}", f"{{{owned}}}"
    return f'IF({above_formula(own, rent)},"rent",IF({above_formula(rent, own)},"buy","equal"))'


def rank(name: str, title: str, of: str, devices: str, only: Only) -> Step:
    """The place of a row among those of its workload, the cheapest first; of equal ones the upper row is before the
    lower. Where no other device can do the work, no price is needed to know the first.

    Compares rows, so it follows when all of them are known: ``peers`` are pairs of a row's number and cost, ``able`` is
    how many rows have devices at all."""
    cost = f"plan_{of}"
    less, more = below_formula(cost, f"{{{of}}}"), above_formula(cost, f"{{{of}}}")
    order = f"SUMPRODUCT({_SAME}*ISNUMBER({cost})*(({less}+(plan_number<{{number}})*(1-{more}))>0))+1"
    alone = f"AND(ISNUMBER({{{devices}}}),SUMPRODUCT({_SAME}*ISNUMBER(plan_{devices}))=1)"

    def place(k: Any) -> Quantity:
        own = getattr(k, of)
        if not number(own):
            return 1 if number(getattr(k, devices)) and k.able == 1 else str(own)
        return 1 + sum(below(cost, own) or (row < k.number and not above(cost, own)) for row, cost in k.peers)

    formula = f"IF(ISNUMBER({{{of}}}),{order},IF({alone},1,{{{of}}}))"
    return Step(name, title, "", "0", (), formula, place, only)


_SAME = "EXACT(plan_problem,{problem})"


def _per_million(name: str, cost: str, title: str) -> Step:
    return Step(
        name, title, "{currency} per million items", "#,##0.0000",
        (cost, "mean_demand"),
        f'IF({{mean_demand}}>0,{{{cost}}}/({{mean_demand}}*3600*{HOURS})*1000000,"no demand")',
        lambda k: getattr(k, cost) / (k.mean_demand * 3600 * HOURS) * 1_000_000 if k.mean_demand > 0 else "no demand",
        "serving",
    )  # fmt: skip


COST = (
    Step(
        "rented", "Rented", YEARLY, "#,##0.00",
        ("devices", "rent"),
        f"{{devices}}*{{rent}}*{HOURS}",
        lambda k: k.devices * k.rent * HOURS,
        "serving",
    ),
    Step(
        "capital", "Bought: devices, nodes and upkeep", YEARLY, "#,##0.00",
        ("devices", "nodes", "price", "node_price", "depreciation"),
        yearly_price_formula("devices", "nodes"),
        lambda k: yearly_price(k, "devices", "nodes"),
        "serving",
    ),
    Step(
        "electricity", "Bought: electricity", YEARLY, "#,##0.00",
        ("energy", "electricity_price"),
        "{energy}*{electricity_price}",
        lambda k: k.energy * k.electricity_price,
        "serving",
    ),
    Step(
        "charges", "Bought: demand charge and housing", YEARLY, "#,##0.00",
        ("devices",),
        charges_formula("it_power", "facility_power"),
        lambda k: charges(k, "it_power", "facility_power"),
        "serving",
    ),
    Step(
        "owned", "Bought, in all", YEARLY, "#,##0.00",
        ("capital", "electricity"),
        with_charges_formula("{capital}+{electricity}", "{charges}"),
        lambda k: with_charges(k.capital + k.electricity, k.charges),
        "serving",
    ),
    _per_million("rented_per_million", "rented", "Rented"),
    _per_million("owned_per_million", "owned", "Bought"),
    Step(
        "saturated", "Rented, at full load", "{currency} per million items", "#,##0.0000",
        ("rent", "point"),
        "{rent}/({point}*3600)*1000000",
        lambda k: k.rent / (k.point * 3600) * 1_000_000,
    ),
    Step(
        "cheaper", "Cheaper", "", "",
        ("owned", "rented"),
        cheaper_formula("rented", "owned"),
        lambda k: cheaper(k.rented, k.owned),
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
        "cheapest", "The cheaper of what is known", YEARLY, "#,##0.00",
        (),
        cheapest_formula("rented", "owned"),
        lambda k: cheapest(k.rented, k.owned),
        "serving",
    ),
)  # fmt: skip

RANK = rank("rank", "Rank among the devices", "cheapest", "devices", "serving")
