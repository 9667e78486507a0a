"""A case over many runs: every run is a point, and a new level is marked where shuffling confirms it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from made_records import RUN, failure, record

from bench.record import Record, Run
from reports import build, exporter
from reports.history import History

_NOISE = (0.0, 0.004, -0.003, 0.002, -0.004, 0.001, 0.003, -0.002)


def run(number: int) -> Run:
    begun = datetime.fromisoformat(RUN.started) + timedelta(days=number)
    return Run(f"{begun:%Y%m%d-%H%M%S}-{number:04x}", begun.isoformat(), RUN.command, 0, 3, "0.1.0")


def runs(levels: list[float], **more: object) -> list[Record]:
    found = []
    for number, level in enumerate(levels):
        seconds = level * (1 + _NOISE[number % len(_NOISE)])
        times = (seconds, seconds * 1.002, seconds * 0.998)
        found.append(record(seconds=times, run=run(number), **more))  # type: ignore[arg-type]
    return found


def history(records: list[Record]) -> History:
    (found,) = build(records[-1:], earlier=records[:-1]).history
    return found


def test_a_new_level_is_marked_with_the_run_that_began_it():
    found = history(runs([0.1] * 10 + [0.11] * 8))

    assert found.changes == (10,)
    assert "2026-11-30" in found.note
    assert len(found.moments) == len(found.table.rows) == 18


def test_two_changes_are_both_marked():
    assert history(runs([0.1] * 10 + [0.12] * 10 + [0.1] * 10)).changes == (10, 20)


def test_noise_is_no_change():
    found = history(runs([0.1] * 24))

    assert found.changes == ()
    assert found.note == "No change in 24 runs."


def test_few_runs_are_no_proof_that_nothing_changed():
    """Nine of them cannot confirm that throughput halved, and ten can."""
    halved = history(runs([0.1] * 5 + [0.2] * 4))

    assert halved.changes == ()
    assert halved.note == "9 runs: too few to tell a change from chance, which takes 10."
    assert history(runs([0.1] * 5 + [0.2] * 5)).changes == (5,)
    assert history(runs([0.1] * 10)).note == "No change in 10 runs."


def test_runs_stand_by_date_whatever_their_order_was():
    records = runs([0.1, 0.2, 0.3, 0.4])

    (found,) = build([records[-1]], earlier=[records[2], records[0], records[1]]).history

    assert [moment.date for moment in found.moments] == ["2026-11-20", "2026-11-21", "2026-11-22", "2026-11-23"]
    assert [moment.y for moment in found.moments] == sorted((moment.y for moment in found.moments), reverse=True)


def test_a_run_that_failed_is_no_point_and_two_runs_are_no_history():
    measured = runs([0.1, 0.1, 0.1])
    failed = failure("oom", "out of memory", batch_size=8, run=run(9))

    assert len(history([failed, *measured]).moments) == 3
    assert build(measured[-1:], earlier=measured[:1]).history == ()


def test_the_report_itself_is_of_the_newest_run_alone():
    records = runs([0.1] * 5)

    report = build(records[-1:], earlier=records[:-1])

    assert len(report.cases) == 1
    assert report.cases[0].run == records[-1].run.id


def test_the_page_draws_a_history_with_its_table_and_without_one_says_nothing():
    records = runs([0.1] * 10 + [0.11] * 8)
    page = exporter_page(build(records[-1:], earlier=records[:-1]))

    section = page[page.index('<section id="history">') : page.index('<section id="failures">')]
    assert section.count('class="marker"') == 18
    assert section.count('class="front"') == 1
    assert "A new level from 2026-11-30" in section
    assert 'id="history"' not in exporter_page(build(records[-1:]))


def exporter_page(report: object) -> str:
    from pathlib import Path

    return exporter(Path("x.html")).export(report).decode()  # type: ignore


@pytest.mark.parametrize(
    ("seconds", "told", "tone"), [(0.2, "1 suspect slower", "bad"), (0.05, "1 suspect faster", "good")]
)
def test_the_verdict_over_a_baseline_stands_first(seconds: float, told: str, tone: str):
    times = (seconds, seconds * 1.001, seconds * 0.999)
    report = build([record(seconds=times, run=run(1))], [record(seconds=(0.1, 0.1001, 0.0999))])

    assert report.changes is not None
    assert told in report.changes.verdict.text
    assert report.changes.verdict.tone == tone
    assert exporter_page(report).index(told) < exporter_page(report).index('id="results"')


def test_there_is_no_verdict_without_a_baseline():
    assert build([record()]).changes is None


def test_another_product_is_no_change_of_the_case():
    records = runs([0.1] * 10 + [0.2] * 10)
    faster = {"device": {**records[0].environment["device"], "label": "A faster one"}}
    elsewhere = [replace(one, environment={**one.environment, **faster}) for one in records[:10]]

    assert history(records).changes == (10,)
    found = history(elsewhere + records[10:])
    assert found.changes == ()
    assert len(found.moments) == 10
