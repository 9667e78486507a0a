"""The same plan at less and at more demand, by the mean and the lower bound of throughput, and in each precision; a
table of what if."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from reports.plan.cost import YEARLY, yearly_price, yearly_price_formula
from reports.plan.fleet import devices_for, devices_formula
from reports.plan.inputs import Quantities, Quantity
from reports.plan.point import SERVED_IN
from reports.plan.rounding import above, above_formula, up, up_formula
from reports.plan.step import HOURS, MISSING, Step, evaluate, number

_BY_MFU = "planned by MFU"
BEYOND = "beyond the objective"
_NO_SCALING = MISSING["scaling_efficiency"]


def _planned_share(k: Any) -> Quantity:
    if k.mode != "training":
        return k.utilisation
    return k.scaling_efficiency if number(k.scaling_efficiency) else _NO_SCALING


def _count(load: float, k: Any) -> int:
    """Devices for a load: of a training run its hours have what is lost already in them."""
    return up(load) if k.mode == "training" else devices_for(load, k)


def _count_formula(load: str) -> str:
    return f'IF({{mode}}="training",{up_formula(load)},{devices_formula(load)})'


def _demand(name: str, title: str, factor: str, of: Callable[[Any], float]) -> tuple[Step, ...]:
    devices, nodes = f"{name}_devices", f"{name}_nodes"
    return (
        Step(
            devices, f"{title}: devices", "", "#,##0",
            ("work", "availability", "minimum", "spares", *((f"{name}_demand",) if factor != "1" else ())),
            _count_formula(f"{{work}}*{factor}"),
            lambda k: _count(k.work * of(k), k),
        ),
        Step(
            nodes, f"{title}: nodes", "", "#,##0",
            (devices, "devices_per_node"),
            up_formula(f"{{{devices}}}/{{devices_per_node}}"),
            lambda k: up(getattr(k, devices) / k.devices_per_node),
        ),
        Step(
            f"{name}_power", f"{title}: power of the facility", "kW", "#,##0.00",
            (nodes, "provided", "host_power", "pue"),
            f"({{{devices}}}*{{provided}}+{{{nodes}}}*{{host_power}})/1000*{{pue}}",
            lambda k: (getattr(k, devices) * k.provided + getattr(k, nodes) * k.host_power) / 1000 * k.pue,
        ),
        Step(
            f"{name}_rented", f"{title}: rented", YEARLY, "#,##0.00",
            (devices, "rent"),
            f"{{{devices}}}*{{rent}}*{HOURS}",
            lambda k: getattr(k, devices) * k.rent * HOURS,
            "serving",
        ),
        Step(
            f"{name}_capital", f"{title}: devices, nodes and upkeep bought", YEARLY, "#,##0.00",
            (nodes, "price", "node_price", "depreciation"),
            yearly_price_formula(devices, nodes),
            lambda k: yearly_price(k, devices, nodes),
        ),
    )  # fmt: skip


def _by(name: str, title: str, rate: str, utilised: bool = False) -> Step:
    """Devices by another rate than that of the operating point; a ``utilised`` one is at its own utilisation."""

    def devices(k: Any) -> Quantity:
        if k.mode == "training" and number(k.mfu):
            return _BY_MFU
        return _count(k.work * k.point * (k.utilisation if utilised else 1) / getattr(k, rate), k)

    share = ("utilisation",) * utilised
    count = _count_formula("*".join(f"{{{name}}}" for name in ("work", "point", *share)) + f"/{{{rate}}}")
    return Step(
        name, title, "", "#,##0",
        ("work", "availability", "minimum", "spares", "point", *share, rate),
        f'IF(AND({{mode}}="training",ISNUMBER({{mfu}})),"{_BY_MFU}",{count})',
        devices,
    )  # fmt: skip


SCENARIOS = (
    Step(
        "work", "Devices that the work keeps busy", "", "#,##0.00",
        (),
        'IF({mode}="training",{run_load},{load})',
        lambda k: k.run_load if k.mode == "training" else k.load,
    ),
    Step(
        "planned_share", "at a utilisation, or of a run a scaling efficiency, of", "share", "0.0%",
        (),
        f'IF({{mode}}="training",IF(ISNUMBER({{scaling_efficiency}}),{{scaling_efficiency}},"{_NO_SCALING}"),'
        "{utilisation})",
        _planned_share,
    ),
    *_demand("low", "Low demand", "{low_demand}", lambda k: k.low_demand),
    *_demand("base", "As entered", "1", lambda k: 1.0),
    *_demand("high", "High demand", "{high_demand}", lambda k: k.high_demand),
    _by("devices_by_mean", "Devices by the mean throughput", "throughput"),
    _by("devices_by_low", "Devices by the lower bound", "low"),
    *(
        _by(name.replace("served", "devices"), f"Devices in {precision}", name, utilised=True)
        for name, precision in SERVED_IN.items()
    ),
)  # fmt: skip

# One cell of the table of what if, at another utilisation, or of a training run another scaling efficiency.
WHAT_IF = Step(
    "what_if", "Devices", "", "#,##0",
    ("work", "planned_share", "availability", "minimum", "spares", "allowed"),
    f'IF({above_formula("{share}", "{allowed}")},"{BEYOND}",'
    f"{_count_formula('{work}*{times}*{planned_share}/{share}')})",
    lambda k: BEYOND if above(k.share, k.allowed) else _count(k.work * k.times * k.planned_share / k.share, k),
)  # fmt: skip

# What the table is over, of a training run and not of one.
DOWN = {True: "Scaling efficiency, down", False: "Utilisation, down"}
ACROSS = "demand or data over what is entered, across"
DEMANDS = (0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
UTILISATIONS = (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def what_if(row: Quantities, demand: float, utilisation: float) -> Quantity:
    """Devices of a row of the plan at so many times its demand, and at another utilisation or scaling efficiency."""
    return evaluate(WHAT_IF, {**row, "times": demand, "share": utilisation})
