"""Calibrating a machine: gates of identical code, one after another, and what they came to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.gate.gate import gate
from bench.gate.pairing import PAIRS, Pairs, by_case
from bench.gate.request import Progress, Request
from bench.gating import Gating
from bench.judge.calibration import Calibrated, calibrate
from bench.judge.finding import Judgement

CALIBRATION = "calibration.json"


def run(request: Request, gates: int, progress: Progress) -> Iterator[Judgement]:
    """Gates with head the same as base, each in a folder of its own below the request's; earlier ones stay."""
    already = len(folders(request.folder))
    for number in range(already, already + gates):
        folder = request.folder / f"gate-{number + 1:04d}"
        folder.mkdir(parents=True)
        progress.say(f"gate {number + 1 - already} of {gates}")
        yield gate(replace(request, folder=folder, seed=request.seed + number, mode="aa"), progress)


def folders(folder: Path) -> list[Path]:
    """The folders of the gates so far."""
    return sorted(path.parent for path in folder.glob(f"gate-*/{PAIRS}"))


def calibrated(folder: Path, settings: Mapping[str, Mapping[str, Any]]) -> list[Calibrated]:
    """What all gates in a folder came to, those of earlier calls included, for the cases that ``settings`` knows."""
    gatings = {case: Gating(**setting) for case, setting in settings.items()}
    gates = [by_case([pair for pair in Pairs(own).all if pair.case.id in gatings]) for own in folders(folder)]
    return calibrate(gates, gatings)
