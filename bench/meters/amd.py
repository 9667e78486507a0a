"""Energy and temperature of an AMD GPU, from amdsmi, the library of ROCm's own monitor. Never run on a card so far.

Written from amdsmi 7.0.2's Python interface and AMD's documentation of it. Energy is an accumulator times its
resolution (µJ); on some cards and drivers it stands still for as long as a process lives (ROCm/amdsmi issue 38), so it
has to move before it is believed. AMD states no bound on its error. Power and clocks change within a window, and this
meter looks at its edges only: it does not give them.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from bench.errors import Inapplicable, Unavailable
from bench.idle import idle_power
from bench.meters import Meter
from bench.record import Reading, absent

if TYPE_CHECKING:
    from bench.device import Device

READINGS = ("energy", "power.idle", "temperature", "temperature.memory")

INSTALL = "pip install 'wattmark[amd]'"
SOURCE = "amdsmi energy count"
PROBE = 0.5  # s in which the counter has to move
LOOK = 1e-3  # s between looks at it meanwhile
STEPS = 4  # movements that are waited for: the longest time between two of them is the counter's tick
SHARE = 0.02  # the most that a tick may be of a window


def open_meter(device: Device, target: str | None = None) -> AmdMeter:
    """The meter of an AMD GPU, found by its PCI address, or of the one at ``target``, such as ``0000:c1:00``.

    Raises:
        Unavailable: not an AMD GPU, or amdsmi's own reason.
    """
    address = target or _address(device)
    return AmdMeter(_library(), address)


def _address(device: Device) -> str:
    """Domain, bus and device on PCI: indices differ between torch and amdsmi, and so do UUIDs."""
    other = Inapplicable(f"amdsmi measures AMD GPUs only, not {device.name}")
    if device.kind != "cuda":  # torch's name for AMD's GPUs too
        raise other
    import torch

    if torch.version.hip is None:
        raise other
    properties: Any = torch.cuda.get_device_properties(device.torch)
    try:
        return f"{properties.pci_domain_id:04x}:{properties.pci_bus_id:02x}:{properties.pci_device_id:02x}"
    except AttributeError:
        raise Unavailable(
            f"this torch gives no PCI address for {device.name}, and amdsmi numbers devices in another order"
        ) from None


def _library() -> Any:
    """The module, ready to be asked."""
    try:
        import amdsmi
    except Exception as error:  # a KeyError, for one, where ROCm's library is not there
        raise Unavailable(f"amdsmi cannot be used here ({error!r}); it needs ROCm, and {INSTALL}") from error
    _ask(amdsmi, "amdsmi_init")
    return amdsmi


def _ask(library: Any, function: str, *arguments: Any) -> Any:
    try:
        return getattr(library, function)(*arguments)
    except Exception as error:  # its exceptions have changed their names between releases
        raise Unavailable(f"{function}: {' '.join(str(error).split()) or type(error).__name__}") from error


class AmdMeter(Meter):
    """Watches windows of one GPU."""

    def __init__(
        self,
        library: Any,
        address: str,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._library = library
        self._clock = clock
        self._wait = wait
        self._idle: dict[str, Any] = {}
        self._handle = self._find(address)
        self._tick = self._probe()

    def before(self) -> Mapping[str, Reading]:
        power, self._idle = idle_power(self._over)
        return {"power.idle": power}

    def start(self) -> None:
        self._heat = self._temperatures()
        self._counter, self._opened = self._joules(), self._clock()

    def stop(self) -> Mapping[str, Reading]:
        counter, closed = self._joules(), self._clock()
        heat = self._temperatures()
        return {
            "energy": energy(self._counter, counter, closed - self._opened, self._tick),
            **{name: _hottest(self._heat[name], heat[name]) for name in heat},
        }

    def facts(self) -> Mapping[str, Any]:
        tick = absent(self._tick) if isinstance(self._tick, str) else self._tick
        error = absent("AMD states none")
        return {"tick": tick, "error": error, **({"before": self._idle} if self._idle else {})}

    def close(self) -> None:
        with contextlib.suppress(Unavailable):
            _ask(self._library, "amdsmi_shut_down")

    def _find(self, address: str) -> Any:
        """The handle of the GPU at an address; of a GPU in partitions the energy is of all of them."""
        found = [(self._at(handle), handle) for handle in _ask(self._library, "amdsmi_get_processor_handles")]
        wanted = address.partition(".")[0].lower()
        matching = [handle for at, handle in found if at.partition(".")[0] == wanted]
        if len(matching) == 1:
            return matching[0]
        if matching:
            raise Unavailable(f"the GPU at {wanted} is cut into {len(matching)} partitions, and energy is of them all")
        raise Unavailable(f"amdsmi sees no GPU at {wanted}, but: {', '.join(at for at, _ in found) or 'none'}")

    def _at(self, handle: Any) -> str:
        return str(_ask(self._library, "amdsmi_get_gpu_device_bdf", handle)).lower()

    def _probe(self) -> float | str:
        """The longest time between movements of the counter (s), or the reason why it measures nothing."""
        began, last = self._clock(), self._joules()
        moved: list[float] = []
        while len(moved) < STEPS and self._clock() - began < PROBE:
            self._wait(LOOK)
            now = self._joules()
            if isinstance(now, str):
                return now
            if now != last:
                moved.append(self._clock())
                last = now
        if not moved:
            return f"the energy counter did not move in {PROBE:g} s"
        return max(after - before for before, after in pairwise([began, *moved]))

    def _joules(self) -> float | str:
        """The counter (J), or the reason why there is none."""
        try:
            count = _ask(self._library, "amdsmi_get_energy_count", self._handle)
            return float(count["energy_accumulator"]) * float(count["counter_resolution"]) / 1e6
        except (Unavailable, KeyError, ValueError) as error:
            return str(error)

    def _temperatures(self) -> dict[str, Reading]:
        kinds = self._library.AmdSmiTemperatureType
        edge = self._temperature(kinds.EDGE, "edge")
        return {
            # Cards without a sensor at the edge of the die, such as the MI300, have one at its hottest place.
            "temperature": edge if edge.value is not None else self._temperature(kinds.HOTSPOT, "hotspot"),
            "temperature.memory": self._temperature(kinds.VRAM, "VRAM"),
        }

    def _temperature(self, kind: Any, name: str) -> Reading:
        """Units: °C."""
        current = self._library.AmdSmiTemperatureMetric.CURRENT
        try:
            degrees = float(_ask(self._library, "amdsmi_get_temp_metric", self._handle, kind, current))
        except (Unavailable, TypeError, ValueError) as error:
            return Reading.absent(str(error))
        if degrees <= 0:
            return Reading.absent(f"the {name} sensor reads {degrees:g} °C, as one that is not there")
        return Reading(degrees, f"amdsmi {name} temperature at the window's edges")

    def _over(self, seconds: float) -> Reading:
        self.start()
        self._wait(seconds)
        return self.stop()["energy"]


def energy(before: float | str, after: float | str, seconds: float, tick: float | str) -> Reading:
    """The energy (J) of a window of ``seconds`` between two values of the counter (J), which moves every ``tick``
    seconds; or the reason why there is none."""
    if isinstance(tick, str):
        return Reading.absent(tick)
    if isinstance(before, str) or isinstance(after, str):
        return Reading.absent(before if isinstance(before, str) else str(after))
    if after < before:
        return Reading.absent(f"the energy counter went backwards, from {before:.3f} to {after:.3f} J")
    if tick > SHARE * seconds:
        return Reading.absent(
            f"window too short: {seconds:.3f} s, and a counter that moves every {tick:.3f} s needs {tick / SHARE:.1f} s"
        )
    if after == before:
        return Reading.absent(f"the energy counter did not move in {seconds:.3f} s")
    return Reading(after - before, SOURCE, scope="GPU", seconds=seconds)


def _hottest(before: Reading, after: Reading) -> Reading:
    """The higher of two, or the one that there is."""
    if before.value is None or after.value is None:
        return after if before.value is None else before
    return max(before, after, key=lambda reading: reading.value or 0.0)
