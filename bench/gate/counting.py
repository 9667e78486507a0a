"""The exact half of a gate: what a step of base and of head comes to, counted once and compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bench.case import Case
from bench.engines.local import Engine
from bench.gate.request import Task
from bench.gating import Gating
from bench.job import Job, Outcome, received, seed_of
from bench.judge.counters import compare
from bench.judge.finding import Finding
from bench.judge.stored import ANSWERS
from bench.measuring import Plan
from bench.pair import Arm
from bench.record import Replicate


def counted(arms: Mapping[Arm, Engine], task: Task) -> tuple[list[Finding], Task, list[str]]:
    """Findings on the counters of both arms, the task with the cases that are worth timing, and notes.

    Where ``auto`` means real inputs to one arm and generated ones to the other, which lacks the packages that ship
    them, both get generated ones.
    """
    findings: list[Finding] = []
    gatings: dict[str, Gating] = {}
    worth: list[Case] = []
    notes: list[str] = []
    poor: set[Arm] = set()
    for asked in task.cases:
        case, base, head = asked, *_both(arms, task, asked)
        if asked.data == "auto" and (lacking := _lacks_real(base, head)):
            poor.add(lacking)
            case = replace(asked, data="generated")
            base, head = _both(arms, task, case)
        ended = [outcome.replicate.status for outcome in (base, head)]
        if ended[0] == ended[1] and ended[0] in ANSWERS:
            notes.append(f"Not gated, since both sides end alike: {case} ({ended[0]}: {head.replicate.reason}).")
        elif refusal := _refusal(case, base, head):
            findings.append(refusal)
        else:
            gatings[case.id] = task.gatings[asked.id]
            findings += compare(case, base.counters, head.counters, gatings[case.id])
            worth.append(case)
    for arm in sorted(poor):
        notes.append(
            f"The environment of {arm} has no real inputs, so both sides ran on generated ones; for real ones install "
            "wattmark[data] there too."
        )
    return findings, replace(task, cases=worth, gatings=gatings), notes


def _both(arms: Mapping[Arm, Engine], task: Task, case: Case) -> tuple[Outcome, Outcome]:
    return count(arms["base"], task, case), count(arms["head"], task, case)


def _lacks_real(base: Outcome, head: Outcome) -> Arm | None:
    """The arm that generated its inputs where the other one had real ones."""
    kinds = [(outcome.inputs or {}).get("kind") for outcome in (base, head)]
    if sorted(map(str, kinds)) != ["generated", "real"]:
        return None
    return "base" if kinds[0] == "generated" else "head"


def count(engine: Engine, task: Task, case: Case) -> Outcome:
    """One step of a case, counted; whatever went wrong is the replicate's status."""
    seed = seed_of(task.request.seed, case, 0)
    job = Job(case, task.devices[case.device], 0, seed, Plan(1.0), (), count_only=True)
    ended = engine.run("replicate", job.to_json(), task.request.timeout)
    if ended.result is not None:
        return received(ended.result, 0)
    return Outcome(Replicate(0, ended.status, ended.reason, stderr=ended.stderr))  # type: ignore[arg-type]


def _refusal(case: Case, base: Outcome, head: Outcome) -> Finding | None:
    """Why a case is not worth timing: an arm that does not run it, or two that do not run the same."""
    for arm, outcome in (("base", base), ("head", head)):
        status, reason = outcome.replicate.status, outcome.replicate.reason
        if status != "ok":
            verdict = "regressed" if arm == "head" else "incomparable"
            return Finding(case, "operators", verdict, reasons=(f"{arm} {status}: {reason}",))  # type: ignore[arg-type]
    for name, of in (("workload version", lambda outcome: outcome.version), ("inputs", _inputs)):
        if of(base) != of(head):
            reason = f"Not comparable: {name} ({of(base)} in base, {of(head)} in head)."
            return Finding(case, "operators", "incomparable", reasons=(reason,))
    return None


def _inputs(outcome: Outcome) -> str:
    inputs = outcome.inputs or {}
    return f"{inputs.get('kind')} {inputs.get('name')}, SHA-256 {str(inputs.get('sha256'))[:12]}"
