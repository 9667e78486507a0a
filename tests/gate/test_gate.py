"""Whole gates for real: two directories of sources, counted and measured side by side."""

import json
import sys
import venv

import pytest

from bench import matrix
from bench.engines.talk import Events
from bench.errors import SpecError
from bench.gate.arms import arms
from bench.gate.gate import gate
from bench.gate.pairing import PAIRS, Pairs
from bench.gate.request import Request
from bench.run import axes_of

MODULE = """
import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from workloads import Prepared

@dataclass(frozen=True)
class Step:
    version: ClassVar[int] = {version}
    batch_size: int = 4

    def prepare(self, setup):
        import torch

        {prepare}
        layer = torch.nn.Linear(64, 64)
        x = torch.randn(self.batch_size, 64)
        def step(i):
            with torch.no_grad():
                y = layer(x)
                for _ in range({extra}):
                    y = y @ layer.weight
                return y
        kind = "{kind}" if setup.data == "auto" else setup.data
        inputs = {{"kind": kind, "name": "normal", "sha256": "{inputs}" if kind == "generated" else "f" * 64}}
        return Prepared(step, [{{"row": self.batch_size}}], inputs, {{"parameters": 64 * 65, "weights": "random"}})
"""
PLAIN = {"version": 1, "prepare": "pass", "extra": 0, "kind": "generated", "inputs": "0" * 64}


class Silent:
    """Counts what it is told, and stops the gate after so many pairs."""

    def __init__(self, stop_after=None):
        self.pairs = 0
        self._stop = stop_after

    def say(self, text): ...

    def needs(self, needed): ...

    def begin_pair(self, case, stage): ...

    def end_pair(self, pair, disturbed):
        self.pairs += 1
        if self.pairs == self._stop:
            raise KeyboardInterrupt


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Gates two directories whose module differs in what is said of base and head."""

    def run(base=None, head=None, mode="counters", progress=None, interpreter=None, **options):
        folders = []
        for name, parts in (("base", base), ("head", head)):
            folder = tmp_path / name
            folder.mkdir(exist_ok=True)
            (folder / "mine.py").write_text(MODULE.format(**{**PLAIN, **(parts or {})}))
            folders.append(folder)
        monkeypatch.chdir(folders[1])
        monkeypatch.syspath_prepend(str(folders[1]))
        data = {"gate": {"pairs": 4, "seconds": 0.05, "metrics": ["time"]}, "cases": [{"workload": "mine:Step"}]}
        kept = tmp_path / "kept"
        kept.mkdir(exist_ok=True)
        with arms(interpreter or str(folders[0]), str(folders[1])) as both:
            plan = matrix.parse(data, "mine", axes_of)
            request = Request(both.places, plan, ["cpu"], kept, "wattmark gate", 1, mode, timeout=120, **options)
            return gate(request, progress or Silent())

    return run


def verdicts(judgement):
    return {finding.metric: finding.verdict for finding in judgement.findings}


def test_the_same_code_counts_the_same(compare):
    judgement = compare()

    assert set(verdicts(judgement).values()) == {"unchanged"}
    assert {"operators", "parameters", "allocated.step"} <= set(verdicts(judgement))
    assert judgement.exit_code == 0


def test_more_operators_are_a_regression_with_its_cause(compare):
    judgement = compare(head={"extra": 6})

    assert verdicts(judgement)["operators"] == "regressed"
    assert judgement.findings[0].reasons == ("operators: new: aten.mm.default 6.",)
    assert judgement.exit_code == 1


def test_fewer_operators_are_an_improvement_and_pass(compare):
    judgement = compare(base={"extra": 6})

    assert verdicts(judgement)["operators"] == "improved"
    assert judgement.exit_code == 0


@pytest.mark.parametrize(("field", "value"), [("version", 2), ("inputs", "1" * 64)])
def test_another_computation_is_not_compared(compare, field, value):
    judgement = compare(head={field: value})

    assert [finding.verdict for finding in judgement.findings] == ["incomparable"]
    assert str(value)[:12] in judgement.findings[0].reasons[0]
    assert judgement.exit_code == 3


def test_packages_that_differ_are_what_is_gated_and_are_named(compare, tmp_path):
    """The base's interpreter has all that this one has, and another version of tokenizers before it."""
    venv.create(tmp_path / "older", symlinks=True)
    (site,) = (tmp_path / "older" / "lib").glob("python*/site-packages")
    (site / "here.pth").write_text("\n".join(path for path in sys.path if "site-packages" in path))
    made = site / "tokenizers-0.1.dist-info"
    made.mkdir()
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: tokenizers\nVersion: 0.1\n")

    judgement = compare(interpreter=str(tmp_path / "older"))

    (note,) = [note for note in judgement.notes if note.startswith("Gated is what differs")]
    assert "libraries.tokenizers is 0.1 in base and" in note
    assert "transformers" not in note
    assert set(verdicts(judgement).values()) == {"unchanged"}
    assert not any(note.startswith("Gated is") for note in compare().notes)


