"""Records in which something is not what it should be are refused in one line, or reported on; none is a crash."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from made_records import many
from metered_records import powered
from profiled_records import profiled

from bench.errors import SpecError
from bench.record import Record
from reports import build, exporter
from reports.plan import build as plan_of
from reports.plan import exporter as plan_exporter
from reports.plan import usual

FORMATS = ("html", "md", "json", "csv", "terminal", "prom", "bencher.json", "action.json")
_GONE = object()
ODD = (
    *(None, "", "a text", 0, -1, True, 10**30, 10**200, 1e99, -1e99, 1e308, 1e-320),
    *([], [1, "a"], {}, {"a": 1}, {"value": None, "reason": "odd"}, _GONE),
)


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [one.to_json() for one in (*many(), *powered(), profiled())]


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where something stands in a record; of long lists the first entries."""
    parts = data.items() if isinstance(data, dict) else enumerate(data[:3]) if isinstance(data, list) else ()
    for name, part in parts:
        yield (*place, name)
        yield from places(part, (*place, name))


def put(data: Any, place: tuple[Any, ...], value: object) -> None:
    *way, last = place
    for name in way:
        data = data[name]
    if value is _GONE:
        del data[last]
    else:
        data[last] = value


def read(data: Any) -> Record | str:
    """The record, or why it is none."""
    try:
        return Record.from_json(json.dumps(data), "here")
    except SpecError as refused:
        return str(refused)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_is_odd_in_a_record_it_is_refused_in_one_line_or_reported(texts: list[str], seed: int):
    lot = random.Random(seed)
    reported = 0
    for _ in range(25):
        first, second = (json.loads(text) for text in lot.sample(texts, 2))
        place, value = lot.choice(list(places(first))), lot.choice(ODD)
        put(first, place, value)
        found = read(first)
        if isinstance(found, str):
            assert found.startswith("here: ")
            assert "\n" not in found
            continue
        report = build([found, Record.from_json(json.dumps(second))])
        reported += 1
        told = f"{'.'.join(map(str, place))} = {value!r}"
        for form in FORMATS:
            try:
                exporter(Path(f"x.{form}")).export(report)  # type: ignore[union-attr]
            except Exception as error:
                pytest.fail(f"{form} with {told}: {error!r}")
        plan_exporter(Path("plan.xlsx")).export(plan_of(report, usual(report.cases, date(2026, 11, 28))))
    assert 3 < reported < 22  # both ways are taken


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("run", "started"), 3, "Expected `str`, got `int` - at `$.run.started`"),
        (("environment",), [], "Expected `object`, got `array` - at `$.environment`"),
        (("case", "batch_size"), 2.5, "Expected `int`, got `float` - at `$.case.batch_size`"),
        (("replicates", 1, "samples", 0, "seconds"), "1", "got `str` - at `$.replicates[1].samples[0].seconds`"),
        (("replicates", 0, "readings", "memory.host"), 5, "Expected `object`, got `int`"),
        (("replicates", 0, "meters"), {"host": 1}, "Expected `object`, got `int` - at `$.replicates[0].meters[...]`"),
        (("status",), "fine", "Invalid enum value 'fine' - at `$.status`"),
        (("case",), _GONE, "Object missing required field `case`"),
        (("replicates", 0, "prepare_seconds"), 1e308, "1e+308 is no number that was measured"),
        (("case", "batch_size"), 10**200, "is no number that was measured"),
    ],
)
def test_what_is_wrong_in_a_record_is_named_with_its_place(place: tuple[Any, ...], value: object, told: str):
    data = json.loads(many()[0].to_json())
    put(data, place, value)

    with pytest.raises(SpecError) as refused:
        Record.from_json(json.dumps(data), "here")

    assert str(refused.value).startswith("here: ")
    assert told in str(refused.value)


def test_what_a_later_version_adds_is_passed_over():
    data = json.loads(many()[0].to_json())
    data["replicates"][0]["later"] = data["later"] = {"more": 1}

    assert Record.from_json(json.dumps(data)) == many()[0]


def test_whole_numbers_stay_whole_so_that_a_record_read_and_written_is_the_same_text():
    for one in many():
        assert Record.from_json(one.to_json()).to_json() == one.to_json()
