"""Memory over the last profiled step, and who owned it at the peak."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from bench.profile import Memory, Owner
from bench.profiling.nesting import Node, above
from bench.profiling.phases import Phases
from bench.profiling.trace import Allocation, Trace

_POINTS = 120  # of the curve: a picture has no room for more
_OWNERS = 12
_EARLIER = "before the profile"
_OTHERS = "others"
_ENGINE = "autograd::engine::evaluate_function: "


def memory(trace: Trace, nodes: Sequence[Node], phases: Phases, device: str) -> Memory | None:
    """The curve of the last step with the owners of its peak; None where nothing was allocated in it."""
    step = trace.steps[-1]
    found = _paired(trace.memory) if trace.kind == "cpu" else trace.memory
    places = [place for place, one in enumerate(found) if step.begin <= one.moment < step.end]
    if not places:
        return None
    base = None if trace.kind == "cpu" else found[0].total - found[0].bytes
    sizes = list(accumulate((one.bytes for one in found), initial=base or 0))
    start, *after = range(places[0], places[-1] + 2)
    curve = [(step.begin, sizes[start]), *((found[place - 1].moment, sizes[place]) for place in after)]
    highest = max(range(start, places[-1] + 2), key=sizes.__getitem__)
    moment = found[highest - 1].moment if highest > start else step.begin
    owners = _owners(found[:highest], _Outermost(nodes), phases, sizes[highest])
    thinned = _thinned(curve, step.length)
    return Memory(
        device,
        base,
        tuple((at - step.begin) / 1e9 for at, _ in thinned),
        tuple(size for _, size in thinned),
        sizes[highest],
        (moment - step.begin) / 1e9,
        owners,
    )


def _paired(allocations: Sequence[Allocation]) -> list[Allocation]:
    """Allocations without the ends of blocks whose beginning was not seen: nothing tells how many there were."""
    live: set[int] = set()
    kept = []
    for one in allocations:
        if one.bytes > 0:
            live.add(one.address)
        elif one.address not in live:
            continue
        else:
            live.remove(one.address)
        kept.append(one)
    return kept


class _Outermost:
    """Finds the operator around a moment that no other operator called."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._rows: dict[object, list[Node]] = defaultdict(list)
        for node in nodes:
            if _works(node) and not any(map(_works, above(node))):
                self._rows[node.span.row].append(node)
        self._begins = {row: [node.span.begin for node in found] for row, found in self._rows.items()}

    def at(self, one: Allocation) -> str:
        place = bisect_right(self._begins.get(one.row, []), one.moment) - 1
        found = self._rows[one.row][place].span if place >= 0 else None
        return found.name.removeprefix(_ENGINE) if found and one.moment <= found.end else "outside operators"


def _works(node: Node) -> bool:
    """Whether a span is an operator, or the optimizer's work; other ranges only surround."""
    return node.span.category == "cpu_op" or node.span.name.startswith("Optimizer.")


def _owners(allocations: Sequence[Allocation], outermost: _Outermost, phases: Phases, peak: int) -> tuple[Owner, ...]:
    """Who had allocated what was live after some allocations, the largest first; together they make the peak."""
    live: dict[int, Allocation] = {}
    for one in allocations:
        if one.bytes > 0:
            live[one.address] = one
        else:
            live.pop(one.address, None)
    sizes: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in live.values():
        phase = phases.at(one.moment) if phases.marked else ""
        sizes["between steps" if phase is None else phase, outermost.at(one)].append(one.bytes)
    found = sorted((Owner(*who, sum(each), len(each)) for who, each in sizes.items()), key=lambda one: -one.bytes)
    kept, rest = found[:_OWNERS], found[_OWNERS:]
    if rest:
        kept.append(Owner("", _OTHERS, sum(one.bytes for one in rest), sum(one.blocks for one in rest)))
    earlier = peak - sum(one.bytes for one in kept)
    return (*kept, *([Owner("", _EARLIER, earlier, 0)] if earlier else []))


def _thinned(curve: Sequence[tuple[int, int]], length: int) -> list[tuple[int, int]]:
    """Of each stretch of time the least and the largest size, in the order in which they came."""
    parts: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for moment, size in curve:
        parts[(moment - curve[0][0]) * (_POINTS // 2) // length].append((moment, size))
    ends = ({min(part, key=_size), max(part, key=_size)} for part in parts.values())
    return [point for both in ends for point in sorted(both)]


def _size(point: tuple[int, int]) -> int:
    return point[1]
