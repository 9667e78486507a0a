"""A page of many cases stays small and loses nothing: what is alike is told once, and the rest is packed."""

from __future__ import annotations

import base64
import json
import re
import zlib
from dataclasses import replace
from functools import cache
from itertools import pairwise
from random import Random

import pytest
from made_records import failure, record
from metered_records import FACTS, gpu

from bench.record import Record, Replicate
from reports import build
from reports.groups import case_groups
from reports.html import export
from reports.packed import LARGEST


def full(one: Record, batch_size: int) -> Record:
    """The record with a GPU's timeline of 40 s and a hundred single steps a replicate, no two alike."""
    chance = Random(batch_size)
    line = {
        "seconds": [place / 10 for place in range(400)],
        "power": [chance.uniform(300, 350) for _ in range(400)],
        "clock.sm": [chance.uniform(1.7e9, 1.75e9) for _ in range(400)],
    }
    meters = {"nvml": {**FACTS, "timeline": line, "windows": [[3 * at, 3 * at + 2.9] for at in range(1, 9)]}}
    replicates = tuple(
        replace(
            replicate,
            meters=meters,
            samples=tuple(
                replace(sample, seconds=sum(times), step_seconds=times)
                for sample in replicate.samples
                if (times := tuple(chance.uniform(0.09, 0.11) for _ in range(sample.steps)))
            ),
        )
        for replicate in one.replicates
    )
    return replace(one, case=replace(one.case, batch_size=batch_size), replicates=replicates)


@cache
def cpu_page(cases: int = 200) -> bytes:
    made = (full(record(), at) for at in range(1, cases + 1))
    return export(build([replace(one, replicates=tuple(map(without_meters, one.replicates))) for one in made]))


@cache
def gpu_page() -> bytes:
    return export(build([full(gpu(), at) for at in range(1, 201)]))


def without_meters(one: Replicate) -> Replicate:
    return replace(one, meters={})


def holes(page: str) -> list[str]:
    """What a page has packed, by the numbers of its holes."""
    packed = re.search('id="packed">(.*?)</script>', page)
    found = json.loads(zlib.decompress(base64.b64decode(packed[1]))) if packed else []
    assert [int(number) for number in re.findall(r"data-packed=(\d+)>", page)] == list(range(len(found)))
    return found


@pytest.mark.parametrize("page", [cpu_page, gpu_page])
def test_a_page_of_200_cases_stays_below_a_megabyte(page):
    assert len(page()) < 1_000_000


def test_a_page_of_few_cases_has_all_in_sight():
    page = export(build([full(gpu(), at) for at in range(1, 11)]))

    assert len(page) <= LARGEST
    assert b"packed" not in page.split(b"<script>")[0]


def test_pictures_are_packed_before_tables_and_a_reader_without_a_script_is_told():
    page = cpu_page(250).decode()
    cases = page[page.index('<section id="cases">') : page.index('<section id="environment">')]

    assert cases.count("<caption>Metrics") == 250
    assert cases.count("<svg") == 0
    assert '<noscript><p class="remark">The pictures of single cases are packed' in cases
    assert '<noscript><p class="remark">The details of single cases are packed' in gpu_page().decode()


def test_what_is_packed_is_what_a_page_of_one_case_shows():
    [alone] = re.findall(
        "<svg[^>]*>\n<title>Single steps.*?</svg>", export(build([full(gpu(), 7)])).decode(), re.DOTALL
    )

    packed = holes(gpu_page().decode())

    assert len(packed) == 200
    assert alone in packed[6]
    assert all("<caption>Metrics" in one for one in packed)


def test_what_is_alike_is_told_once_and_nothing_of_a_case_is_lost():
    slower = record(batch_size=9, seconds=(0.2, 0.2, 0.21), parameters={"sequence_length": 64, "layers": 2})
    rows = build([record(), slower, record(batch_size=16), failure("crashed", "why", batch_size=32)]).cases

    [group] = case_groups(rows)

    alike = {table.title: table for table in group.told}
    assert group.measured == 3
    assert group.cases == rows
    for before in rows:
        left = {table.title: table for table in group.tables(before)}
        for table in before.details:
            told = [one[table.title] for one in (alike, left) if table.title in one and (before.ok or one is left)]
            assert {row for one in told for row in one.rows} == set(table.rows)
            assert {remark for one in told for remark in one.remarks} == set(table.remarks)
    assert {what.text for what, _ in alike["What ran"].rows}.isdisjoint({"case", "parameter.layers"})
    assert "Replicates" not in alike
    assert group.tables(rows[-1]) == rows[-1].details  # it was not measured: nothing is said of it elsewhere


def test_cases_of_other_workloads_and_devices_stand_apart():
    groups = case_groups(build([record(), gpu(), record(batch_size=16)]).cases)

    assert [len(group.cases) for group in groups] == [2, 1]
    assert all(one.title != other.title for one, other in pairwise(groups))
    assert groups[1].told == ()  # alike with what?