@pytest.mark.parametrize("poor", ["base", "head"])
def test_both_arms_get_generated_inputs_where_one_has_no_real_ones(compare, poor):
    judgement = compare(**{("head" if poor == "base" else "base"): {"kind": "real"}})

    assert set(verdicts(judgement).values()) == {"unchanged"}
    assert {finding.case.data for finding in judgement.findings} == {"generated"}
    assert {finding.case.id for finding in judgement.findings} <= set(judgement.settings)
    assert f"The environment of {poor} has no real inputs" in judgement.notes[-1]


def test_real_inputs_of_both_arms_stay_and_generated_ones_that_differ_are_refused(compare):
    real = compare(base={"kind": "real"}, head={"kind": "real"})
    other = compare(base={"kind": "real"}, head={"inputs": "1" * 64})

    assert {finding.case.data for finding in real.findings} == {"auto"}
    assert not any("generated" in note for note in real.notes)
    assert [finding.verdict for finding in other.findings] == ["incomparable"]
    assert "SHA-256 111111111111 in head" in other.findings[0].reasons[0]


def test_a_head_that_breaks_is_a_regression(compare):
    judgement = compare(head={"prepare": "raise KeyError('the cat ate it')"})

    assert [finding.verdict for finding in judgement.findings] == ["regressed"]
    assert judgement.findings[0].reasons == ("head failed: KeyError: 'the cat ate it'",)
    assert judgement.exit_code == 1


def test_a_base_that_breaks_says_nothing_of_head(compare):
    judgement = compare(base={"prepare": "raise KeyError('the cat ate it')"})

    assert [finding.verdict for finding in judgement.findings] == ["incomparable"]
    assert judgement.exit_code == 3


def test_a_case_that_neither_supports_is_told_and_is_not_green(compare):
    judgement = compare(*[{"prepare": "raise NotImplementedError('no frobnicator')"}] * 2)

    assert judgement.findings == ()
    assert "no frobnicator" in judgement.notes[-1]
    assert judgement.exit_code == 3


def test_an_interrupted_gate_goes_on_and_keeps_and_judges_every_pair(compare, tmp_path, monkeypatch):
    hear, file = Events.next, tmp_path / "kept" / PAIRS

    def interrupted(self, timeout):
        facts = hear(self, timeout)
        if facts and facts["event"] == "chunk":
            raise KeyboardInterrupt
        return facts

    with monkeypatch.context() as patched:  # within the first pair, which says nothing then
        patched.setattr(Events, "next", interrupted)
        with pytest.raises(KeyboardInterrupt):
            compare(mode="paired")
    assert not file.exists() or not file.read_text()

    with pytest.raises(KeyboardInterrupt):
        compare(mode="paired", progress=Silent(stop_after=2))
    before = file.read_text()
    assert len(before.splitlines()) == 2
    file.write_text(before + '{"schema": "wattmark.pair/1", "ca')  # as a power cut leaves it

    judgement = compare(mode="paired")
    assert file.read_text().startswith(before)
    assert all(json.loads(line)["schema"] == "wattmark.pair/1" for line in file.read_text().splitlines())
    kept = Pairs(tmp_path / "kept").all
    assert "time.step" in verdicts(judgement)
    assert len(kept) >= 4
    assert {pair.case.workload for pair in kept} == {"mine:Step"}
    assert judgement.settings[kept[0].case.id]["pairs"] == 4


def test_models_that_do_not_fit_beside_each_other_are_gated_in_turn(compare, tmp_path):
    alone = f"""
        held = Path({str(tmp_path / "held")!r})
        if held.exists() and held.read_text() != str(os.getpid()) and Path("/proc", held.read_text()).exists():
            raise MemoryError("the other model has it all")
        held.write_text(str(os.getpid()))
    """
    judgement = compare(*[{"prepare": alone.strip()}] * 2, mode="paired")

    assert any("did not fit beside each other" in note for note in judgement.notes)
    assert judgement.findings[-1].pairs + judgement.findings[-1].dropped >= 4


def test_a_largest_batch_is_not_gated(compare, monkeypatch):
    monkeypatch.setattr(matrix, "searches", lambda *arguments: [type("Case", (), {"workload": "mine:Step"})])

    with pytest.raises(SpecError, match="a batch size of max cannot be gated"):
        compare()
