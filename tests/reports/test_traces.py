"""What a page carries of its timelines for a closer look: every sample of every replicate, where they fit."""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
from made_records import record
from metered_records import FACTS, gpu, powered
from test_packed import full

from bench.record import Record
from reports import build
from reports.html import export
from reports.packed import LARGEST
from reports.traces import Traces, traces

SPOILED = (90.5, None, 410.25, 411.0, 409.8, 120.0)


def watched(*courses: Sequence[float | None], seconds: Sequence[float] = (0, 0.1, 0.205, 0.3, 0.4, 0.5)) -> Record:
    """A record whose replicates drew so much power."""
    one = gpu()
    lines = [
        {"seconds": list(seconds), "power": list(power), "temperature": [38, 64, 64, 64, 64, 64]} for power in courses
    ]
    facts = {**FACTS, "windows": [[0.1, 0.4]], "throttled": {"power": [[0.205, 0.3]]}}
    return replace(
        one,
        replicates=tuple(
            replace(replicate, meters={"nvml": {**facts, "timeline": line}})
            for replicate, line in zip(one.replicates, lines, strict=False)
        ),
    )


def unpacked(data: str) -> Any:
    return json.loads(zlib.decompress(base64.b64decode(data)))


def summed(steps: Sequence[int | None], decimals: int) -> list[float | None]:
    """What the page's script makes of a column."""
    sums = iter(list(accumulate(step for step in steps if step is not None)))
    return [None if step is None else next(sums) / 10**decimals for step in steps]


def test_every_sample_of_every_replicate_is_carried_to_four_digits():
    found = traces(build([watched(SPOILED, (1, 2, 3, 4, 5, 6.54321))]).cases, 10_000)

    [first, second] = unpacked(found.data)["case-1"]
    assert (first["title"], second["title"]) == ("Replicate 0 over time", "Replicate 1 over time")
    assert summed(first["moments"], first["decimals"]) == [0, 0.1, 0.205, 0.3, 0.4, 0.5]
    assert [(track["title"], track["unit"], track["decimals"]) for track in first["tracks"]] == [
        ("Power", "W", 1),
        ("Temperature", "°C", 0),
    ]
    assert summed(first["tracks"][0]["values"], 1) == [90.5, None, 410.2, 411.0, 409.8, 120.0]
    assert summed(second["tracks"][0]["values"], second["tracks"][0]["decimals"]) == [1, 2, 3, 4, 5, 6.543]
    assert first["windows"] == [[1000, 4000]]
    assert first["bands"] == [{"title": "clock held down by a power limit", "spans": [[2050, 3000]]}]


def test_moments_of_a_short_timeline_are_not_merged():
    seconds = [0.0, 0.000012, 0.000024, 0.000036, 0.000048, 0.00006]

    [[line]] = unpacked(traces(build([watched(SPOILED, seconds=seconds)]).cases, 10_000).data).values()

    assert summed(line["moments"], line["decimals"]) == seconds


def test_what_does_not_fit_is_not_carried_and_the_page_says_where_it_is():
    rows = build([watched(SPOILED)]).cases
    size = len(traces(rows, 10_000).data)

    assert len(traces(rows, size).data) == size
    assert "no room" in traces(rows, size - 1).told
    assert traces(rows, size - 1).data == ""
    assert traces(build([record()]).cases, 10_000) == Traces()


@pytest.mark.parametrize("cases", [1, 30])
def test_a_page_carries_them_for_its_cases_that_have_a_timeline(cases: int):
    page = export(build([*powered()[1:], *(full(gpu(), at) for at in range(1, cases + 1))]))

    assert len(page) <= LARGEST
    [data] = re.findall('<data id="traces" value="([^"]*)"', page.decode())
    lengths = [len(line["moments"]) for lines in unpacked(data).values() for line in lines]
    assert lengths.count(400) == 3 * cases
    assert page.decode().count("with its script this page shows every sample of all") == 1


def test_a_page_without_room_for_them_says_so_and_has_nothing_that_would_draw_them(monkeypatch: pytest.MonkeyPatch):
    report = build([watched(SPOILED)])
    assert b'id="traces"' in export(report)

    monkeypatch.setattr("reports.html.LARGEST", 50_000)
    page = export(report).decode()

    assert len(page) <= 50_000
    assert "this page has no room for every sample of all, which the records hold" in page
    assert 'id="traces"' not in page
    assert "class Closer" not in page
    assert ".closer" not in page
