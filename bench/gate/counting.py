"""The exact half of a gate: what a step of base and of head comes to, counted once and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.case import Case
from bench.engines.local import Engine
from bench.gate.request import Task
from bench.job import Job, Outcome, seed_of
from bench.judge.counters import compare
from bench.judge.finding import Finding
from bench.measuring import Plan
from bench.pair import Arm
from bench.record import Replicate

# Ways to end that are answers: where both arms give the same one, there is nothing to compare.
_ANSWERS = ("oom", "unsupported")


def counted(arms: Mapping[Arm, Engine], task: Task) -> tuple[list[Finding], Task, list[str]]:
    """Findings on the counters of both arms, the task with the cases that are worth timing, and notes."""
    findings: list[Finding] = []
    worth: list[Case] = []
    notes: list[str] = []
    for case in task.cases:
        base, head = (count(arms[arm], task, case) for arm in ("base", "head"))
        ended = [outcome.replicate.status for outcome in (base, head)]
        if ended[0] == ended[1] and ended[0] in _ANSWERS:
            notes.append(f"Not gated, since both sides end alike: {case} ({ended[0]}: {head.replicate.reason}).")
        elif refusal := _refusal(case, base, head):
            findings.append(refusal)
        else:
            findings += compare(case, base.counters, head.counters, task.gatings[case.id])
            worth.append(case)
    gatings = {case.id: task.gatings[case.id] for case in worth}
    return findings, replace(task, cases=worth, gatings=gatings), notes


def count(engine: Engine, task: Task, case: Case) -> Outcome:
    """One step of a case, counted; whatever went wrong is the replicate's status."""
    seed = seed_of(task.request.seed, case, 0)
    job = Job(case, task.devices[case.device], 0, seed, Plan(1.0), (), count_only=True)
    ended = engine.run("replicate", job.to_json(), task.request.timeout)
    if ended.result is not None:
        return Outcome.from_json(ended.result)
    return Outcome(Replicate(0, ended.status, ended.reason, stderr=ended.stderr))  # type: ignore[arg-type]


def _refusal(case: Case, base: Outcome, head: Outcome) -> Finding | None:
    """Why a case is not worth timing: an arm that does not run it, or two that do not run the same."""
    for arm, outcome in (("base", base), ("head", head)):
        status, reason = outcome.replicate.status, outcome.replicate.reason
        if status != "ok":
            verdict = "regressed" if arm == "head" else "incomparable"
            return Finding(case, "operators", verdict, reasons=(f"{arm} {status}: {reason}",))  # type: ignore[arg-type]
    old, new = ((o.version, (o.inputs or {}).get("sha256")) for o in (base, head))
    for name, before, after in zip(("workload version", "inputs"), old, new, strict=True):
        if before != after:
            reason = f"Not comparable: {name} ({before} in base, {after} in head)."
            return Finding(case, "operators", "incomparable", reasons=(reason,))
    return None
