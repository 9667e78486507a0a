"""Every sample of the timelines, packed for a page whose script draws them anew when a reader looks closer.

Numbers are whole ones, each told by its distance from the one before, in the last decimal that is kept: of a value four
digits, as elsewhere, and of a moment the milliseconds, or what a short timeline has below them.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from reports.cases import CaseRow
from reports.number import magnitude
from reports.timeline import Span, Timeline, Track

_DIGITS = 4  # of the largest value
_MILLI = 3  # decimals of a second
_FINEST = 12  # decimals


@dataclass(frozen=True)
class Traces:
    """The samples as base64 of deflated JSON: lists of timelines, by the anchors of their cases; nothing where they do
    not fit. ``told`` says what a reader then misses, or does without a script."""

    data: str = ""
    told: str = ""


def traces(rows: Sequence[CaseRow], room: int) -> Traces:
    """The timelines of all cases, if they fit into ``room`` bytes."""
    drawn = [row for row in rows if row.timelines]
    if not drawn:
        return Traces()
    said = "Timelines show one replicate, thinned; "
    data = _packed(((row.anchor, row.timelines) for row in drawn), room)
    if not data:
        return Traces(told=f"{said}this page has no room for every sample of all, which the records hold.")
    return Traces(data, f"{said}with its script this page shows every sample of all.")


def _packed(found: Iterable[tuple[str, Sequence[Timeline]]], room: int) -> str:
    """Packed case by case, to end where the room does."""
    packer = zlib.compressobj(9)
    packed, before = bytearray(), "{"
    for anchor, timelines in found:
        text = json.dumps([_plain(one) for one in timelines], ensure_ascii=False, separators=(",", ":"))
        packed += packer.compress(f"{before}{json.dumps(anchor)}:{text}".encode())
        before = ","
        if len(packed) * 4 > room * 3:
            return ""
    packed += packer.compress(b"}") + packer.flush()
    data = base64.b64encode(packed).decode()
    return data if len(data) <= room else ""


def _plain(timeline: Timeline) -> dict[str, Any]:
    """A timeline as the page's script reads it."""
    decimals = max(_MILLI, _decimals(timeline.seconds))
    return {
        "replicate": timeline.replicate,
        "title": timeline.title,
        "description": timeline.description,
        "decimals": decimals,
        "moments": _steps(_whole(timeline.moments, decimals)),
        "tracks": [_track(track) for track in timeline.tracks],
        "windows": _spans(timeline.windows, decimals),
        "bands": [{"title": band.title, "spans": _spans(band.spans, decimals)} for band in timeline.bands],
    }


def _track(track: Track) -> dict[str, Any]:
    most = max(abs(value) for value in track.values if value is not None)
    decimals = _decimals(most)
    values = _whole(track.values, decimals)
    while decimals and not any(value % 10 for value in values if value):
        decimals, values = decimals - 1, [value and value // 10 for value in values]
    gap = float(f"{track.gap:.{_DIGITS}g}")
    return {"title": track.title, "unit": track.unit, "gap": gap, "decimals": decimals, "values": _steps(values)}


def _decimals(most: float) -> int:
    """How many decimals four digits of the largest value have; of what is next to nothing not all.

    >>> _decimals(412.337), _decimals(1.755), _decimals(20480.0), _decimals(0.0), _decimals(5e-324)
    (1, 3, 0, 0, 12)
    """
    return min(max(0, _DIGITS - 1 - magnitude(most)), _FINEST) if most else 0


def _whole(values: Iterable[float | None], decimals: int) -> list[int | None]:
    """The values in units of their last decimal.

    >>> _whole([1.755, 0.3451, None], 3)
    [1755, 345, None]
    """
    return [None if value is None else round(value * 10**decimals) for value in values]


def _steps(values: Iterable[int | None]) -> list[int | None]:
    """Each value's distance from the one before it.

    >>> _steps([15, None, 17, 14])
    [15, None, 2, -3]
    """
    last, steps = 0, list[int | None]()
    for value in values:
        steps.append(None if value is None else value - last)
        last = last if value is None else value
    return steps


def _spans(spans: Iterable[Span], decimals: int) -> list[list[int | None]]:
    return [_whole(span, decimals) for span in spans]
