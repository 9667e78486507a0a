"""The power of an idle device, measured when it has settled after whatever came before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from bench.record import Reading

BLOCK = 0.25  # s; blocks of this length are compared until the device has settled
AGREED = 0.05  # it has, when two blocks in a row differ by less than this share
LONGEST = 3.0  # s that it is waited for


def idle_power(
    over: Callable[[float], Reading], block: float = BLOCK, agreed: float = AGREED, longest: float = LONGEST
) -> tuple[Reading, dict[str, Any]]:
    """The mean power of the idle device (W), over the two blocks that agreed; and what a record keeps of the waiting:
    whether it settled, in how long.

    Args:
        over: waits so many seconds and gives the energy of that time (J), with the ``seconds`` that it covers.
    """
    waited, earlier = 0.0, None
    while True:
        energy = over(block)
        if energy.value is None:
            return energy, {"settled": False, "seconds": waited}
        waited += block
        power = mean_power([energy])
        if earlier is not None and abs(power - mean_power([earlier])) < agreed * max(power, mean_power([earlier])):
            idle = replace(energy, value=mean_power([earlier, energy]), seconds=_seconds([earlier, energy]))
            return idle, {"settled": True, "seconds": waited}
        if earlier is not None and waited >= longest:
            before = mean_power([earlier])
            reason = f"the idle device had not settled after {waited:.1f} s: {before:.1f} W, then {power:.1f} W"
            return Reading.absent(reason), {"settled": False, "seconds": waited}
        earlier = energy


def mean_power(energies: Sequence[Reading]) -> float:
    """Joules over the seconds that they cover, both summed. Units: W."""
    return sum(energy.value or 0.0 for energy in energies) / _seconds(energies)


def _seconds(energies: Sequence[Reading]) -> float:
    return sum(energy.seconds or 0.0 for energy in energies)
