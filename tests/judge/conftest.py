"""Pairs made by hand and pairs that were measured, for everything that judges them."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for stored_records

from bench.case import Case
from bench.judge.paired import judge, needs
from bench.pair import Chunk, Pair
from bench.record import Reading

STEPS = 4  # of a made chunk
EQUAL_ARMS = Path(__file__).parent / "data" / "lockstep.jsonl"


@pytest.fixture
def case():
    """Makes a case; without arguments always the same one."""

    def make(workload="toys:Mlp", device="cpu", precision="fp32", batch_size=2, **fields):
        return Case(workload, device, precision, batch_size, **fields)

    return make


@pytest.fixture
def pair(case):
    """Makes a pair from the seconds of each arm's chunks, round by round; a None is a chunk that is missing.

    ``case`` is a case or a workload's name. Chunks have ``steps`` steps of equal length with 2 sequences each, so a
    chunk of 0.4 s has steps of 0.1 s. ``energy`` is J per item by arm. What is left out is a good pair of a case whose
    arms are equal. ``chunk_covariates`` are those of every chunk, by arm.
    """
    same = case

    def make(
        case=None,
        base=(0.4,) * 8,
        head=(0.4,) * 8,
        stage="screen",
        index=0,
        covariates=None,
        *,
        first="base",
        status="ok",
        reason=None,
        failed=(),
        energy=None,
        beside=None,
        chunk_covariates=None,
        steps=STEPS,
        seconds=None,
    ):
        made = case if isinstance(case, Case) else same(case or "toys:Mlp")
        watched = chunk_covariates or {}
        chunks = tuple(
            Chunk(
                arm=arm,
                round=number,
                rebuilt=True,
                seconds=length,
                step_seconds=(length / steps,) * steps,
                warmup_seconds=(length / steps,) * 3,
                work={"sequence": 2.0 * steps, "token": 256.0 * steps},
                covariates=watched.get(arm, {}),
            )
            for arm, lengths in (("base", base), ("head", head))
            for number, length in enumerate(lengths)
            if length is not None
        )
        joules = {arm: Reading(value, "fake counter", scope="GPU") for arm, value in (energy or {}).items()}
        return Pair(
            made,
            index,
            stage,
            first,
            1,
            status,
            reason,
            failed=tuple(failed),
            chunks=chunks,
            energy=joules,
            covariates=covariates or {},
            beside=beside,
            started="2026-11-23T12:00:00+00:00",
            seconds=seconds,
        )

    return make


@pytest.fixture
def pairs_of(pair):
    """Makes one pair for each effect (head over base, minus 1), numbered from ``index``."""

    def make(effects, case=None, stage="screen", index=0, **parts):
        return [
            pair(case, head=(0.4 * (1 + effect),) * 8, stage=stage, index=index + number, **parts)
            for number, effect in enumerate(effects)
        ]

    return make


@pytest.fixture
def gate():
    """Runs a gate: measures what is needed until nothing is, and returns the findings and the pairs by case id.

    ``measure(id, stage, index)`` gives a pair. A gate that never ends is an error.
    """

    def run(gatings, measure, calibrated=None, most=1000):
        pairs = {name: [] for name in gatings}
        while needed := needs(pairs, gatings):
            for name, (stage, more) in needed.items():
                for _ in range(more):
                    pairs[name].append(measure(name, stage, len(pairs[name])))
            assert sum(map(len, pairs.values())) < most, "the gate does not end"
        return judge(pairs, gatings, calibrated), pairs

    return run


@pytest.fixture
def steady(case, pair):
    """Makes a measurement for `gate` in which every pair of the case ``case()`` has the same effect."""

    def make(effect=0.0, **parts):
        def measure(name, stage, index):
            return pair(case(), head=(0.4 * (1 + effect),) * 8, stage=stage, index=index, **parts)

        return measure

    return make


@pytest.fixture(scope="session")
def equal_arms():
    """Measured pairs of equal arms, by case id (see data/README.md)."""
    found = {}
    for line in EQUAL_ARMS.read_text().splitlines():
        measured = json.loads(line)
        for name, arms in measured["cells"].items():
            workload, threads = name.split("@t")
            made = Case(f"measured:{workload}", "cpu", "fp32", 4, {"threads": int(threads)})
            chunks = [
                _chunk(arm, number, [microseconds / 1e6 for microseconds in steps])
                for arm, key in (("base", "a"), ("head", "b"))
                for number, steps in enumerate(arms[key])
            ]
            pair = Pair(made, measured["pair"], "screen", "base", 0, "ok", chunks=tuple(chunks))
            found.setdefault(made.id, []).append(pair)
    return found


def _chunk(arm, number, steps):
    warm, measured = tuple(steps[:3]), tuple(steps[3:])
    return Chunk(arm, number, True, sum(measured), measured, warm, {"sequence": 4.0 * len(measured)})


def exchanged(pair):
    """The pair with its arms' names exchanged."""
    other = {"base": "head", "head": "base"}
    return replace(pair, chunks=tuple(replace(chunk, arm=other[chunk.arm]) for chunk in pair.chunks))


def slowed(pair, share):
    """The pair with a head that is slower by a share."""
    return replace(
        pair,
        chunks=tuple(
            replace(
                chunk,
                seconds=chunk.seconds * (1 + share),
                step_seconds=tuple(step * (1 + share) for step in chunk.step_seconds),
            )
            if chunk.arm == "head"
            else chunk
            for chunk in pair.chunks
        ),
    )


@pytest.fixture
def drawn(equal_arms):
    """Makes a measurement for `gate` that draws measured pairs with names of the arms drawn by lot, head slower by a
    share."""

    def make(share, lot):
        pool = {
            name: [slowed(arms, share) for pair in pairs for arms in (pair, exchanged(pair))]
            for name, pairs in equal_arms.items()
        }
        return lambda name, stage, index: replace(lot.choice(pool[name]), stage=stage, index=index)

    return make
