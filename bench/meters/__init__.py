"""What watches a window. A meter is one file here: `READINGS`, and `open_meter(device)`; `--meter foo` finds it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

from bench.errors import SpecError, Unavailable
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

SHIPPED = ("host", "accelerator", "nvml")


class Meter(Protocol):
    """Watches windows of one device. ``start`` and ``stop`` are called with the device idle, outside the timed part."""

    def start(self) -> None:
        """A window opens."""

    def stop(self) -> Mapping[str, Reading]:
        """The window has closed: a reading for each of the file's `READINGS`, or the reason why there is none."""

    def close(self) -> None:
        """No window will follow; give back what was held."""


class Absent:
    """Stands in for a meter that cannot be had here: every reading is absent, with the reason."""

    def __init__(self, readings: tuple[str, ...], reason: str) -> None:
        self._readings = dict.fromkeys(readings, Reading.absent(reason))

    def start(self) -> None: ...

    def stop(self) -> Mapping[str, Reading]:
        return self._readings

    def close(self) -> None: ...


def open_meters(names: tuple[str, ...], device: Device) -> list[Meter]:
    """The named meters for a device, each replaced by `Absent` where it cannot be had.

    Raises:
        SpecError: no meter of that name is shipped.
    """
    return [_open(name, device) for name in names]


def _open(name: str, device: Device) -> Meter:
    if name not in SHIPPED:
        raise SpecError(f"--meter {name}: no such meter; one of {', '.join(SHIPPED)}")
    module = importlib.import_module(f"bench.meters.{name}")
    try:
        meter: Meter = module.open_meter(device)
    except Unavailable as unavailable:
        return Absent(module.READINGS, str(unavailable))
    return meter
