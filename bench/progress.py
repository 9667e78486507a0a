"""Live progress on stderr. Drawn when something has happened, never by a timer: the parent sleeps while steps run."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bench.case import Case
from bench.pair import Pair
from bench.rates import value
from bench.record import Record

# Drawing takes a few milliseconds of a core that the step may be using: at most this often while windows run.
LEAST_SECONDS_BETWEEN_DRAWINGS = 2.0

# What a gate is doing with a case.
_STAGES = {
    "screen": "screening",
    "extend": "screening: more pairs, to prove that nothing changed",
    "confirm": "confirming on fresh pairs",
    "sequential": "looking again",
}


class Progress:
    """Which case runs, what is done, what is left, time to go and the latest throughput."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(file=sys.stderr)
        self._live = (
            Live(console=self._console, auto_refresh=False, transient=True) if self._console.is_terminal else None
        )
        self._drawn = 0.0
        self._total = self._done = 0
        self._took: dict[str, list[float]] = {}
        self._left: dict[str, int] = {}
        self._case: Case | None = None
        self._began = 0.0
        self._phase = ""
        self._latest = ""
        self._replicates = 0
        self._unit = "replicate"
        self._index = 0
        self._names: Mapping[str, str] = {}

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._live:
            self._live.stop()

    def say(self, text: str) -> None:
        """One line about what goes on outside of cases."""
        if self._live:
            self._phase = text
            self._draw(now=True)
        else:
            self._print(escape(text))

    def plan(self, cases: Sequence[Case], replicates: int) -> None:
        """How much there is to do from now on."""
        self._replicates, self._done = replicates, 0
        self._total = len(cases) * replicates
        self._left = {case.id: replicates for case in cases}
        self._names = short_names(cases)

    def begin(self, case: Case, index: int) -> None:
        """A replicate starts."""
        self._case, self._index, self._began, self._phase = case, index, time.monotonic(), "preparing"
        self._draw(now=True)

    def listen(self, event: str, facts: Mapping[str, Any]) -> None:
        """A running replicate says how far it is."""
        if event == "probe":
            self._phase = f"warming up, first step {facts['seconds']:.3g} s"
        elif event == "sample":
            unit, amount = next(iter(facts["work"].items()))
            self._phase = "sampling"
            self._latest = f"{amount / facts['seconds']:.4g} {unit}/s"
        self._draw()

    def end(self, record: Record) -> None:
        """A replicate has ended, or was not needed."""
        case = record.case
        if self._case is not None and self._case.id == case.id:
            self._took.setdefault(case.id, []).append(time.monotonic() - self._began)
        settled = record.status not in ("ok", "interrupted")
        before = self._left.get(case.id, 0)
        self._left[case.id] = 0 if settled else max(before - 1, 0)
        self._done += before - self._left[case.id]
        if self._left[case.id] == 0:
            self._print_line(record)
        self._case = None
        self._draw(now=True)

    def needs(self, needed: Mapping[str, tuple[str, int]]) -> None:
        """How many pairs a gate still needs of which case; it may turn out to need more."""
        self._left = {case: count for case, (_, count) in needed.items()}
        self._total = self._done + sum(self._left.values())

    def begin_pair(self, case: Case, stage: str) -> None:
        """Two processes start on a case."""
        self._case, self._began, self._phase, self._unit = case, time.monotonic(), _STAGES[stage], "pair"
        self._draw(now=True)

    def end_pair(self, pair: Pair, disturbed: str | None) -> None:
        """They have ended, or something has ``disturbed`` them and they will be replaced."""
        self._took.setdefault(pair.case.id, []).append(time.monotonic() - self._began)
        if pair.status == "ok" and disturbed is None:
            self._done += 1
            self._left[pair.case.id] = max(self._left.get(pair.case.id, 0) - 1, 0)
        else:
            self._print(f"  {escape(self._name(pair.case))}  [yellow]{escape(disturbed or str(pair.reason))}[/]")
        self._case = None
        self._draw(now=True)

    def _print_line(self, record: Record) -> None:
        """The finished case, kept on the screen above the live part."""
        throughput = value(record, "throughput")
        text = f"{throughput.value:.4g} {throughput.unit}" if throughput.value is not None else str(record.reason)
        colour = {"ok": "green", "unsupported": "dim"}.get(record.status, "red")
        self._print(
            f"[dim]{self._done:>4} of {self._total}[/]  {escape(self._name(record.case))}"
            f"  [{colour}]{record.status}[/] [bold]{escape(text)}[/]"
        )

    def _print(self, markup: str) -> None:
        # Without a terminal there is no width to keep to: a log's line is one line.
        self._console.print(markup, highlight=False, soft_wrap=not self._console.is_terminal)

    def _name(self, case: Case) -> str:
        return self._names.get(case.id, str(case))

    def _draw(self, now: bool = False) -> None:
        moment = time.monotonic()
        if self._live is None or not (now or moment - self._drawn > LEAST_SECONDS_BETWEEN_DRAWINGS):
            return
        self._drawn = moment
        self._live.update(self._view(), refresh=True)

    def _view(self) -> Group:
        line = Table.grid(padding=(0, 2))
        left = self._seconds_left()
        to_go = "" if left is None else f"about {_words(left)} to go"
        line.add_row(ProgressBar(self._total or 1, self._done, width=30), f"{self._done} of {self._total}", to_go)
        if self._case is None:
            return Group(Text(self._phase), line) if not self._total else Group(line)
        which = f"replicate {self._index + 1} of {self._replicates}" if self._unit == "replicate" else "base and head"
        what = Text(f"{self._name(self._case)}  {which}", overflow="ellipsis", no_wrap=True)
        latest = f"   latest {self._latest or 'none yet'}" if self._unit == "replicate" else ""
        doing = Text(f"{self._phase}{latest}", style="dim")
        return Group(what, doing, line)

    def _seconds_left(self) -> float | None:
        """Each case's own mean time for what is left of it; cases not yet seen count as the mean of those seen."""
        seen = {case: sum(times) / len(times) for case, times in self._took.items()}
        if not seen:
            return None
        mean = sum(seen.values()) / len(seen)
        return sum(count * seen.get(case, mean) for case, count in self._left.items())


def _words(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def short_names(cases: Sequence[Case]) -> dict[str, str]:
    """Names by case id that leave out the axes which are the same in all cases of a workload."""
    names = {}
    for case in cases:
        kin = [other.parameters for other in cases if other.workload == case.workload]
        varying = {k: v for k, v in case.parameters.items() if any(other.get(k) != v for other in kin)}
        names[case.id] = str(replace(case, parameters=varying))
    return names
