"""Energy of Apple's chips, from macOS's own energy model through zeus-apple-silicon. Never run on a Mac so far.

Written from version 1.1's documented interface. macOS does not measure these energies, it works them out from what the
parts of the chip do; Apple calls them estimates, states no bound on their error, and so readings have none and their
source says so. They come in mJ, and the library's own notes say that below 10 ms nothing is left of them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from bench.errors import Inapplicable, Unavailable
from bench.idle import idle_power
from bench.meters import Meter
from bench.record import Reading, absent

if TYPE_CHECKING:
    from bench.device import Device

READINGS = ("energy", "energy.cpu", "energy.dram", "power.idle")

INSTALL = "pip install 'wattmark[apple]'"
SOURCE = "macOS energy model, an estimate (zeus-apple-silicon)"
SHORTEST = 0.05  # s; five times what the library calls too short
WINDOW = "wattmark"


def open_meter(device: Device, target: str | None = None) -> AppleMeter:
    """The meter of the chip that this Mac runs on.

    Raises:
        Unavailable: not a Mac with a chip of Apple's, or without the library.
    """
    if sys.platform != "darwin" or device.kind not in ("cpu", "mps"):
        raise Inapplicable(f"macOS tells the energy of Apple's own chips only, not of {device.name} here")
    if target is not None:
        raise Unavailable(f"the apple meter has no targets, so none called {target}")
    try:
        import zeus_apple_silicon

        monitor = zeus_apple_silicon.AppleEnergyMonitor()
    except Exception as error:  # an ImportError, or whatever a Mac with another chip makes of it
        raise Unavailable(f"zeus-apple-silicon cannot be used here ({error!r}); {INSTALL}") from error
    return AppleMeter(monitor, device.kind)


class AppleMeter(Meter):
    """Watches windows of the chip. ``kind`` says which part of it is the case's device: cpu, or mps for the GPU."""

    def __init__(
        self,
        monitor: Any,
        kind: str,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._monitor = monitor
        self._kind = kind
        self._clock = clock
        self._wait = wait
        self._idle: dict[str, Any] = {}

    def before(self) -> Mapping[str, Reading]:
        power, self._idle = idle_power(self._over)
        return {"power.idle": power}

    def start(self) -> None:
        self._failed = None
        try:
            self._monitor.begin_window(WINDOW, restart=True)
        except RuntimeError as error:
            self._failed = str(error)
        self._opened = self._clock()

    def stop(self) -> Mapping[str, Reading]:
        seconds = self._clock() - self._opened
        try:
            spent = self._monitor.end_window(WINDOW)
        except RuntimeError as error:
            reason = Reading.absent(f"zeus-apple-silicon: {self._failed or error}")
            return dict.fromkeys(("energy", "energy.cpu", "energy.dram"), reason)
        cpu, memory, gpu = ({"CPU": spent.cpu_total_mj}, {"DRAM": spent.dram_mj}, {"GPU": spent.gpu_mj})
        # Older chips do not tell the energy of their memory.
        own = gpu if self._kind == "mps" else cpu if spent.dram_mj is None else {**cpu, **memory}
        return {
            "energy": energy(own, seconds),
            "energy.cpu": energy(cpu, seconds),
            "energy.dram": energy(memory, seconds),
        }

    def _over(self, seconds: float) -> Reading:
        self.start()
        self._wait(seconds)
        return self.stop()["energy"]

    def facts(self) -> Mapping[str, Any]:
        facts = {"error": absent("Apple calls these energies estimates, and states none")}
        return {**facts, "before": self._idle} if self._idle else facts


def energy(parts: Mapping[str, int | None], seconds: float) -> Reading:
    """The energy (J) of parts of the chip (mJ) over a window of ``seconds``, or the reason why there is none."""
    for part, spent in parts.items():
        if spent is None:
            return Reading.absent(f"macOS does not tell the energy of this chip's {part}")
        if seconds < SHORTEST:
            return Reading.absent(f"window too short: {seconds:.3f} s, where macOS's energies need {SHORTEST:g} s")
        if spent <= 0:
            return Reading.absent(f"the energy of the {part} did not move in {seconds:.3f} s")
    total = sum(spent or 0 for spent in parts.values()) / 1e3
    return Reading(total, SOURCE, scope=" and ".join(parts), seconds=seconds)
