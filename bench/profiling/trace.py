"""A trace as torch's profiler (kineto) writes it, read without torch. Times are whole nanoseconds.

Of its categories we read what the host did (operators, ranges, calls of CUDA), what ran on the device, and when memory
was given and taken back.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

STEP = "ProfilerStep#"  # torch's own name for a step, which its readers look for

_HOST = {"cpu_op", "user_annotation", "cuda_runtime", "cuda_driver"}
_DEVICE = {"kernel", "gpu_memcpy", "gpu_memset"}
DEVICES = {"cpu": 0, "cuda": 1}  # whose memory is told, by the numbers of c10/core/DeviceType.h
# torch's key_averages leaves these out.
_LEFT_OUT = {
    *("profiler::_record_function_enter", "profiler::_record_function_enter_new", "profiler::_record_function_exit"),
    *("aten::is_leaf", "aten::output_nr", "aten::_version"),
}


@dataclass(frozen=True, slots=True)
class Span:
    """Something with a beginning and an end. ``row`` is the thread or the device's stream that it was on."""

    name: str
    category: str
    row: tuple[Any, Any]
    begin: int
    end: int
    args: Mapping[str, Any]

    @property
    def length(self) -> int:
        """Nanoseconds."""
        return self.end - self.begin


@dataclass(frozen=True, slots=True)
class Allocation:
    """A block of memory that is given (``bytes`` above 0) or taken back; ``total`` is what the allocator then says."""

    row: tuple[Any, Any]
    moment: int
    address: int
    bytes: int
    total: int


@dataclass(frozen=True)
class Trace:
    """What the host did, what ran on the device, and the memory of the device ``kind``, each in the order of time."""

    kind: str
    host: tuple[Span, ...]
    device: tuple[Span, ...]
    memory: tuple[Allocation, ...]

    @cached_property
    def steps(self) -> tuple[Span, ...]:
        """The profiled steps.

        Raises:
            ValueError: there is none.
        """
        found = tuple(span for span in self.host if span.name.startswith(STEP))
        if not found:
            raise ValueError(f"the trace has no {STEP}")
        return found

    @cached_property
    def window(self) -> tuple[int, int]:
        """From the first step's beginning until the last one has ended, on the host and on the device."""
        ends = [*(span.end for span in self.steps), *(span.end for span in self.device)]
        return self.steps[0].begin, max(ends)

    @property
    def nanoseconds(self) -> int:
        """How long the steps took in all."""
        begin, end = self.window
        return end - begin


def read(text: str, kind: str = "cpu") -> Trace:
    """The trace of a JSON document; memory is that of the devices of a kind."""
    # A moment is in microseconds with three decimals and 16 digits: as a float it would be off by a nanosecond.
    events = json.loads(text, parse_float=Decimal)["traceEvents"]
    spans = sorted(_spans(events), key=lambda span: (span.begin, -span.end))
    return Trace(
        kind,
        tuple(span for span in spans if span.category in _HOST),
        tuple(span for span in spans if span.category in _DEVICE),
        tuple(sorted(_allocations(events, kind), key=lambda one: one.moment)),
    )


def _spans(events: list[Any]) -> Iterator[Span]:
    for event in events:
        category = event.get("cat")
        if event.get("ph") == "X" and category in _HOST | _DEVICE and event["name"] not in _LEFT_OUT:
            begin = _nanoseconds(event["ts"])
            end = begin + _nanoseconds(event["dur"])
            yield Span(event["name"], category, _row(event), begin, end, event.get("args", {}))


def _allocations(events: list[Any], kind: str) -> Iterator[Allocation]:
    for event in events:
        if event.get("name") == "[memory]" and event["args"].get("Device Type") == DEVICES.get(kind):
            args = event["args"]
            yield Allocation(
                _row(event), _nanoseconds(event["ts"]), args["Addr"], args["Bytes"], args.get("Total Allocated", 0)
            )


def _row(event: Mapping[str, Any]) -> tuple[Any, Any]:
    return event["pid"], event["tid"]


def _nanoseconds(microseconds: Decimal | int) -> int:
    return int(microseconds * 1000)
