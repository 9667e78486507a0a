"""The command that measures one case of a gate again, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from bench.case import Case, Scalar
from bench.judge.finding import Judgement
from reports.axes import axes_of
from reports.text import line

# Options that select cases, and those that say where results go: the command for one case has its own.
_REPLACED = ("-w", "--workload", "--device", "--precision", "--batch", "--set", "-o", "--output")
_FLAGS = ("--json", "--resume")
_ASKED = ("data", "model")  # axes that are not set with --set, but by options that the command has kept

_STORED = "Stored records cannot be measured again. To know, measure both sides anew, with head checked out"


@dataclass(frozen=True)
class Repeat:
    """A command as its words, quoted for a shell, and what must be known before it is typed; or only the latter."""

    words: tuple[str, ...] = ()
    note: str = ""

    @property
    def command(self) -> str:
        """The command on one line."""
        return " ".join(self.words)

    def lines(self, width: int) -> list[str]:
        """The command on lines that a shell reads as one; a word that is longer than a line is not broken."""
        lines: list[str] = []
        for word in _bound(self.words):
            if lines and len(lines[-1]) + 1 + len(word) <= width - 2:
                lines[-1] += f" {word}"
            else:
                lines.append(f"  {word}" if lines else word)
        return [f"{one} \\" for one in lines[:-1]] + lines[-1:]


def repeat(judgement: Judgement, case: Case, varying: Iterable[str]) -> Repeat:
    """How to measure one case again; ``varying`` are the axes in which its workload's cases differ."""
    if judgement.mode in ("stored", "history"):
        return _anew(judgement, case)
    try:
        kept, set_before = _kept(shlex.split(judgement.command))
    except ValueError:  # a quotation without end
        kept, set_before = [], set()
    if not kept:
        return Repeat(note="The command of this gate cannot be read, so there is none for one case of it.")
    needed = {*varying, *set_before}
    # Of the workload's own axes: --data and --model, whose names an axis may have too, are still in the command.
    return _command(kept, case, {name: value for name, value in case.parameters.items() if name in needed})


def _anew(judgement: Judgement, case: Case) -> Repeat:
    revision = judgement.base.get("revision")
    named = isinstance(revision, str) and revision
    words = ["wattmark", "gate", "--base", str(revision) if named else "REVISION", "quick"]
    asked = {name: value for name, value in axes_of(case).items() if name in _ASKED}
    words += [
        word for name, value in asked.items() if name not in case.parameters for word in (f"--{name}", str(value))
    ]
    return _command(words, case, case.parameters, f"{_STORED}:" if named else f"{_STORED} and the base as REVISION:")


def _kept(words: Sequence[str]) -> tuple[list[str], set[str]]:
    """A gate's command without what selects cases and without outputs, and the axes that it had set."""
    kept: list[str] = []
    axes: set[str] = set()
    left = iter(words)
    for word in left:
        option, attached, value = word.partition("=")
        if word[:2] in ("-w", "-o") and len(word) > 2:
            option, attached = word[:2], word[2:]
        if option in _REPLACED:
            value = value if attached else next(left, "")
            if option == "--set":
                axes.add(value.partition("=")[0])
        elif option not in _FLAGS:
            kept.append(word)
    return kept, axes


def _command(words: Sequence[str], case: Case, axes: Mapping[str, Scalar], note: str = "") -> Repeat:
    """The words with the options that select one case."""
    selected = [*words, "-w", case.workload, "--device", case.device, "--precision", case.precision]
    selected += ["--batch", str(case.batch_size)]
    for name, value in axes.items():
        text = str(value).lower() if isinstance(value, bool) else str(value)
        if value is None or not text or "," in text:
            return Repeat(note=f"No command measures this case alone: --set cannot say {line(name)} = {line(value)!r}.")
        selected += ["--set", f"{name}={text}"]
    return Repeat(tuple(_quote(line(word, limit=10_000)) for word in selected), note)


def _quote(word: str) -> str:
    """The word as a shell reads it; a home directory that was left out of the command stays one."""
    home = "~/" if word.startswith("~/") else ""
    rest = word.removeprefix(home)
    return home + (shlex.quote(rest) if rest or not home else "")


def _bound(words: Sequence[str]) -> list[str]:
    """Words with an option and its value as one."""
    bound: list[str] = []
    for word in words:
        if bound and bound[-1].startswith("-") and " " not in bound[-1] and not word.startswith("-"):
            bound[-1] += f" {word}"
        else:
            bound.append(word)
    return bound
