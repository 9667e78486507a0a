"""Measuring pairs until every case is judged; each is on disk before the next one starts."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.case import Case
from bench.engines.local import Engine
from bench.gate.lockstep import Lockstep
from bench.gate.request import Progress, Task, servers
from bench.judge.contamination import contamination
from bench.judge.paired import needs
from bench.pair import Arm, Pair, Stage, read_pairs

PAIRS = "pairs.jsonl"


class Pairs:
    """The pairs of a gate, in a file of lines that only grows."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / PAIRS
        self.all: list[Pair] = []
        if self._path.exists():
            text = self._path.read_text(encoding="utf-8")
            self.all = list(read_pairs(text, str(self._path)))
            if not text.endswith("\n"):  # a power cut left half a line
                self._path.write_text(text[: text.rfind("\n") + 1], encoding="utf-8")

    def add(self, pair: Pair) -> None:
        """Keep a pair; it is on disk when this returns."""
        self.all.append(pair)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(pair.to_json() + "\n")
            file.flush()
            os.fsync(file.fileno())


def measure(task: Task, pairs: Pairs, progress: Progress) -> list[str]:
    """Measure pairs of fresh processes, all cases that still need one in each, until no case does; gives notes."""
    by_id = {case.id: case for case in task.cases}
    apart: set[str] = set()
    notes: list[str] = []
    while needed := needs(by_case(pairs.all, task.cases), task.gatings):
        progress.needs(needed)
        with servers(task.request) as arms:
            number = len(pairs.all)
            for identity in random.Random(task.request.seed + number).sample(sorted(needed), len(needed)):
                case, stage = by_id[identity], needed[identity][0]
                progress.begin_pair(case, stage)
                pair = _pair(task, arms, case, stage, pairs.all, apart)
                if pair.status == "oom" and identity not in apart:
                    apart.add(identity)
                    notes.append(f"{case}: two models did not fit beside each other; its processes ran in turn")
                    pair = _pair(task, arms, case, stage, pairs.all, apart)
                pairs.add(pair)
                # Whether a disturbed pair counts is judged anew from what is stored; here a reader is told.
                progress.end_pair(pair, contamination(pair))
    return notes


def _pair(
    task: Task, arms: Mapping[Arm, Engine], case: Case, stage: Stage, before: Sequence[Pair], apart: set[str]
) -> Pair:
    request, gating = task.request, task.gatings[case.id]
    energy = "energy" in gating.metrics
    lockstep = Lockstep(
        arms,
        task.devices[case.device],
        gating.seconds,
        request.timeout,
        request.meters if energy or case.device != "cpu" else (),
        energy,
        together=case.id not in apart,
    )
    return lockstep.measure(case, sum(pair.case == case for pair in before), stage, request.seed)


def by_case(pairs: Sequence[Pair], cases: Sequence[Case] = ()) -> dict[str, list[Pair]]:
    """The pairs by case id; the ``cases`` that have none are there too."""
    found: dict[str, list[Pair]] = {case.id: [] for case in cases}
    for pair in pairs:
        found.setdefault(pair.case.id, []).append(pair)
    return found
