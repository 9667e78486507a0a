"""The caller's own step: how it is called, what becomes of its results, and on which device it runs."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from numbers import Real
from typing import Any

import torch

from bench.device import Device, device, devices


class OwnStep:
    """A step as `bench.measuring` calls it, by ``run``: with its number, for a result that can be looked at.

    What stands between takes about a tenth of a microsecond a step. ``name`` is ``module:function``; ``where`` is the
    device that is measured, once it is known.

    Raises:
        TypeError: it is nothing to call, or wants other arguments than the number of the step.
    """

    def __init__(self, step: Callable[..., Any], trains: bool) -> None:
        if not callable(step):
            raise TypeError(
                f"measure() needs a function that runs one step, not something of type {type(step).__name__}: pass the "
                "function and not its result, as measure(lambda: model(x))"
            )
        self.name = _name(step)
        self.trains = trains
        self.where: Device | None = None
        self.run = self._numbered(step) if _wants_number(step) else self._plain(step)
        self._unchecked: str | None = None

    @property
    def result(self) -> str:
        """What became of the step's results, for the record."""
        return f"not checked: the step returns {self._unchecked}" if self._unchecked else "finite"

    def _plain(self, step: Callable[[], Any]) -> Callable[[int], Any]:
        look = self._look

        def run(number: int) -> Any:
            result = step()
            return result if number and type(result) is torch.Tensor else look(result)

        return run

    def _numbered(self, step: Callable[[int], Any]) -> Callable[[int], Any]:
        look = self._look

        def run(number: int) -> Any:
            result = step(number)
            return result if number and type(result) is torch.Tensor else look(result)

        return run

    def _look(self, result: Any) -> Any:
        """The result, or 0 in the place of one that is no number.

        Raises:
            TypeError: a training step returns no loss.
            ValueError: the result is on another device than the one that is measured.
        """
        if isinstance(result, torch.Tensor):
            self._refuse_elsewhere(str(result.device))
            return result
        if isinstance(result, int | float):
            return result
        self._unchecked = "None" if result is None else type(result).__name__
        if self.trains:
            raise TypeError(f"trains=True: the step must return its loss, a tensor or a number, not {self._unchecked}")
        return 0.0

    def _refuse_elsewhere(self, found: str) -> None:
        """A result on the CPU may have been fetched from the device; one on another device was not made on this one."""
        if self.where is not None and found not in (self.where.name, "cpu"):
            raise ValueError(
                f"the step's result is on {found}, and {self.where.name} was to be measured, where nothing would wait "
                f"for it: give device={found!r}"
            )


def amounts(work: float | Mapping[str, float]) -> dict[str, float]:
    """The work of a step by unit; a mere number counts items.

    Raises:
        ValueError: no unit, or an amount that is no number above 0.
    """
    batch = dict(work) if isinstance(work, Mapping) else {"item": work}
    named = all(isinstance(unit, str) and unit for unit in batch)
    if not (batch and named and all(isinstance(one, Real) and 0 < one < math.inf for one in batch.values())):
        raise ValueError(f'work = {work!r}; a number above 0 is needed, or some by unit, as {{"image": 32}}')
    return {unit: one if type(one) is int else float(one) for unit, one in batch.items()}


def choose(wanted: str | torch.device | None) -> Device:
    """The device asked for, else the accelerator that this process has memory on, else the CPU.

    Raises:
        ValueError: it has memory on several.
        Unavailable: torch has no such device here.
    """
    if wanted is not None:
        return device(_full(str(wanted)))
    used = in_use()
    if len(used) > 1:
        raise ValueError(f"this process uses {', '.join(one.name for one in used)}; say where the step runs: device=")
    return used[0] if used else device("cpu")


def in_use() -> Sequence[Device]:
    """The accelerators that this process has had memory on; those whose torch does not tell count as used."""
    return [one for one in devices() if one.kind != "cpu" and _had_memory(one)]


def _had_memory(one: Device) -> bool:
    try:
        return torch.accelerator.max_memory_allocated(one.torch) > 0
    except RuntimeError:
        return True


def _full(name: str) -> str:
    """A device's name as `bench.device.devices` gives it: ``cuda`` is the current one."""
    kind, _, index = name.partition(":")
    if kind in ("cpu", "mps"):
        return kind
    return f"{kind}:{index or (torch.accelerator.current_device_index() if torch.accelerator.is_available() else 0)}"


def _name(step: Callable[..., Any]) -> str:
    qualified = getattr(step, "__qualname__", None) or type(step).__qualname__
    return f"{getattr(step, '__module__', None) or type(step).__module__}:{qualified}"


def _wants_number(step: Callable[..., Any]) -> bool:
    """Whether a step cannot be called without arguments, and can with a number.

    Raises:
        TypeError: neither.
    """
    try:
        signature = inspect.signature(step)
    except (TypeError, ValueError):  # some that are written in C do not tell
        return False
    for arguments in ((), (0,)):
        try:
            signature.bind(*arguments)
        except TypeError:
            continue
        return bool(arguments)
    raise TypeError(f"the step takes {signature}; it is called without arguments, or with the number of the step")
