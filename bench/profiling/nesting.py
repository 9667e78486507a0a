"""Which span of a thread was called by which, by the rule of torch's own ``key_averages``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from bench.profiling.trace import Span


@dataclass(eq=False)
class Node:
    """A span with what called it and what it called."""

    span: Span
    parent: Node | None = None
    children: list[Node] = field(default_factory=list)

    @property
    def own(self) -> int:
        """Nanoseconds in it and in nothing that it called."""
        return self.span.length - sum(child.span.length for child in self.children)

    @property
    def doubled(self) -> bool:
        """Whether it is all that a span of the same name calls: torch counts such a pair once."""
        parent = self.parent
        return parent is not None and parent.span.name == self.span.name and len(parent.children) == 1


def nest(spans: Iterable[Span]) -> list[Node]:
    """A node for each span. Of two that overlap without one holding the other, neither called the other."""
    rows: dict[object, list[Node]] = defaultdict(list)
    for span in spans:
        rows[span.row].append(Node(span))
    for nodes in rows.values():
        nodes.sort(key=lambda node: (node.span.begin, -node.span.end))
        _nest(nodes)
    return [node for nodes in rows.values() for node in nodes]


def _nest(nodes: list[Node]) -> None:
    around: list[Node] = []
    for node in nodes:
        while around and (node.span.begin >= around[-1].span.end or node.span.end > around[-1].span.end):
            around.pop()
        if around:
            node.parent = around[-1]
            around[-1].children.append(node)
        around.append(node)


def above(node: Node) -> Iterator[Node]:
    """What called it, the nearest first."""
    while node.parent is not None:
        node = node.parent
        yield node
