"""A quantity of the plan: a formula for the workbook, and the same in Python, guarded alike.

The workbook computes with the formula; the value that Python computes is stored beside it, so that viewers which never
recalculate show right numbers; tests hold the two equal. A quantity whose inputs are not numbers is a text that says
what is missing, in both: never 0.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

from reports.plan.inputs import ALL, Quantities, Quantity

HOURS = 8760  # of a year of 365 days
NO_POINT = "no operating point"
IN_TRAINING = "planned in Training"
NOT_TRAINING = "not a training run"

Only = Literal["", "serving", "training"]  # the workloads that a step is for, by their mode

# What is said in the place of a measured number that is none; everything else hands its own text on.
_MEASURED = {
    "memory_high": "memory not measured",
    "power": "power not measured",
    "idle": "idle power not measured",
    "flop_item": "FLOPs not counted",
}
MISSING = {**_MEASURED, **{name: entry.wanted for name, entry in ALL.items()}}


@dataclass(frozen=True)
class Step:
    """One column of a sheet. ``formula`` names cells in braces; ``needs`` are those that must be numbers; ``only`` says
    which workloads it is for, by their mode. The unit may name the ``{currency}``."""

    name: str
    title: str
    unit: str
    format: str
    needs: tuple[str, ...]
    formula: str
    twin: Callable[[Any], Quantity]
    only: Only = ""


def evaluate(step: Step, known: Quantities, **more: Any) -> Quantity:
    """The value of a step, or the text that says what is missing."""
    return _other(step, known) or _missing(step, known) or step.twin(SimpleNamespace(**known, **more))


def formula(step: Step, cells: Mapping[str, str]) -> str:
    """The step as a formula over cell references, guarded as `evaluate` is."""
    text = step.formula.format(**cells)
    for name in reversed(step.needs):
        instead = f'"{MISSING[name]}"' if name in MISSING else cells[name]
        text = f"IF(ISNUMBER({cells[name]}),{text},{instead})"
    if step.only == "serving":
        text = f'IF({cells["mode"]}="training","{IN_TRAINING}",{text})'
    if step.only == "training":
        text = f'IF({cells["mode"]}="training",{text},"{NOT_TRAINING}")'
    return f"={text}"


def number(quantity: object) -> bool:
    """Whether a quantity is a number."""
    return isinstance(quantity, (int, float))


def _other(step: Step, known: Quantities) -> str | None:
    training = known.get("mode") == "training"
    if step.only == "serving" and training:
        return IN_TRAINING
    return NOT_TRAINING if step.only == "training" and not training else None


def _missing(step: Step, known: Quantities) -> str | None:
    """What a step lacks: the text of its first need that is no number."""
    for name in step.needs:
        if not number(known[name]):
            return MISSING.get(name) or str(known[name])
    return None
