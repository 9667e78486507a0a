"""Where a training step goes: a bar for each case, with its shares in words and as numbers beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from made_records import failure, record

from bench.record import Reading, Record
from reports import build
from reports.draw import draw
from reports.html import export
from reports.parts import StepParts

SECONDS = {"forward": 0.03, "backward": 0.05, "optimizer": 0.015, "rest": 0.005}


def split(made: Record, seconds: dict[str, float] | None = None) -> Record:
    """The record with the parts of its step, or with the reason for none."""
    parts = {
        f"time.{name}": Reading(one, "perf_counter, 20 marked steps after the windows")
        for name, one in (seconds or SECONDS).items()
    }
    return replace(made, replicates=tuple(replace(one, readings={**one.readings, **parts}) for one in made.replicates))


def drawn(records: Sequence[Record]) -> list[StepParts]:
    return [one for group in build(records).charts for one in group.pictures if isinstance(one, StepParts)]


def test_each_case_has_a_bar_of_its_parts_and_their_shares_are_all_of_it() -> None:
    other = split(record(batch_size=16), {**SECONDS, "backward": 0.15})
    (picture,) = drawn([split(record(batch_size=8)), other])

    assert [title for title, _ in picture.bars] == ["cpu · fp32 · batch 8: 100 ms", "cpu · fp32 · batch 16: 200 ms"]
    assert [(one.label, one.told) for one in picture.bars[0][1]] == [
        ("forward", "30.0 %"), ("backward", "50.0 %"), ("optimizer", "15.0 %"), ("rest", "5.0 %")
    ]  # fmt: skip
    assert all(sum(one.share for one in parts) == pytest.approx(1) for _, parts in picture.bars)


def test_the_picture_says_in_words_what_it_shows() -> None:
    svg = draw(drawn([split(record())])[0])

    assert svg.count('class="bar"') == 4
    assert "forward 30.0 % · backward 50.0 % · optimizer 15.0 % · rest 5.0 %" in svg
    assert "cpu · fp32 · batch 8: 100 ms: forward 30.0 %, backward 50.0 %" in svg.partition("<desc>")[2]


def test_the_table_beside_it_has_the_same_shares_and_says_why_one_has_none() -> None:
    table = build([split(record(batch_size=8)), record(batch_size=16), failure("oom", "too large")]).charts[0].table
    titles = [column.title for column in table.columns]
    at = titles.index("Forward")

    assert titles[at:] == ["Forward", "Backward", "Optimizer", "Rest"]
    assert [cell.text for cell in table.rows[0][at:]] == ["30.0", "50.0", "15.0", "5.0"]
    assert [cell.note for cell in table.rows[1][at:]] == ["the parts of the step were not timed"] * 4
    assert [cell.note for cell in table.rows[2][at:]] == ["too large"] * 4


def test_a_problem_that_does_not_train_has_no_such_picture_and_one_that_was_not_split_says_why() -> None:
    why = "the step does not mark it"
    lossy = record()
    parts = {"loss.first": Reading(1.0, "step"), **{f"time.{name}": Reading.absent(why) for name in SECONDS}}
    lossy = replace(lossy, replicates=tuple(replace(one, readings=parts) for one in lossy.replicates))

    assert drawn([record()]) == []
    assert [one.missing for one in drawn([lossy])] == [why]
    assert f"Where a training step goes ({why})" in export(build([lossy])).decode()


def test_a_part_that_is_not_known_leaves_no_split_since_the_others_are_not_all_of_the_step() -> None:
    made = split(record())
    lacking = tuple(
        replace(one, readings={**one.readings, "time.optimizer": Reading.absent("the step does not mark it")})
        for one in made.replicates
    )

    assert drawn([replace(made, replicates=lacking)]) == []
