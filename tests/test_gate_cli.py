"""The command `wattmark gate` and its kin: exit codes, files, what CI is told, and mistakes."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

USER = Path(__file__).parent / "user"
MATRIX = '[[cases]]\nworkload = "toys:Changed"\n'


@pytest.fixture
def wattmark(tmp_path):
    """Runs the command in a folder that has a user's workloads, and the matrix `mine.toml`."""
    shutil.copy(USER / "toys.py", tmp_path)
    (tmp_path / "mine.toml").write_text(MATRIX)

    def call(*arguments, **environment):
        command = [sys.executable, "-P", "-m", "bench", *map(str, arguments)]
        own = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
        return subprocess.run(command, cwd=tmp_path, env={**own, **environment}, capture_output=True, text=True)

    return call


def slower(folder):
    """A copy of the user's sources in which the toy does six products more."""
    other = folder / "before"
    other.mkdir()
    text = (USER / "toys.py").read_text()
    assert "extra: int = 0" in text
    # Fewer in base is more in head.
    (other / "toys.py").write_text(text)
    (folder / "toys.py").write_text(text.replace("for _ in range(self.extra", "for _ in range(6 + self.extra"))
    return other


def test_a_regression_is_red_in_every_face(wattmark, tmp_path):
    base = slower(tmp_path)
    told = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    done = wattmark("gate", "mine.toml", "--base", base, "--counters", "-o", "out", **told)

    assert done.returncode == 1, done.stderr
    assert json.loads((tmp_path / "out/gate.json").read_text())["exit_code"] == 1
    assert ET.parse(tmp_path / "out/junit.xml").find(".//failure") is not None
    assert "aten.mm.default" in (tmp_path / "out/gate.md").read_text()
    assert "aten.mm.default" in (tmp_path / "out/gate.html").read_text()
    assert (tmp_path / "summary").read_bytes() == (tmp_path / "out/gate.md").read_bytes()
    assert "::error" in done.stdout


def test_the_same_code_passes_and_json_is_the_judgement(wattmark, tmp_path):
    done = wattmark("gate", "mine.toml", "--base", ".", "--counters", "-o", "out", "--json")

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == json.loads((tmp_path / "out/gate.json").read_text())
    assert "::" not in done.stdout


def test_a_baseline_is_accepted_shown_and_gated_against(wattmark, tmp_path):
    run = ("run", "mine.toml", "--replicates", "1", "--budget", "0.05")
    assert wattmark(*run, "-o", "first").returncode == 0
    assert wattmark("baseline", "accept", "first", "--reason", "the first one").returncode == 0

    shown = wattmark("baseline", "show")
    assert "the first one" in shown.stdout
    assert json.loads(wattmark("baseline", "show", "--json").stdout)[0]["reason"] == "the first one"

    same = wattmark("gate", "mine.toml", "--base", "baseline", "--counters", "-o", "same")
    assert same.returncode == 0, same.stdout + same.stderr
    slower(tmp_path)
    assert wattmark("gate", "mine.toml", "--base", "baseline", "--counters", "-o", "other").returncode == 1


def test_a_case_that_only_the_baseline_has_is_not_green(wattmark, tmp_path):
    run = ("run", "mine.toml", "--replicates", "1", "--budget", "0.05")
    assert wattmark(*run, "--batch", "4", "--batch", "8", "-o", "baseline").returncode == 0

    whole = wattmark("gate", "mine.toml", "--base", "baseline", "--counters", "-o", "whole")
    assert whole.returncode == 3
    assert "The head has no such case" in whole.stdout
    chosen = wattmark("gate", "mine.toml", "--base", "baseline", "--counters", "--batch", "4", "-o", "chosen")
    assert chosen.returncode == 0, chosen.stdout


