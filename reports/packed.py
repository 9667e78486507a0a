"""Keeps a page of many cases small: what stands behind single cases is packed, and the page's script unpacks it.

Most of a large page is what nobody opens. The results, the charts and the failures are always in sight; of what stands
behind single cases first the pictures are packed, whose numbers stand in tables beside them, and then all.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

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
    """What the page shows of each case by its anchor; the rest as base64 of deflated JSON, a list by the numbers of the
    holes that the script fills; and what a reader without a script is told."""

    shown: Mapping[str, Markup]
    data: str = ""
    told: str = ""


def forms(bodies: Mapping[str, Body]) -> Iterator[Packed]:
    """From a page with all in sight to the smallest."""
    yield Packed({anchor: Markup(body.first + body.pictures + body.rest) for anchor, body in bodies.items()})
    yield _pack(bodies, lambda body: (body.first, body.pictures, body.rest), "The pictures of single cases are")
    yield _pack(
        bodies, lambda body: ("", body.first + body.pictures + body.rest, ""), "The details of single cases are"
    )


def _pack(bodies: Mapping[str, Body], cut: Callable[[Body], tuple[str, str, str]], what: str) -> Packed:
    """The page with the middle part of each body packed."""
    holes: list[str] = []
    shown: dict[str, Markup] = {}
    for anchor, (before, inside, after) in ((anchor, cut(body)) for anchor, body in bodies.items()):
        shown[anchor] = Markup(f"{before}<div data-packed={len(holes)}></div>{after}")
        holes.append(inside)
    data = base64.b64encode(zlib.compress(json.dumps(holes, ensure_ascii=False).encode(), 9)).decode()
    told = f"{what} packed, because there are many, and need this page's script; a report on fewer cases shows them."
    return Packed(shown, data, told)
