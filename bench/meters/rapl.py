"""Energy of the CPUs and their memory, from the RAPL counters that Linux shows as powercap.

A counter is read when a window opens and when it has closed; both happen with the machine idle beside the case. The
kernel shows AMD's counters under the same names as Intel's, and counts no memory there.

How far the counters may be off is not known, so readings have no error: neither maker states one, and no bound is
published that holds for every CPU. Since Haswell-EP Intel's servers measure instead of modelling (Hackenberg et al.
2015, doi 10.1109/IPDPSW.2015.70) and follow the power at the plug closely (Khan et al. 2018, doi 10.1145/3177754), but
against other meters single programs were far off (Fahad et al. 2019, doi 10.3390/en12112204); DRAM is off by a nearly
constant power, most where it idles (Desrochers et al. 2016, doi 10.1145/2989081.2989088), and reads too high on Ice
Lake with persistent memory, differently on each socket (Alt et al., ICPE 2024); for AMD's Zen 2 see arXiv 2108.00808.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.idle import idle_power
from bench.meters import Absent, Meter
from bench.record import Reading, absent

if TYPE_CHECKING:
    from bench.device import Device

READINGS = ("energy", "energy.cpu", "energy.dram", "power.idle")

ROOT = Path("/sys/class/powercap")
SOURCE = "RAPL counters (powercap)"
# A counter is brought up to date about every millisecond: a window of this length is known to 2 ms, or 4 %.
SHORTEST = 0.05  # s
# No package draws that much, by far: what a counter could only have counted at a higher power, it did not count.
MOST_POWER = 1000.0  # W
MEMORY = "/dram"  # how the name of a package's memory ends
UNKNOWN_ERROR = "neither maker states one, and no bound is published that holds for every CPU"


def open_meter(device: Device, target: str | None = None) -> Meter:
    """The meter of this machine's CPUs. ``target`` is another folder of powercap, such as a container's view of its
    host. On a case that does not run on the CPU, ``energy`` and ``power.idle`` are left to the meter of its device.

    Raises:
        Unavailable: no counters here, or not for this user: what would change that is said.
    """
    own = device.kind == "cpu"
    try:
        if target is None and sys.platform != "linux":
            raise Unavailable("the CPU's energy is read through Linux's powercap, which is not on this system")
        return RaplMeter(domains(Path(target) if target else ROOT), own)
    except Unavailable as unavailable:
        if own:
            raise
        return Absent(("energy.cpu", "energy.dram"), str(unavailable))


@dataclass(frozen=True)
class Domain:
    """A counter: its name, the folder that it is in, and the energy (J) at which it goes round to 0."""

    name: str
    folder: Path
    range: float

    def joules(self) -> float:
        """What the counter says now. Units: J."""
        return int((self.folder / "energy_uj").read_text()) / 1e6


def domains(root: Path) -> list[Domain]:
    """The packages and memories that count, each once: ``package-0``, ``package-0/dram``.

    A package can be shown a second time as ``intel-rapl-mmio``: the same energy by another way. The cores and the GPU
    of a package are in its energy already, and psys is the whole board by the mainboard's maker: none of them is used.

    Raises:
        Unavailable: there is none, or it may not be read.
    """
    if not root.is_dir():
        raise Unavailable(f"{root} is not there: this kernel counts no energy, as in nearly all virtual machines")
    found: dict[str, Domain] = {}
    for folder in sorted(root.glob("intel-rapl:*")):
        name = _name(folder)
        if name == "dram":
            name = _name(root / folder.name.rpartition(":")[0]) + MEMORY
        elif not name.startswith("package"):
            continue
        if name not in found:
            found[name] = _opened(name, folder)
    if not found:
        raise Unavailable(
            f"{root} shows no CPU package: virtual machines have none, and containers hide what their host has"
        )
    return list(found.values())


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text().strip()
    except OSError:  # a container can show the name of a folder that it has emptied
        return ""


def _opened(name: str, folder: Path) -> Domain:
    try:
        domain = Domain(name, folder, int((folder / "max_energy_range_uj").read_text()) / 1e6)
        domain.joules()
    except PermissionError as error:
        raise Unavailable(
            f"only root may read {error.filename} (since CVE-2020-8694: it told secrets); to let everybody until the "
            f"machine starts again: sudo chmod a+r {folder.parent}/intel-rapl:*/energy_uj"
        ) from None
    except (OSError, ValueError) as error:
        raise Unavailable(f"the counter of {name} cannot be read: {error}") from None
    return domain


class RaplMeter(Meter):
    """Watches windows of all packages. ``own`` says that they are the case's device."""

    def __init__(
        self,
        domains: Sequence[Domain],
        own: bool,
        clock: Callable[[], float] = time.perf_counter,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self._domains = domains
        self._own = own
        self._clock = clock
        self._wait = wait
        self._idle: dict[str, Any] = {}

    def before(self) -> Mapping[str, Reading]:
        if not self._own:
            return {}
        power, self._idle = idle_power(self._over)
        return {"power.idle": power}

    def shortest(self) -> float:
        return SHORTEST

    def start(self) -> None:
        self._opened = self._read()

    def stop(self) -> Mapping[str, Reading]:
        (before, opened), (after, closed) = self._opened, self._read()
        spent = {
            domain.name: energy(domain, first, last, closed - opened)
            for domain, first, last in zip(self._domains, before, after, strict=True)
        }
        memory = [reading for name, reading in spent.items() if name.endswith(MEMORY)]
        readings = {
            "energy.cpu": total([spent[name] for name in spent if not name.endswith(MEMORY)], "CPU packages"),
            "energy.dram": total(memory, "DRAM") if memory else Reading.absent("these CPUs do not count their memory"),
        }
        whole = total(list(spent.values()), "CPU packages and DRAM" if memory else "CPU packages")
        return {"energy": whole, **readings} if self._own else readings

    def facts(self) -> Mapping[str, Any]:
        error = absent(UNKNOWN_ERROR)
        facts = {"domains": [domain.name for domain in self._domains], "error": error}
        return {**facts, "before": self._idle} if self._idle else facts

    def _read(self) -> tuple[list[float | str], float]:
        """Every counter and the time. In the same order at both edges, so each counter has the time of all of them."""
        return [_read(domain) for domain in self._domains], self._clock()

    def _over(self, seconds: float) -> Reading:
        self.start()
        self._wait(seconds)
        return self.stop()["energy"]


def energy(domain: Domain, before: float | str, after: float | str, seconds: float) -> Reading:
    """The energy (J) of a window of ``seconds`` between two values of a counter (J), or the reason why there is none.

    A counter that went round once has counted its range more. Whether it did is certain only where it could not have
    been otherwise, at any power that a package can draw.
    """
    if isinstance(before, str) or isinstance(after, str):
        return Reading.absent(before if isinstance(before, str) else str(after))
    if seconds < SHORTEST:
        return Reading.absent(f"window too short: {seconds:.3f} s, where RAPL needs {SHORTEST:g} s")
    if after == before:
        return Reading.absent(f"the counter of {domain.name} did not move in {seconds:.3f} s")
    most = MOST_POWER * seconds
    spent = after - before if after > before else after - before + domain.range
    if spent > most:
        return Reading.absent(
            f"the counter of {domain.name} went from {before:.3f} to {after:.3f} J in {seconds:.3f} s, which no CPU can"
        )
    if spent + domain.range <= most:
        return Reading.absent(
            f"the counter of {domain.name} goes round at {domain.range:.0f} J: in {seconds:.0f} s it was {spent:.0f} J "
            f"or {spent + domain.range:.0f} J"
        )
    return Reading(spent, SOURCE, seconds=seconds)


def total(parts: Sequence[Reading], scope: str) -> Reading:
    """The sum of energies over the same time, or the reason why one of them is missing."""
    missing = next((part for part in parts if part.value is None), None)
    if missing is not None:
        return missing
    return Reading(sum(part.value or 0.0 for part in parts), SOURCE, scope=scope, seconds=parts[0].seconds)


def _read(domain: Domain) -> float | str:
    try:
        return domain.joules()
    except (OSError, ValueError) as error:
        return f"{domain.folder}/energy_uj cannot be read: {error}"
