"""The traps that other gates have fallen into, each with a case that shows it is one."""

import ast
import json
import math
import random
from dataclasses import replace
from pathlib import Path
from statistics import median

import pytest

from bench.gating import Gating
from bench.judge.effects import effect, flip_p, holm
from bench.judge.finding import Judgement
from bench.judge.paired import judge, needs
from bench.judge.stages import sift

JUDGE = Path(__file__).parents[2] / "bench" / "judge"
TIME = Gating(metrics=("time",))
ALTERNATING = "bhhb" * 4  # A B B A
CHANGES = {"regressed", "improved"}


@pytest.fixture
def name(case):
    return case().id


@pytest.fixture
def over_time(pair):
    """Makes a pair whose chunks run in the given order of arms, each as long as the clock of that moment says."""

    def make(order, clock, stage="screen", index=0):
        at = {"b": [], "h": []}
        for moment, arm in enumerate(order):
            at[arm].append(clock(moment))
        return pair(base=at["b"], head=at["h"], stage=stage, index=index)

    return make


def verdicts(findings):
    return [finding.verdict for finding in findings]


def judgement(findings):
    return Judgement("j1", "2026-11-23T12:00:00+00:00", "wattmark gate", "paired", {}, {}, tuple(findings))


@pytest.mark.parametrize(
    "clock",
    [lambda moment: 0.4 * 1.01**moment, lambda moment: 0.4 + 0.05 * moment, lambda moment: 0.4 + 0.001 * moment**2],
)
def test_a_clock_that_drifts_slows_no_arm_even_where_base_is_always_first(gate, over_time, name, clock):
    always = gate({name: TIME}, lambda _, stage, index: over_time(ALTERNATING, clock, stage, index))
    lot = random.Random(1)
    by_lot = gate(
        {name: TIME},
        lambda _, stage, index: over_time(
            lot.choice((ALTERNATING, ALTERNATING.translate(str.maketrans("bh", "hb")))), clock, stage, index
        ),
    )

    assert not CHANGES & {*verdicts(always[0]), *verdicts(by_lot[0])}


def test_the_same_drift_makes_all_of_base_and_then_all_of_head_a_regression(gate, over_time, name):
    def drifting(moment):
        return 0.4 * 1.01**moment

    for order in ("b" * 8 + "h" * 8, "bh" * 8):  # one after the other, and base first in every round
        findings, _ = gate({name: TIME}, lambda _, stage, index, order=order: over_time(order, drifting, stage, index))

        assert verdicts(findings) == ["regressed"]


def modes(lot):
    """Two processes, each at 22.5 or 25.5 ms by its own coin, with 0.05 ms of scatter inside."""
    return [[lot.gauss(lot_mode, 0.05) * 4e-3 for _ in range(8)] for lot_mode in lot.choices((22.5, 25.5), k=2)]


def test_processes_of_two_modes_are_no_change(gate, pair, name):
    lot = random.Random(2)
    found = []
    for _ in range(200):

        def measure(_, stage, index):
            base, head = modes(lot)
            return pair(base=base, head=head, stage=stage, index=index)

        found += verdicts(gate({name: TIME}, measure)[0])

    assert set(found) <= {"inconclusive", "unchanged"}
    # The trap: one process a side and a limit of 5 %, or any test of their steps, is red every fourth time.
    one_a_side = sum(median(head) > 1.05 * median(base) for base, head in (modes(lot) for _ in range(1000)))
    assert one_a_side > 200


def test_one_nan_does_not_break_the_family(case, pairs_of, pair):
    slow, spoiled = case("toys:Slow").id, case("toys:Spoiled").id
    screen = {
        slow: pairs_of([0.05] * 6, case="toys:Slow"),
        spoiled: [pair("toys:Spoiled", head=(0.42,) * 5 + (math.nan,) * 3, index=number) for number in range(6)],
    }
    gatings = dict.fromkeys(screen, TIME)
    confirm = {
        slow: pairs_of([0.05] * 14, case="toys:Slow", stage="confirm", index=6),
        spoiled: [
            pair("toys:Spoiled", head=(math.nan,) * 8, stage="confirm", index=number + 6) for number in range(14)
        ],
    }
    pairs = {name: screen[name] + confirm[name] for name in screen}
    found = judge(pairs, gatings)

    assert verdicts(found) == ["regressed", "inconclusive"]
    assert found[0].p == 2 * 2**-14
    with pytest.raises(ValueError, match="probabilities"):
        holm([0.001, math.nan])


def test_two_pairs_that_agree_by_luck_prove_nothing(pairs_of, name):
    for count in (2, 3):
        # All that a machine could give: the other pairs were spoiled, beyond the budget.
        spoiled = pairs_of([0.05] * 20, index=10, covariates={"foreign_share": 0.5})
        lucky = pairs_of([0.050, 0.051, 0.0505][:count])
        for gating in (TIME, Gating(metrics=("time",), sequential=True)):
            stage = "sequential" if gating.sequential else "screen"
            pairs = {name: [replace(pair, stage=stage) for pair in lucky + spoiled]}

            assert needs(pairs, {name: gating}) == {}
            assert verdicts(judge(pairs, {name: gating})) == ["inconclusive"]


def test_two_equal_pairs_do_not_prove_that_nothing_changed(pairs_of, name):
    pairs = {name: pairs_of([0.0] * 2) + pairs_of([0.0] * 20, index=10, covariates={"foreign_share": 0.5})}

    assert verdicts(judge(pairs, {name: TIME})) == ["inconclusive"]


