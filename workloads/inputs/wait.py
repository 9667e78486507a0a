"""How long a step waits for its input: what the host waits on a CPU, what the device idles on an accelerator.

An accelerator works off what was launched before while the host waits for a batch; only what it has nothing to do then
is lost. Two events around the wait tell: the first is reached when all that was launched before is done, or at once
where nothing is left to do, and the second not before the batch is there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import torch


class Wait(Protocol):
    """Watches waits: ``seconds`` is what all of them came to, or None where this cannot be told; ``source`` says how it
    was told, or why it cannot be."""

    source: str

    def watch(self) -> AbstractContextManager[None]: ...

    @property
    def seconds(self) -> float | None: ...


class OfHost:
    """The host's clock: on a CPU nothing else runs while the step waits."""

    source = "time in the loader's next(), within the windows"

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what happens within as waiting."""
        begin = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - begin


class OfDevice:
    """Events of the device; ``seconds`` is to be asked for when it is idle, as at a window's edges."""

    source = "device idle during the loader's next(), by events within the windows"

    def __init__(self, event: Callable[[], Any]) -> None:
        self._event = event
        self._waits: list[tuple[Any, Any]] = []
        self._seconds = 0.0

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count what the device idles within as waiting."""
        begin, end = self._event(), self._event()
        begin.record()
        yield
        end.record()
        self._waits.append((begin, end))

    @property
    def seconds(self) -> float:
        """What the device has idled so far."""
        self._seconds += sum(begin.elapsed_time(end) for begin, end in self._waits) / 1000
        self._waits.clear()
        return self._seconds


class Unknown:
    """A device without events that tell times."""

    source = "this device has no events by which it could tell for how long it idled"
    seconds = None

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Count nothing."""
        yield


def wait(device: torch.device) -> Wait:
    """What watches the waits of steps on a device."""
    import torch

    if device.type == "cpu":
        return OfHost()
    if device.type in ("cuda", "xpu"):
        return OfDevice(lambda: torch.Event(device, enable_timing=True))
    return Unknown()
