"""What watches a window. A meter is one file: `READINGS`, and `open_meter(device, target)`; `--meter foo` finds it.

A file here, or a module that another distribution names in its entry points of the group `wattmark.meters`.
"""

from __future__ import annotations

import contextlib
import importlib
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import metadata
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

from bench.errors import Inapplicable, SpecError, Unavailable
from bench.record import Reading

if TYPE_CHECKING:
    from bench.device import Device

T = TypeVar("T")

SHIPPED = ("amd", "apple", "nvml", "rapl", "host", "accelerator")
GROUP = "wattmark.meters"


class Meter(ABC):
    """Watches windows of one device. All is called with the device idle, outside the timed part."""

    def before(self) -> Mapping[str, Reading]:
        """The case is not prepared yet: readings of the whole replicate, such as the idle device's power."""
        return {}

    def shortest(self) -> float:
        """The length that a window needs for all of the readings; 0 where any will do. Units: s."""
        return 0.0

    @abstractmethod
    def start(self) -> None:
        """A window opens."""

    @abstractmethod
    def stop(self) -> Mapping[str, Reading]:
        """The window has closed: a reading for each of the file's `READINGS`, or the reason why there is none."""

    def facts(self) -> Mapping[str, Any]:
        """What the meter found out about itself and the device, as JSON, for the replicate's record."""
        return {}

    def close(self) -> None:
        """No window will follow; give back what was held."""
        return


class Absent(Meter):
    """Stands in for a meter that cannot be had here: every reading is absent, with the reason, said once for the whole
    replicate. ``applies`` says whether the meter is for this device at all."""

    def __init__(self, readings: Iterable[str], reason: str, applies: bool = True) -> None:
        self._readings = dict.fromkeys(readings, Reading.absent(reason))
        self._reason = reason
        self.applies = applies

    def before(self) -> Mapping[str, Reading]:
        return self._readings

    def start(self) -> None: ...

    def stop(self) -> Mapping[str, Reading]:
        return {}

    def facts(self) -> Mapping[str, Any]:
        return {"reason": self._reason} if self.applies else {}


class Guarded(Meter):
    """A meter whose failure costs its own readings and nothing else: the step was measured all the same.

    The error is printed once, for the replicate's stderr, and is every reading's reason from then on.
    """

    def __init__(self, meter: Meter, readings: Iterable[str]) -> None:
        self._meter = meter
        self._readings = tuple(readings)
        self._reason: str | None = None

    def before(self) -> Mapping[str, Reading]:
        return self._try(self._meter.before, {})

    def shortest(self) -> float:
        return self._try(self._meter.shortest, 0.0)

    def start(self) -> None:
        self._try(self._meter.start, None)

    def stop(self) -> Mapping[str, Reading]:
        none: Mapping[str, Reading] = {}
        stopped = self._try(self._meter.stop, none)
        return dict.fromkeys(self._readings, Reading.absent(self._reason)) if self._reason else stopped

    def facts(self) -> Mapping[str, Any]:
        nothing: Mapping[str, Any] = {}
        facts = self._try(lambda: dict(self._meter.facts()), nothing)
        return {"reason": self._reason} if self._reason else facts

    def close(self) -> None:
        with contextlib.suppress(Exception):
            self._meter.close()

    def _try(self, act: Callable[[], T], otherwise: T) -> T:
        if self._reason is not None:
            return otherwise
        try:
            return act()
        except Exception as error:
            traceback.print_exc()
            self._reason = f"the meter failed: {error!r}"
            return otherwise


class Meters(Meter):
    """Several meters as one. For a reading that two of them give, a value goes before a reason, and the first before
    the second. They stop in the opposite order, so that the last one is the nearest to the window at both edges."""

    def __init__(self, meters: Mapping[str, Meter]) -> None:
        self._meters = dict(meters)

    def add(self, name: str, meter: Meter) -> None:
        """One more, for what is known only when the case is prepared."""
        self._meters[name] = meter

    def before(self) -> Mapping[str, Reading]:
        return merged([meter.before() for meter in self._meters.values()])

    def shortest(self) -> float:
        return max((meter.shortest() for meter in self._meters.values()), default=0.0)

    def start(self) -> None:
        for meter in self._meters.values():
            meter.start()

    def stop(self) -> Mapping[str, Reading]:
        stopped = [meter.stop() for meter in reversed(self._meters.values())]
        return merged(stopped[::-1])

    def facts(self) -> Mapping[str, Any]:
        return {name: facts for name, meter in self._meters.items() if (facts := meter.facts())}

    def close(self) -> None:
        for meter in self._meters.values():
            meter.close()


def names() -> tuple[str, ...]:
    """The meters that are here: those of this package, then those that other distributions bring."""
    brought = (entry.name for entry in metadata.entry_points(group=GROUP))
    return tuple(dict.fromkeys((*SHIPPED, *brought)))


def check(name: str) -> str:
    """The name of a meter as given, ``foo`` or ``foo:TARGET``.

    Raises:
        SpecError: there is no such meter.
    """
    if name.partition(":")[0] not in names():
        raise SpecError(f"--meter {name}: no such meter; one of {', '.join(names())}, or one with a target, as nvml:0")
    return name


def open_meters(wanted: Sequence[str], device: Device) -> Meters:
    """The named meters for a device, each replaced by `Absent` where it cannot be had, and put last where it is for
    other devices. ``foo:TARGET`` watches the target instead of the case's device.

    Raises:
        SpecError: there is no meter of that name.
    """
    opened = {name: _open(check(name), device) for name in wanted}
    last = [name for name, meter in opened.items() if isinstance(meter, Absent) and not meter.applies]
    return Meters({name: opened[name] for name in (*(name for name in opened if name not in last), *last)})


def module(name: str) -> ModuleType:
    """The module of a meter by its name without a target."""
    if name in SHIPPED:
        return importlib.import_module(f"bench.meters.{name}")
    (entry,) = metadata.entry_points(group=GROUP, name=name)
    loaded: ModuleType = entry.load()
    return loaded


def merged(parts: Sequence[Mapping[str, Reading]]) -> dict[str, Reading]:
    """One reading a name: the first value, else the first reason."""
    found: dict[str, Reading] = {}
    for part in parts:
        for name, reading in part.items():
            if name not in found or (found[name].value is None and reading.value is not None):
                found[name] = reading
    return found


def _open(name: str, device: Device) -> Meter:
    meter, _, target = name.partition(":")
    try:
        found = module(meter)
    except Exception as error:  # another distribution's
        traceback.print_exc()
        return Absent((), f"the meter could not be loaded: {error!r}")
    try:
        opened: Meter = found.open_meter(device, target or None)
    except Unavailable as unavailable:
        return Absent(found.READINGS, str(unavailable), not isinstance(unavailable, Inapplicable))
    except Exception as error:
        traceback.print_exc()
        return Absent(found.READINGS, f"the meter could not be opened: {error!r}")
    return Guarded(opened, found.READINGS)
