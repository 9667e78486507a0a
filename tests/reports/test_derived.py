"""A report derives what is asked of it, once, and its work grows with the number of its records and not faster."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_records import H100, many, record

import reports
from bench.metric import METRICS
from bench.record import Record
from bench.roof import Roofs
from reports import build, cases
from reports.derived import Derived
from reports.results import SHOWN


@pytest.fixture
def derived(monkeypatch: pytest.MonkeyPatch) -> Counter[tuple[int, str]]:
    """How often each metric of each record was derived for a row."""
    found: Counter[tuple[int, str]] = Counter()
    value = cases.value

    def counted(record: Record, metric: str, roofs: Roofs) -> Any:
        found[id(record), metric] += 1
        return value(record, metric, roofs)

    monkeypatch.setattr(cases, "value", counted)
    return found


def export(records: list[Record], form: str) -> None:
    exporter: Any = reports.exporter(Path(form))
    exporter.export(build(records))


def test_a_markdown_report_derives_only_the_metrics_that_it_shows_and_each_once(derived: Counter[tuple[int, str]]):
    records = many()

    export(records, "md")

    held_back_by = {"flop.rate.computed", "intensity", "data.wait"}
    assert {metric for _, metric in derived} == {*SHOWN, *held_back_by}
    assert set(derived.values()) == {1}


def test_the_tidy_table_derives_every_metric_of_every_record_once(derived: Counter[tuple[int, str]]):
    records = many()

    export(records, "csv")

    assert set(derived) == {(id(record), metric) for record in records for metric in METRICS}
    assert set(derived.values()) == {1}


@pytest.mark.parametrize("form", ["md", "csv"])
def test_twice_the_cases_of_a_problem_take_twice_the_calls(form: str):
    def calls(count: int) -> int:
        records = [record(environment=H100, batch_size=size, watts=400.0) for size in range(1, count + 1)]
        return called(lambda: export(records, form))

    export(many(), form)  # what is kept for all reports is kept now

    assert calls(200) < 2.2 * calls(100)


def called(work: Callable[[], object]) -> int:
    """How many functions some work calls."""
    count = 0

    def counted(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def test_counting_calls_tells_work_that_grows_with_the_square():
    def square(count: int) -> Callable[[], object]:
        return lambda: [abs(one) for one in range(count) for _ in range(count)]

    assert called(square(200)) > 2.2 * called(square(100))


def test_what_is_derived_has_the_names_it_was_made_with_and_no_others():
    made = Derived(("a", "b"), str.upper)

    assert dict(made) == {"a": "A", "b": "B"}
    assert "c" not in made
    with pytest.raises(KeyError):
        made["c"]


def test_what_a_case_was_measured_with_does_not_depend_on_what_is_asked_first():
    one = replace(many()[0])
    first, second = build([one]).cases[0], build([one]).cases[0]

    assert list(first.cells.values()) == [second.cells[name] for name in reversed(METRICS)][::-1]
