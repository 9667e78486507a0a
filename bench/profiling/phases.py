"""The split of a step into phases: forward, backward, optimizer and rest, or those that a workload marks itself.

The optimizer marks itself in torch, the backward pass is marked while profiling (`bench.profiling.collect`), and a
workload may mark any part of its step with ``torch.profiler.record_function("phase: name")``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence

from bench.profile import PHASE_MARK, PHASES, Phase
from bench.profiling.trace import Span, Trace

DATA = "data"
_FORWARD, BACKWARD, _OPTIMIZER, _REST = PHASES
_ORDER = (DATA, _FORWARD, BACKWARD, _OPTIMIZER)  # those of a workload's own come before the rest

Piece = tuple[int, int, str]  # from, to and the phase


class Phases:
    """The phases of a trace's steps. ``marked`` says whether anything tells them apart."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._pieces = [piece for step in trace.steps for piece in _pieces(step, _marks(trace.host, step))]
        self._begins = [begin for begin, _, _ in self._pieces]
        self.marked = any(_phase(span) for span in trace.host)

    def at(self, moment: int) -> str | None:
        """The phase of a moment on the host; None where no step ran."""
        place = bisect_right(self._begins, moment) - 1
        if place < 0 or moment >= self._pieces[place][1]:
            return None
        return self._pieces[place][2]

    def times(self, launched: Sequence[tuple[int, int]]) -> tuple[Phase, ...]:
        """Each phase's time on the host and, by the launch of each kernel and its length, on the device."""
        host: dict[str, int] = defaultdict(int)
        device: dict[str, int] = defaultdict(int)
        for begin, end, name in self._pieces:
            host[name] += end - begin
        for moment, length in launched:
            device[self.at(moment) or _REST] += length
        names = dict.fromkeys((*host, *device))
        ordered = [name for name in _ORDER if name in names]
        ordered += [name for name in names if name not in (*_ORDER, _REST)]
        ordered += [_REST] if _REST in names else []
        return tuple(Phase(name, host[name] / 1e9, device[name] / 1e9 if launched else None) for name in ordered)


def _phase(span: Span) -> str | None:
    """The phase that a range marks."""
    if span.category != "user_annotation":
        return None
    if span.name.startswith("Optimizer."):
        return _OPTIMIZER
    if span.name.startswith("enumerate(DataLoader)"):
        return DATA
    return span.name.removeprefix(PHASE_MARK) if span.name.startswith(PHASE_MARK) else None


def _marks(host: Sequence[Span], step: Span) -> Iterator[tuple[Span, str]]:
    """The outermost ranges of a step that mark a phase, on the step's own thread."""
    until = step.begin
    for span in host:
        name = _phase(span)
        if name and span.row == step.row and until <= span.begin and span.end <= step.end:
            until = span.end
            yield span, name


def _pieces(step: Span, marks: Iterator[tuple[Span, str]]) -> Iterator[Piece]:
    """The step cut at its marks: what comes before a backward pass is the forward pass, all else is the rest."""
    found = list(marks)
    backward = max((span.begin for span, name in found if name == BACKWARD), default=step.begin)
    at = step.begin
    for span, name in found:
        yield at, span.begin, _FORWARD if span.begin <= backward and backward > step.begin else _REST
        yield span.begin, span.end, name
        at = span.end
    yield at, step.end, _REST
