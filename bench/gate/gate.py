"""A gate: count base and head exactly, then measure pairs of them until each case is judged."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from bench.engines import DYNAMO
from bench.gate.alike import differences, may_differ
from bench.gate.counting import counted
from bench.gate.pairing import Pairs, by_case, measure
from bench.gate.request import Progress, Request, Task, environment, plan, servers
from bench.judge.finding import Finding, Judgement
from bench.judge.paired import judge
from bench.pair import ARMS, Arm


def gate(request: Request, progress: Progress) -> Judgement:
    """Compare head with base.

    Raises:
        SpecError: an arm cannot be started, a device is not here, or a workload refuses its axes.
        KeyboardInterrupt: stopped; every pair that had ended is in the folder.
    """
    begin = time.perf_counter()
    progress.say("loading torch and the models of base and head")
    with servers(request, DYNAMO) as arms:
        task = plan(request, arms["head"])
        environments = {arm: environment(engine, arm, task) for arm, engine in arms.items()}
        base, head = (request.places[arm] for arm in ARMS)
        unlike = differences(environments["base"], environments["head"], may_differ(base, head))
        if unlike:
            return judgement(task, environments, _refused(task, unlike), (), begin)
        progress.say("counting")
        findings, worth, notes = counted(arms, task)
        if packages := differences(environments["base"], environments["head"]):
            notes.insert(0, f"Gated is what differs beside the sources: {'; '.join(packages)}.")
        task = replace(task, gatings={**task.gatings, **worth.gatings})
    if request.mode != "counters" and worth.cases:
        pairs = Pairs(request.folder)
        notes += measure(worth, pairs, progress)
        findings += judge(by_case(pairs.all, worth.cases), worth.gatings, request.smallest, worth.cases)
    return judgement(task, environments, findings, notes, begin)


def judgement(
    task: Task,
    environments: Mapping[Arm, Mapping[str, Any]],
    findings: Sequence[Finding],
    notes: Sequence[str],
    begin: float,
) -> Judgement:
    """All findings with what they are of; ``begin`` is when the gate began, by `time.perf_counter`."""
    request = task.request
    arms = {arm: {**request.places[arm].to_json(), "environment": environments[arm]} for arm in environments}
    return Judgement.new(
        command=request.command,
        mode=request.mode,
        base=arms.get("base", {}),
        head=arms.get("head", {}),
        findings=tuple(findings),
        notes=(*request.notes, *notes),
        seed=request.seed,
        seconds=time.perf_counter() - begin,
        settings={case: asdict(gating) for case, gating in task.gatings.items()},
    )


def _refused(task: Task, unlike: Sequence[str]) -> list[Finding]:
    """Nothing is measured where the arms do not run under the same conditions."""
    reasons = tuple(f"Not comparable: {field}." for field in unlike)
    return [Finding(case, "time.step", "incomparable", "s", reasons=reasons) for case in task.cases]
