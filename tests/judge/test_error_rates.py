"""How often the gate is wrong, on measured pairs of equal arms drawn again and again (data/README.md).

The bounds are wider than the published rates by what so few trials leave open; the lot is fixed, so they hold or not.
"""

import random
from collections import Counter

import pytest

from bench.gating import Gating

TIME = Gating(metrics=("time",))
CASES = 6


@pytest.fixture
def tally(drawn, equal_arms, gate):
    """Counts verdicts, and pairs, of gates whose head is slower by a share; each case is a gate of its own."""

    def count(share, gates, gating=TIME, seed=5):
        measure = drawn(share, random.Random(seed))
        verdicts, pairs = Counter(), 0
        for _ in range(gates):
            for name in equal_arms:
                findings, used = gate({name: gating}, measure)
                verdicts[findings[0].verdict] += 1
                pairs += len(used[name])
        return verdicts, pairs / gates / CASES

    return count


def test_equal_arms_are_never_red_and_proven_unchanged_with_seven_pairs(tally):
    verdicts, pairs = tally(0.0, gates=200)

    assert verdicts["regressed"] + verdicts["improved"] <= 1  # of 1200; published: 0.02 % of both together
    assert verdicts["unchanged"] >= 0.99 * 1200
    assert pairs < 7.5


@pytest.mark.parametrize(("share", "least"), [(0.02, 0.85), (0.03, 0.98), (0.05, 1.0), (0.10, 1.0)])
def test_slowdowns_are_found(tally, share, least):
    verdicts, pairs = tally(share, gates=25)

    assert verdicts["regressed"] >= least * 25 * CASES
    assert verdicts["improved"] == 0
    assert pairs <= 19


def test_a_whole_gate_of_slower_cases_finds_them_all(drawn, equal_arms, gate):
    """Holm's family makes each p-value six times larger, and more pairs make up for it."""
    measure = drawn(0.03, random.Random(6))
    verdicts = Counter(
        finding.verdict for _ in range(15) for finding in gate(dict.fromkeys(equal_arms, TIME), measure)[0]
    )

    assert verdicts["regressed"] >= 0.97 * 15 * CASES


@pytest.mark.parametrize(
    ("share", "verdict", "least"), [(0.0, "unchanged", 0.99), (0.03, "regressed", 0.97), (0.05, "regressed", 1.0)]
)
def test_sequential_cases_are_judged_as_well(tally, share, verdict, least):
    verdicts, pairs = tally(share, gates=25, gating=Gating(metrics=("time",), sequential=True))

    assert verdicts[verdict] >= least * 25 * CASES
    assert pairs < (6 if share == 0 else 13)


def test_a_change_of_the_margins_size_is_seldom_called_none(tally):
    """Each of the two looks may be wrong in 2.5 %. A minimum above the margin keeps the cases from being confirmed."""
    verdicts, _ = tally(0.03, gates=100, gating=Gating(metrics=("time",), minimum=0.5))

    assert verdicts["unchanged"] / 600 < 0.05 + 0.02
    assert verdicts["regressed"] == 0


def test_a_spoiled_pair_now_and_then_changes_little(equal_arms, drawn, gate):
    """4 % of the pairs are off by 5 %, four times the scatter of most cases, either way."""
    lot = random.Random(7)
    usual, low, high = (drawn(share, lot) for share in (0.03, 0.03 - 0.05, 0.03 + 0.05))
    still = {"equal": drawn(0.0, lot), "low": drawn(-0.05, lot), "high": drawn(0.05, lot)}

    def spoiled(usual, low, high):
        return lambda *about: lot.choices((usual, low, high), (0.96, 0.02, 0.02))[0](*about)

    slower, same = Counter(), Counter()
    for _ in range(50):
        for name in equal_arms:
            slower[gate({name: TIME}, spoiled(usual, low, high))[0][0].verdict] += 1
            same[gate({name: TIME}, spoiled(*still.values()))[0][0].verdict] += 1

    assert slower["regressed"] >= 0.95 * 300
    assert same["regressed"] + same["improved"] <= 1
    assert same["unchanged"] >= 0.95 * 300
