"""Totals by operator, equal to torch's own ``key_averages``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.profile import STEPS, Operator
from bench.profiling.nesting import Node
from bench.profiling.trace import STEP, Span


@dataclass
class _Sum:
    calls: int = 0
    own: int = 0
    total: int = 0
    device: int = 0


def operators(nodes: Sequence[Node], device: Sequence[Span], flops: Mapping[str, int]) -> list[Operator]:
    """Every name with its totals, the longest self time first. A kernel is its operator's by the id that it carries."""
    sums: dict[str, _Sum] = defaultdict(_Sum)
    names: dict[int, str] = {}
    for node in nodes:
        span = node.span
        one = sums[STEPS if span.name.startswith(STEP) else span.name]
        one.own += node.own
        if not node.doubled:
            one.calls += 1
            one.total += span.length
        if span.category in ("cpu_op", "user_annotation") and "External id" in span.args:
            names[span.args["External id"]] = span.name
    for span in device:
        owner = names.get(span.args.get("External id", -1))
        if owner is not None:
            sums[STEPS if owner.startswith(STEP) else owner].device += span.length
    found = [
        Operator(name, one.calls, one.own / 1e9, one.total / 1e9, one.device / 1e9, flops.get(name) or None)
        for name, one in sums.items()
    ]
    return sorted(found, key=lambda one: (-max(one.self_seconds, one.device_seconds), one.name))
