"""Input pipelines in the report: workers side by side, and the fewest of them with which waiting ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import record

from bench.record import Reading, Record
from reports import build, exporter
from reports.cell import Table


def fed(workers: str | None, waited: float, seconds: float = 0.1, rate: float = 200.0) -> Record:
    """A case that waits for so large a share of its time, or one without a pipeline."""
    more = {} if workers is None else {"pipeline": workers}
    made = record(seconds=(seconds,) * 3, parameters={"sequence_length": 128, **more})
    if workers is None:
        return made

    def waiting(window: float) -> dict[str, Reading]:
        return {"data.waited": Reading(waited * window, "loader")}

    return replace(
        made,
        replicates=tuple(
            replace(
                one,
                samples=tuple(
                    replace(sample, readings={**sample.readings, **waiting(sample.seconds)}) for sample in one.samples
                ),
                readings={**one.readings, "data.rate": Reading(rate, "alone")},
            )
            for one in made.replicates
        ),
    )


def table(records: Sequence[Record]) -> Table:
    found = build(records).pipelines
    assert found is not None
    return found


def test_the_fewest_workers_without_waiting_are_told_and_the_cases_do_the_same_work():
    records = [fed(None, 0), fed("0", 0.4, 0.16), fed("1", 0.1, 0.11), fed("2", 0.004), fed("4", 0.003)]

    found = table(records)

    assert [row[1].text for row in found.rows] == ["—", "0", "1", "2", "4"]
    assert [row[3].text for row in found.rows][1:] == ["40.00", "10.00", "0.4000", "0.3000"]
    assert [row[5].text for row in found.rows] == ["—", "0.6250", "0.9091", "1.000", "1.000"]
    assert found.remarks == (
        "bert:Pretrain · cpu · fp32 · batch 8: waiting ends with 2 workers, 0.4000 % of the time.",
    )
    assert len({row.problem for row in build(records).cases}) == 1


def test_a_step_that_does_not_wait_for_a_slower_pipeline_has_lived_on_a_stock():
    (told,) = table([fed("0", 0.4, 0.16), fed("1", 0.004, rate=79.0)]).remarks

    assert told.endswith(", though by itself it gives only 79.00 sequence/s: a stock of batches was used up.")
    (told,) = table([fed("0", 0.4, 0.16), fed("1", 0.004, rate=81.0)]).remarks
    assert "stock" not in told


def test_where_waiting_does_not_end_the_most_workers_are_told():
    (told,) = table([fed("0", 0.4), fed("1", 0.2)]).remarks

    assert (
        told
        == "bert:Pretrain · cpu · fp32 · batch 8: 20.00 % of the time is still waited with 1 worker, the most measured."
    )


def test_without_the_case_that_has_no_pipeline_nothing_is_said_over_it():
    (row,) = table([fed("1", 0.2)]).rows

    assert row[5].absent
    assert row[5].note == "not measured without a pipeline"


def test_without_a_pipeline_there_is_no_table():
    assert build([fed(None, 0)]).pipelines is None


@pytest.mark.parametrize("form", ["md", "html", "json", "terminal"])
def test_it_is_told_in_every_report(form):
    text = exporter(Path(form)).export(build([fed("1", 0.2)]))

    assert b"Input pipelines" in text


def test_waiting_for_most_of_the_step_is_what_holds_it_back():
    (case,) = build([fed("0", 0.75)]).cases

    assert (case.bound.force, round(case.bound.gain or 0)) == ("data", 4)
