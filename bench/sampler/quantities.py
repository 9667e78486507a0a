"""One round of reading: every quantity of a GPU that is looked at again and again, or the driver's reason why not."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bench.errors import Unavailable
from bench.nvml import Gpu
from bench.sampler.trace import LIMITS, MORE_LIMITS

_ONE: dict[str, Callable[[Gpu], float]] = {
    "clock.sm": lambda gpu: gpu.sm_clock(),
    "clock.memory": lambda gpu: gpu.memory_clock(),
    "temperature": lambda gpu: gpu.temperature(),
    "temperature.memory": lambda gpu: gpu.memory_temperature(),
    "limited": lambda gpu: float(gpu.limited()),
}
_TWO: dict[tuple[str, str], Callable[[Gpu], tuple[float, float]]] = {
    ("utilization.gpu", "utilization.memory"): lambda gpu: gpu.utilization(),
    ("ecc.corrected", "ecc.uncorrected"): lambda gpu: gpu.ecc_errors(),
    ("pcie.generation", "pcie.width"): lambda gpu: gpu.pcie(),
}
_THROTTLED = tuple(f"throttled.{name}" for name in (*LIMITS, *MORE_LIMITS))


def read(gpu: Gpu) -> dict[str, float | str]:
    """Every quantity's value now in SI units, or the reason why there is none."""
    values: dict[str, float | str] = {name: asked(partial(ask, gpu)) for name, ask in _ONE.items()}
    for names, ask_both in _TWO.items():
        both = asked(partial(ask_both, gpu))
        pair = (both, both) if isinstance(both, str) else map(float, both)
        values |= dict(zip(names, pair, strict=True))
    throttled = asked(gpu.throttled)
    if isinstance(throttled, str):
        return values | dict.fromkeys(_THROTTLED, throttled)
    return values | {f"throttled.{name}": value for name, value in throttled.items()}


def asked(ask: Callable[[], Any]) -> Any:
    """The answer, or the reason why there is none: whatever a driver does, nothing measured may die of it."""
    try:
        return ask()
    except Unavailable as unavailable:
        return str(unavailable)
    except Exception as error:
        return f"unexpected {error!r}"
