"""What is counted here and now against stored records: the exact gate where no base can be run, in seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import bench
from bench.case import Case
from bench.engines import DYNAMO
from bench.gate.counting import count
from bench.gate.gate import judgement
from bench.gate.request import Progress, Request, Task, environment, plan, servers
from bench.gating import Gating
from bench.job import Outcome
from bench.judge.finding import Judgement
from bench.judge.keys import COUNTED, differences
from bench.judge.stored import judge, newest
from bench.record import Record, Run


def against(request: Request, name: str, base: Sequence[Record], whole: bool, progress: Progress) -> Judgement:
    """Count head's cases, and compare with the newest record of each; ``name`` is the baseline's.

    Where ``whole`` the request is the whole matrix: a case that only the baseline has is missing then.
    """
    begin = time.perf_counter()
    progress.say("loading torch and the models")
    with servers(request, DYNAMO) as arms:
        task = plan(request, arms["head"])
        here = environment(arms["head"], "head", task)
        progress.say("counting")
        head = [_record(task, case, count(arms["head"], task, case), here) for case in task.cases]
    wanted = {case.id for case in task.cases}
    before = [record for record in newest(base).values() if whole or record.case.id in wanted]
    if any(_elsewhere(old, new) for old in before for new in head if old.case == new.case):
        before, head = ([_without_faults(record) for record in records] for records in (before, head))
    # Time is not in question here: nothing was timed.
    gatings = {case.id: replace(task.gatings[case.id], metrics=("memory",)) for case in task.cases}
    findings, notes = judge(before, head, lambda case: gatings.get(case.id, Gating(("memory",))), COUNTED)
    runs = {record.run.id: record.run.started for record in before}
    told = {"name": name, "kind": "store", "runs": runs, "environment": before[0].environment if before else {}}
    found = judgement(task, {"head": here}, findings, notes, begin)
    return replace(found, base=told)


def _elsewhere(base: Record, head: Record) -> bool:
    """Whether two records are of unlike machines, so that how the kernel hands out pages is not comparable."""
    return bool(differences(base, head)[0])


def _without_faults(record: Record) -> Record:
    counted = {name: count for name, count in (record.counters or {}).items() if name != "faults"}
    return replace(record, counters=counted or None)


def _record(task: Task, case: Case, outcome: Outcome, here: Mapping[str, Any]) -> Record:
    """What was counted, as the record that a run would have kept of it."""
    started = datetime.now(UTC).isoformat(timespec="seconds")
    run = Run("head", started, task.request.command, task.request.seed, 1, bench.__version__)
    ended = outcome.replicate
    return Record(
        run,
        case,
        here,
        ended.status,
        ended.reason,
        outcome.version,
        outcome.inputs,
        outcome.model,
        (ended,),
        outcome.counters,
    )
