"""Keeps a page of many cases small: what stands behind single cases is packed, and the page's script unpacks it.

Most of a large page is what nobody opens. The results, the charts and the failures are always in sight; of what stands
behind single cases first the pictures are packed, whose numbers stand in tables beside them, and then all.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from markupsafe import Markup

LARGEST = 1_000_000  # bytes of a page above which more of it is packed


@dataclass(frozen=True)
class Body:
    """What stands behind a case, laid out: its first table, its pictures, and its other tables."""

    first: str
    pictures: str
    rest: str


@dataclass(frozen=True)
class Packed:
    """What the page shows of each case by its anchor; the texts that are packed, by the numbers of the holes in it that
    the script fills; and what a reader without a script is told."""

    shown: Mapping[str, Markup]
    holes: Sequence[str] = ()
    told: str = ""

    @property
    def in_sight(self) -> int:
        """How much is not packed: a page cannot be smaller."""
        return sum(map(len, self.shown.values()))

    @cached_property
    def data(self) -> str:
        """The packed texts as base64 of deflated JSON, a list."""
        text = json.dumps(self.holes, ensure_ascii=False).encode()
        return base64.b64encode(zlib.compress(text)).decode() if self.holes else ""


def all_in_sight(bodies: Mapping[str, Body]) -> Packed:
    """The largest page."""
    return Packed({anchor: Markup(_whole(body)) for anchor, body in bodies.items()})


def pictures_packed(bodies: Mapping[str, Body]) -> Packed:
    """A smaller page."""
    return _pack(bodies, lambda body: (body.first, body.pictures, body.rest), "The pictures of single cases are")


def details_packed(bodies: Mapping[str, Body]) -> Packed:
    """The smallest page."""
    return _pack(bodies, lambda body: ("", _whole(body), ""), "The details of single cases are")


def _whole(body: Body) -> str:
    return body.first + body.pictures + body.rest


def _pack(bodies: Mapping[str, Body], cut: Callable[[Body], tuple[str, str, str]], what: str) -> Packed:
    """The page with the middle part of each body packed."""
    holes: list[str] = []
    shown: dict[str, Markup] = {}
    for anchor, (before, inside, after) in ((anchor, cut(body)) for anchor, body in bodies.items()):
        shown[anchor] = Markup(f"{before}<div data-packed={len(holes)}></div>{after}")
        holes.append(inside)
    told = f"{what} packed, because there are many, and need this page's script; a report on fewer cases shows them."
    return Packed(shown, holes, told)
