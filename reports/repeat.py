"""The command that measures one case again, and nothing else."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from bench.case import Case, Scalar
from bench.record import Record
from reports.text import line

# Options that select cases, and those that say where results go: the command for one case has its own.
_WAYS = ("--variant", "--pipeline")
_REPLACED = ("-w", "--workload", "--device", "--precision", "--batch", "--set", *_WAYS, "-o", "--output")
_FLAGS = ("--json", "--resume")


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


def again(record: Record, varying: Collection[str]) -> Repeat:
    """How to measure a record's case again; ``varying`` are the shown names of axes in which its workload's cases
    differ."""
    kept, set_before = read(record.run.command)
    if kept[:2] != ["wattmark", "run"]:
        return Repeat(note="It was not measured by `wattmark run`, so there is no command for it alone.")
    axes = record.case.parameters.items()
    needed = {name: value for name, value in axes if line(name) in varying or name in set_before}
    return one_case(kept, record.case, needed)


def read(command: str) -> tuple[list[str], set[str]]:
    """A command without what selects cases and without outputs, and the axes that it had set; no words if it has none
    that a shell could read."""
    kept: list[str] = []
    axes: set[str] = set()
    left = iter(_words(command))
    for word in left:
        option, attached, value = word.partition("=")
        if word[:2] in ("-w", "-o") and len(word) > 2:
            option, attached = word[:2], word[2:]
        if option in _REPLACED:
            value = value if attached else next(left, "")
            if option == "--set":
                axes.add(value.partition("=")[0])
            elif option in _WAYS:
                axes.add(option.removeprefix("--"))
        elif option not in _FLAGS:
            kept.append(word)
    return kept, axes


@lru_cache  # all cases of a run have its command, which takes a second to read where it has 100 000 characters
def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError:  # a quotation without end
        return ()


def one_case(words: Sequence[str], case: Case, axes: Mapping[str, Scalar], note: str = "") -> Repeat:
    """A command's words with the options that select one case."""
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
