"""What ended a case is told once for all that it ended, with what to do next."""

from __future__ import annotations

from typing import get_args

import pytest
from made_records import failure, record

from bench.record import Status
from reports import build
from reports.next_step import next_step


def test_cases_that_ended_alike_are_told_of_once_by_their_sizes():
    cases = [failure("oom", "no room", batch_size=size, precision=name) for name in ("fp32", "bf16") for size in (2, 8)]

    (found,) = build(cases).failures

    assert found.names == "bert:Pretrain · cpu · fp32 · batch 2, 8; bert:Pretrain · cpu · bf16 · batch 2, 8"
    assert found.reason == "no room"
    assert [row.batch_size for row in found.rows] == [2, 8, 2, 8]


def test_reasons_that_differ_in_numbers_only_are_one_and_it_is_said_whose_they_are():
    cases = [failure("oom", f"tried to allocate {size} GiB", batch_size=size) for size in (12, 24)]

    (found,) = build(cases).failures

    assert found.reason == "tried to allocate 12 GiB (the first of them; the others with other numbers)"


def test_other_reasons_and_other_ends_stand_apart():
    cases = [
        failure("crashed", "signal 11", batch_size=1),
        failure("failed", "signal 11", batch_size=2),
        failure("failed", "ValueError", batch_size=4),
    ]

    assert [found.reason for found in build([record(), *cases]).failures] == ["signal 11", "signal 11", "ValueError"]


@pytest.mark.parametrize("status", [status for status in get_args(Status) if status != "ok"])
def test_every_end_has_a_next_step(status: Status):
    (found,) = build([failure(status, "whatever it was")]).failures

    assert found.next_step.endswith(".")


@pytest.mark.parametrize(
    ("status", "reason", "advice"),
    [
        ("oom", "CUDA out of memory", "smaller --batch"),
        ("oom", "implied, not run: batch size 8 ran out of memory", "Leave this size out"),
        ("unsupported", "emulated: on a CPU", "precision"),
        ("timeout", "no end after 300 s", "--timeout"),
        ("failed", "--exclusive: python uses the GPU", "without --exclusive"),
        ("failed", "implausible: 2 PFLOP/s", "FLOPs"),
        ("interrupted", "1 of 3 replicates measured", "--resume"),
    ],
)
def test_the_next_step_fits_what_happened(status: str, reason: str, advice: str):
    assert advice in next_step(status, reason)


def test_a_status_that_is_no_failure_has_no_next_step():
    with pytest.raises(StopIteration):
        next_step("ok", "")