@pytest.mark.parametrize(
    ("effect", "verdict"), [(0.0, "unchanged"), (0.02, "regressed"), (0.005, "unchanged"), (-0.02, "improved")]
)
def test_constant_data_have_a_verdict(gate, steady, name, effect, verdict):
    for gating in (TIME, Gating(metrics=("time",), sequential=True)):
        findings, _ = gate({name: gating}, steady(effect))

        assert verdicts(findings) == [verdict]
        assert findings[0].low == pytest.approx(effect)
        assert findings[0].high == pytest.approx(effect)
        assert json.loads(judgement(findings).to_json())  # no NaN, no infinity


def test_an_arm_with_fewer_chunks_has_no_advantage(gate, pair, name):
    def measure(_, stage, index):
        # The later, the slower; head's chunks stop early, so its own median is far lower than base's.
        clock = [0.4 * 1.05**number for number in range(12)]
        return pair(base=clock, head=clock[:5], stage=stage, index=index)

    assert verdicts(gate({name: TIME}, measure)[0]) == ["unchanged"]


def test_a_case_that_is_missing_on_one_side_is_not_green(case, pair, name):
    missing = {"status": "failed", "reason": "base: no workload toys:Mlp", "failed": ("base",), "base": (), "head": ()}
    nothing = judge({}, {name: TIME}, cases=[case()])
    one_side = judge({name: [pair(index=number, **missing) for number in range(2)]}, {name: TIME})

    for findings in (nothing, one_side):
        assert verdicts(findings) == ["incomparable"]
        assert judgement(findings).exit_code == 3


def test_improvements_are_never_red(gate, steady, name):
    for faster in (-0.011, -0.05, -0.9):
        findings, _ = gate({name: Gating(metrics=("time", "throughput"))}, steady(faster))

        assert set(verdicts(findings)) <= {"improved", "unchanged"}
        assert judgement(findings).exit_code == 0
    assert verdicts(findings) == ["improved", "improved"]


def test_the_timing_of_a_pair_never_decides_whether_it_is_dropped(pair):
    lot = random.Random(3)

    def covariates():
        watched = {"throttle.thermal": lot.choice((0.0, 0.02)), "clock.sm": lot.choice((1.98e9, 1.5e9))}
        beside = {"foreign_share": lot.choice((None, 0.0, 0.2)), "steal_share": lot.choice((0.0, 0.6))}
        return {"covariates": beside, "chunk_covariates": {"head": watched}}

    for _ in range(200):
        pairs = [pair(index=number, **covariates()) for number in range(6)]
        retimed = [
            replace(
                one,
                chunks=tuple(replace(chunk, seconds=chunk.seconds * lot.lognormvariate(0, 2)) for chunk in one.chunks),
            )
            for one in pairs
        ]
        before, after = sift(pairs, "screen"), sift(retimed, "screen")

        assert [phrase for _, phrase in before.contaminated] == [phrase for _, phrase in after.contaminated]
        assert [one.index for one in before.good] == [one.index for one in after.good]


def test_contamination_reads_nothing_that_was_timed():
    timed = {"seconds", "step_seconds", "warmup_seconds", "work", "energy", "started"}

    assert not timed & {attribute for attribute, _ in attributes(JUDGE / "contamination.py")}


def test_a_hundred_times_the_steps_are_no_more_evidence(drawn, equal_arms, gate):
    lot = random.Random(4)

    def more(pair):
        """A hundred times as many steps of the same lengths, in any order."""
        chunks = []
        for chunk in pair.chunks:
            steps = list(chunk.step_seconds) * 100
            lot.shuffle(steps)
            work = {unit: 100 * amount for unit, amount in chunk.work.items()}
            chunks.append(replace(chunk, seconds=100 * chunk.seconds, step_seconds=tuple(steps), work=work))
        return replace(pair, chunks=tuple(chunks))

    for share in (0.0, 0.01, 0.03):
        measure = drawn(share, lot)
        for name in equal_arms:
            findings, pairs = gate({name: TIME}, measure)
            again = judge({name: [more(pair) for pair in pairs[name]]}, {name: TIME})

            assert verdicts(again) == verdicts(findings)
            assert [finding.p for finding in again] == [finding.p for finding in findings]


def test_no_verdict_looks_at_single_steps():
    """Steps of one process are no independent samples: tests on pooled ones reject two of three equal arms. A chunk is
    summed up by its quick steps, and that is all that is made of them."""
    for path in sorted(JUDGE.rglob("*.py")):
        for attribute, parent in attributes(path):
            if attribute in ("step_seconds", "warmup_seconds"):
                called = getattr(parent.func, "id", "") if isinstance(parent, ast.Call) else ""
                assert called in ("len", "quartile"), f"{path.name} reads the lengths of single steps"
                assert path.name == "effects.py"


def attributes(path):
    """The names of all attributes that a file reads, each with the node that it stands in."""
    tree = ast.parse(path.read_text())
    for parent in ast.walk(tree):
        for child in ast.iter_child_nodes(parent):
            if isinstance(child, ast.Attribute):
                yield child.attr, parent


@pytest.mark.parametrize("count", [1, 6, 9])
def test_pairs_that_all_agree_are_no_better_than_their_number(pairs_of, count):
    effects = [effect(pair, "time") for pair in pairs_of([0.5] * count)]

    assert flip_p(effects) == 2**-count