def test_two_stores_are_compared_and_their_times_prove_nothing(wattmark, tmp_path):
    for store in ("first", "second"):
        assert wattmark("run", "mine.toml", "--replicates", "2", "--budget", "0.05", "-o", store).returncode == 0

    done = wattmark("gate", "first", "second", "-o", "out", "--json")
    found = {finding["metric"]: finding["verdict"] for finding in json.loads(done.stdout)["findings"]}

    assert done.returncode == 3
    assert found["time.step"] in ("inconclusive", "suspect")
    assert found["operators"] == "unchanged"
    assert wattmark("gate", "--history", ".", "--json").returncode == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gate"], "needs --base and a matrix, or two stores"),
        (["gate", "mine.toml"], "needs --base and a matrix, or two stores"),
        (["gate", "a", "b", "--base", "."], "--base compares on one matrix, not on a, b"),
        (["gate", "a", "b", "--head", "."], "needs --base and a matrix"),
        (["gate", "nowhere", "elsewhere"], "nowhere: no such store"),
        (["gate", "--history", "nowhere"], "--history nowhere: holds no *.record.json file at any depth"),
        (["gate", "mine.toml", "--history", "."], "--history: reads stored runs only"),
        (["gate", "no-such-matrix", "--base", "."], "matrix 'no-such-matrix': no such file or name"),
        (["gate", "mine.toml", "--base", "no-such-revision"], "--base no-such-revision"),
        (["gate", "mine.toml", "--base", ""], "--base is empty"),
        (["gate", "mine.toml", "--base", ".", "--resume"], "--resume: there are no pairs"),
        (["gate", "mine.toml", "--base", ".", "--calibration", "none.json"], "--calibration none.json: no such file"),
        (["gate", "mine.toml", "--base", ".", "--calibration", "mine.toml"], "mine.toml: not a calibration"),
        (["gate", "mine.toml", "--base", ".", "--device", "cuda:7"], "--device cuda:7: not here"),
        (["baseline", "accept", "nowhere", "--reason", "x"], "nowhere: no such store"),
        (["baseline", "show"], "baseline: no such store"),
        (["aa", "no-such-matrix"], "matrix 'no-such-matrix'"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(wattmark, arguments, message):
    done = wattmark(*arguments)

    assert done.returncode == 2, done.stdout + done.stderr
    assert message in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_a_gate_does_not_write_over_the_pairs_of_another(wattmark, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/pairs.jsonl").write_text("")
    done = wattmark("gate", "mine.toml", "--base", ".", "-o", "out")

    assert done.returncode == 2
    assert "holds the pairs of another gate; go on with it by --resume" in done.stderr


def test_a_store_is_no_base_for_times(wattmark, tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old/x.record.json").write_text("{}")
    done = wattmark("gate", "mine.toml", "--base", "old")

    assert done.returncode == 2
    assert "only --counters can be gated against one" in done.stderr


def test_calibrating_goes_on_where_it_stopped_and_a_gate_reads_it(wattmark, tmp_path):
    matrix = '[gate]\npairs = 4\nseconds = 0.05\nmetrics = ["time"]\n' + MATRIX
    (tmp_path / "mine.toml").write_text(matrix)
    for gates in (1, 2):
        done = wattmark("aa", "mine.toml", "--gates", "1", "-o", "cal", "--json")
        assert done.returncode == 0, done.stderr
        (case,) = json.loads(done.stdout)["cases"]
        assert case["gates"] == gates
        assert case["regressed"] <= gates
        assert case["bound"] == pytest.approx(1 - 0.05 ** (1 / gates)) or case["regressed"]
    assert len(list((tmp_path / "cal").glob("gate-*/pairs.jsonl"))) == 2

    known = json.loads((tmp_path / "cal/calibration.json").read_text())
    known["cases"][0]["smallest"] = 0.5  # a machine that sees nothing smaller
    (tmp_path / "cal/calibration.json").write_text(json.dumps(known))
    found = wattmark("gate", "mine.toml", "--base", ".", "--calibration", "cal/calibration.json", "--json", "-o", "out")
    times = [one for one in json.loads(found.stdout)["findings"] if one["metric"] == "time.step"]
    assert [one["gateable"] for one in times] == [False]
    assert found.returncode == 0  # what was counted is equal, and the time is beyond this machine
