"""What every meter gives of a device here and now, from a short window of the idle device. Needs torch."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

import torch

from bench.device import Device
from bench.meters import Meter, Meters, merged, module, open_meters
from bench.metric import METRICS
from bench.record import Reading

WINDOW = 1.2  # s, or longer where a meter needs it
HELD = 1 << 20  # B that live on the device meanwhile: an allocator that holds nothing is not counting anything

# Readings that no metric publishes as they are, by how their names begin.
_UNITS = {"energy": "J", "memory": "B", "allocator.held": "B", "allocator": "1", "power": "W"}


def look(wanted: Sequence[Mapping[str, Any]]) -> list[dict[str, dict[str, Any]]]:
    """For each wanted ``device`` (as records keep it) what each of its ``meters`` gives, all devices at once.

    A meter's answer is its ``readings`` by name, and its ``facts``.
    """
    with ThreadPoolExecutor(max_workers=max(len(wanted), 1)) as threads:
        return list(threads.map(lambda one: _device(Device.from_json(one["device"]), one["meters"]), wanted))


def _device(device: Device, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    meters = {name: _Looked(name, device) for name in names}
    try:
        for meter in meters.values():
            meter.before()  # ahead of anything that wakes the device up
        held = _hold(device)
        for meter in meters.values():
            meter.meter.start()
        time.sleep(max([WINDOW, *(1.05 * meter.meter.shortest() for meter in meters.values())]))
        for meter in reversed(meters.values()):
            meter.stop()
        del held
        return {name: meter.found() for name, meter in meters.items()}
    finally:
        for meter in meters.values():
            meter.meter.close()


def _hold(device: Device) -> torch.Tensor | None:
    if device.kind == "cpu":
        return None
    device.select()
    tensor = torch.zeros(HELD, dtype=torch.uint8, device=device.torch)
    device.synchronize()
    return tensor


class _Looked:
    """A meter on its own, so that what it gives is not taken for another's."""

    def __init__(self, name: str, device: Device) -> None:
        self._name = name
        self._parts: list[Mapping[str, Reading]] = []
        self._failed: str | None = None
        try:
            self._names: Sequence[str] = module(name.partition(":")[0]).READINGS
            self.meter: Meter = open_meters((name,), device)
        except Exception as error:  # a module that cannot even be imported, its own or one that it needs
            self._names, self._failed = (), f"unexpected {error!r}"
            self.meter = Meters({})

    def before(self) -> None:
        self._parts.append(self.meter.before())

    def stop(self) -> None:
        self._parts.append(self.meter.stop())

    def found(self) -> dict[str, Any]:
        """What came of it, as JSON; ``reason`` says why it failed as a whole."""
        readings = merged(self._parts)
        missing = Reading.absent("this meter leaves it to that of the device")
        given = {name: asdict(readings.get(name, missing)) for name in self._names}
        return {
            "reason": self._failed,
            "readings": {name: {"unit": unit(name), **reading} for name, reading in given.items()},
            "facts": self.meter.facts().get(self._name, {}),
        }


def unit(reading: str) -> str | None:
    """The SI unit of a reading; None for one that nobody here knows."""
    if reading in METRICS:
        return METRICS[reading].unit
    return next((unit for begin, unit in _UNITS.items() if reading.startswith(begin)), None)
