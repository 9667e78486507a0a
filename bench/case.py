"""One thing to measure: a workload with its parameters on a device at a precision and batch size."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

Scalar = str | int | float | bool | None

# What a case computes in. "bf16" and "fp16" are autocast over fp32 weights (fp16 trains with gradient scaling);
# "bf16-pure" keeps the weights in bf16 too, which is another thing with other costs, hence another name.
PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "bf16-pure")

# Axes of how a step is computed and fed and by how many devices, and not of what it does: cases that differ in nothing
# else do the same work. A case names one only where it is not as here, so that cases from before the axis existed keep
# their ids.
WORLD_SIZE = "world_size"
WAYS: Mapping[str, Scalar] = {"variant": "plain", "pipeline": "off", WORLD_SIZE: 1}

# Why a case has no gain over its reference, and no deviation from it.
REFERENCE = "this is the plain fp32 case"

_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"))
_NOT_IN_FILE_NAMES = re.compile(r"[^\w.-]|_")


@dataclass(frozen=True)
class Case:
    """A point of a matrix. Its id is stable over processes, machines and versions.

    ``parameters`` are the workload's axes except ``batch_size`` and those of `WAYS` that are as by default; ``data``
    and ``model`` are what was asked for, while the record says which inputs and weights were really used.
    """

    workload: str
    device: str
    precision: str
    batch_size: int
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    data: str = "auto"
    model: str | None = None

    @cached_property
    def id(self) -> str:
        """A readable, file-name safe name that ends in a hash of every field."""
        canonical = _CANONICAL.encode({name: getattr(self, name) for name in self.__dataclass_fields__})
        digest = hashlib.sha256(canonical.encode()).hexdigest()[:8]
        words = (_NOT_IN_FILE_NAMES.sub("-", word) for word in (self.workload, self.device, self.precision))
        return "_".join((*words, f"b{self.batch_size}", digest))

    @property
    def family(self) -> tuple[Any, ...]:
        """What cases that differ in nothing but the batch size have in common."""
        parameters = tuple(sorted(self.parameters.items(), key=lambda item: item[0]))
        return (self.workload, self.device, self.precision, parameters, self.data, self.model)

    @cached_property
    def reference(self) -> Case:
        """The same work in strict fp32 by the plain way: what gains and deviations are of."""
        other = changes_work(self.parameters.get("variant", ""))
        axes = {name: value for name, value in self.parameters.items() if name != "variant"}
        return replace(self, precision="fp32", parameters={**axes, "variant": other} if other else axes)

    @property
    def devices(self) -> int:
        """How many devices it runs on: one where it does not say (`WORLD_SIZE`, as torch calls it)."""
        number = self.parameters.get(WORLD_SIZE)
        return number if type(number) is int and number > 0 else 1

    def __str__(self) -> str:
        axes = "".join(f" {name}={value}" for name, value in self.parameters.items())
        return f"{self.workload} {self.device} {self.precision} b{self.batch_size}{axes}"


def without_usual(axes: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """The axes that a case names.

    >>> without_usual({"variant": "plain", "pipeline": "2", "layout": "contiguous"})
    {'pipeline': '2', 'layout': 'contiguous'}
    """
    return {name: value for name, value in axes.items() if name not in WAYS or value != WAYS[name]}


def changes_work(variant: Scalar) -> str:
    """The parts of a variant by which it does other work than the plain one: a rung whose name begins with ``no-``.

    >>> changes_work("tuned+no-attention-dropout")
    'no-attention-dropout'
    """
    return "+".join(part for part in str(variant).split("+") if part.startswith("no-"))
