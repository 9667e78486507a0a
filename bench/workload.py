"""Finding workloads by name, and reading their axes. Nothing here imports one before it is asked for."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any, ClassVar, Protocol, cast, get_args, get_origin, get_type_hints

from bench.entry import Axis
from bench.errors import SpecError
from workloads import Prepared, Setup


class Workload(Protocol):
    """A frozen dataclass. Its fields are its axes, each with a default; ``batch_size`` is one of them. Its ``version``
    rises whenever the same axes come to mean another computation: records of two versions are not compared.

    A `ValueError` from the constructor is the user's mistake (exit code 2); `NotImplementedError` from ``prepare`` says
    that this device or precision cannot run it, and why (status unsupported).
    """

    version: ClassVar[int]
    batch_size: int

    def prepare(self, setup: Setup) -> Prepared:
        """Build model, optimizer and inputs on the device. Nothing here is timed."""


def find(name: str) -> type[Workload]:
    """The class behind ``module:Class``: ours (``bert:Pretrain``) or any on the Python path (``my.package:Thing``).

    Raises:
        SpecError: there is no such workload.
    """
    module_name, _, class_name = name.partition(":")
    hint = "`wattmark list` names ours; your own are `package.module:Class` on the Python path"
    if not class_name:
        raise SpecError(f"workload {name!r}: needs the form module:Class; {hint}")
    for full_name in (f"workloads.{module_name}", module_name):
        try:
            module = importlib.import_module(full_name)
        except ModuleNotFoundError as error:
            if error.name is not None and not f"{full_name}.".startswith(f"{error.name}."):
                raise SpecError(f"workload {name!r}: {full_name} needs the missing module {error.name!r}") from error
            continue
        found = getattr(module, class_name, None)
        if found is None or not dataclasses.is_dataclass(found) or not hasattr(found, "prepare"):
            offered = ", ".join(f"{module_name}:{n}" for n in workload_names(module)) or "none"
            raise SpecError(f"workload {name!r}: no such workload in {full_name}; it has {offered}")
        return cast("type[Workload]", found)
    raise SpecError(f"workload {name!r}: no module workloads.{module_name} or {module_name}; {hint}")


def workload_names(module: Any) -> list[str]:
    """The workloads that a module defines, by class name."""
    return [
        name
        for name, thing in vars(module).items()
        if dataclasses.is_dataclass(thing) and hasattr(thing, "prepare") and thing.__module__ == module.__name__
    ]


def axes(workload: type[Workload]) -> dict[str, Axis]:
    """The axes of a workload by name, in the order they are declared."""
    hints = get_type_hints(workload)
    if not any(field.name == "batch_size" for field in dataclasses.fields(workload)):  # type: ignore[arg-type]
        raise SpecError(f"workload {workload.__name__}: has no field batch_size; every workload needs that axis")
    found = {}
    for field in dataclasses.fields(workload):  # type: ignore[arg-type]
        hint = hints[field.name]
        literal = "Literal" in str(get_origin(hint))
        choices = get_args(hint) if literal else None
        kind = type(choices[0]) if choices else hint
        found[field.name] = Axis(field.name, field.default, kind, choices)
    return found
