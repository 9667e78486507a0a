"""The command that measures one case of a gate again, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

from bench.case import Case
from bench.judge.finding import Judgement
from reports.axes import axes_of
from reports.repeat import Repeat, one_case, read

_ASKED = ("data", "model")  # axes that are not set with --set, but by options that the command has kept

_STORED = "Stored records cannot be measured again. To know, measure both sides anew, with head checked out"


def repeat(judgement: Judgement, case: Case, varying: Iterable[str]) -> Repeat:
    """How to measure one case again; ``varying`` are the axes in which its workload's cases differ."""
    if judgement.mode in ("stored", "history"):
        return _anew(judgement, case)
    kept, set_before = read(judgement.command)
    if not kept:
        return Repeat(note="The command of this gate cannot be read, so there is none for one case of it.")
    needed = {*varying, *set_before}
    # Of the workload's own axes: --data and --model, whose names an axis may have too, are still in the command.
    return one_case(kept, case, {name: value for name, value in case.parameters.items() if name in needed})


def _anew(judgement: Judgement, case: Case) -> Repeat:
    revision = judgement.base.get("revision")
    named = isinstance(revision, str) and revision
    words = ["wattmark", "gate", "--base", str(revision) if named else "REVISION", "quick"]
    asked = {name: value for name, value in axes_of(case).items() if name in _ASKED}
    words += [
        word for name, value in asked.items() if name not in case.parameters for word in (f"--{name}", str(value))
    ]
    return one_case(words, case, case.parameters, f"{_STORED}:" if named else f"{_STORED} and the base as REVISION:")
