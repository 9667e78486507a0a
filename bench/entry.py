"""An entry of a matrix: a workload with values for its axes, and what a table of the file may say of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import NoneType
from typing import Any, get_args

from bench.case import PRECISIONS, WORLD_SIZE, Scalar
from bench.errors import SpecError
from bench.gating import Gating

TOGETHER = "all accelerators"
MAX = "max"  # a batch size: the largest that fits, found by search

_ENTRY = {"workload", "on", "precision", "batch_size", "gate"}


@dataclass(frozen=True)
class Axis:
    """A field of a workload: its default, its type, and the values it may take where they are listed."""

    name: str
    default: Any
    kind: type
    choices: tuple[Any, ...] | None

    @property
    def kinds(self) -> tuple[type, ...]:
        """The types that a value may have: of ``int | None`` either."""
        return get_args(self.kind) or (self.kind,)

    @property
    def type(self) -> str:
        """What they are called."""
        return " or ".join("None" if kind is NoneType else kind.__name__ for kind in self.kinds)


# The axes of a workload by its name; raises SpecError for a name that is none.
AxesOf = Callable[[str], Mapping[str, Axis]]


@dataclass(frozen=True)
class Entry:
    """One table of the file: a workload with a list of values for each axis, for the CPU, for each accelerator, for all
    accelerators together, or for any device."""

    workload: str
    axes: Mapping[str, tuple[Scalar, ...]]
    precision: tuple[str, ...] = ("fp32",)
    batch_size: tuple[int | str, ...] = (1,)
    on: str | None = None
    gating: Gating = field(default_factory=Gating)

    def on_device(self, device: str, devices: Sequence[str]) -> Entry | None:
        """This entry as it is meant for one of some devices, by torch's names; None where it is not.

        One for all accelerators is for the first of them, and says how many they are.
        """
        if self.on != TOGETHER:
            return self if self.on is None or (self.on == "cpu") == (device == "cpu") else None
        together = _neighbours(devices)
        if len(together) < 2 or device != together[0]:
            return None
        return replace(self, axes={**self.axes, WORLD_SIZE: (len(together),)})


def _neighbours(devices: Sequence[str]) -> list[str]:
    """The accelerators among some devices; none where a number between theirs is missing."""
    found = [device for device in devices if device != "cpu"]
    numbers = [int(device.partition(":")[2] or 0) for device in found]
    return found if all(after - before == 1 for before, after in itertools.pairwise(numbers)) else []


def read_entry(table: Any, where: str, axes_of: AxesOf, gating: Gating) -> Entry:
    """The entry of a table; axes that it leaves out have their defaults.

    Raises:
        SpecError: something in it is not known.
    """
    if not isinstance(table, dict) or not isinstance(table.get("workload"), str):
        raise SpecError(f'{where}: names no workload; needs workload = "module:Class"')
    workload = table["workload"]
    axes = axes_of(workload)
    refuse_unknown(table, _ENTRY | set(axes), f"{where} ({workload})")
    on = table.get("on")
    if on not in (None, "cpu", "accelerator", TOGETHER):
        raise SpecError(f'{where}: on = {on!r}; one of "cpu", "accelerator", "{TOGETHER}", or left out for any device')
    if on == TOGETHER and WORLD_SIZE not in axes:
        raise SpecError(f"{where}: on = {on!r} needs a workload with the axis {WORLD_SIZE!r}, and {workload} has none")
    # Axes that are left out take their default by name: a record then says what ran even after a default has changed.
    values = {
        name: tuple(
            read_value(value, name, axis, f"{where} ({workload})") for value in _listed(table.get(name, axis.default))
        )
        for name, axis in axes.items()
        if name != "batch_size"
    }
    return Entry(
        workload,
        values,
        tuple(read_precision(value, where) for value in _listed(table.get("precision", "fp32"))),
        tuple(read_batch(value, where) for value in _listed(table.get("batch_size", axes["batch_size"].default))),
        on,
        gating.override(read_table(table.get("gate", {}), f"{where}, gate"), f"{where}, gate"),
    )


def read_table(value: Any, where: str) -> Mapping[str, Any]:
    """A value that is a table.

    Raises:
        SpecError: it is none.
    """
    if not isinstance(value, dict):
        raise SpecError(f"{where}: {value!r}; a table is needed, such as {{metrics = ['time', 'memory']}}")
    return value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def read_value(value: Any, name: str, axis: Axis, where: str) -> Scalar:
    """A value of an axis, of the axis's type.

    Raises:
        SpecError: it has another, or is none of those that the axis may take.
    """
    whole = float in axis.kinds and int not in axis.kinds and type(value) is int
    fits = whole or type(value) in axis.kinds
    if axis.choices is not None and (not fits or value not in axis.choices):
        raise SpecError(f"{where}: {name} = {value!r}; one of {', '.join(map(str, axis.choices))}")
    if not fits:
        raise SpecError(f"{where}: {name} = {value!r}; a value of type {axis.type} is needed")
    return float(value) if whole else value


def read_precision(value: Any, where: str) -> str:
    """The name of a precision.

    Raises:
        SpecError: there is no such precision.
    """
    if value not in PRECISIONS:
        raise SpecError(f"{where}: precision {value!r}; one of {', '.join(PRECISIONS)}")
    return str(value)


def read_batch(value: Any, where: str) -> int | str:
    """A batch size, or `MAX`.

    Raises:
        SpecError: it is neither.
    """
    if value == MAX:
        return MAX
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    if type(value) is not int or value < 1:
        raise SpecError(f"{where}: batch size {value!r}; a whole number above 0, or {MAX}")
    return value


def refuse_unknown(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    """Check the keys of a table.

    Raises:
        SpecError: one is not known.
    """
    for key in table:
        if key not in known:
            raise SpecError(f"{where}: unknown key {key!r}; one of {', '.join(sorted(known))}")
