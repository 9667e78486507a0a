"""docs/: every metric and counter is explained, and every example runs."""

import json
import os
import re
import shlex
import subprocess
import sys
import threading
import tomllib
from pathlib import Path

import pytest
import yaml

from bench import matrix
from bench.counted import COUNTERS
from bench.gate.pairing import by_case
from bench.gating import Gating
from bench.judge.finding import Judgement
from bench.judge.paired import judge
from bench.metric import METRICS
from bench.pair import read_pairs
from bench.peak_table import load
from bench.rates import value
from bench.run import axes_of
from bench.store import Store
from bench.workload import find
from reports.gate import build, exporter
from reports.plan.plan import SHEETS

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
LADDERS = (
    *("bert:Pretrain", "bert:Finetune", "bert:Classify", "resnet:Classify", "resnet:Train"),
    *("speech:Recognize", "speech:Transcribe"),
)
CI = ("action.yml", "github.yml", "gitlab.yml")
MEASURING = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", MEASURING, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_explained(metric):
    assert f"`{metric}`" in MEASURING


def test_nothing_is_explained_that_is_not_measured():
    rows = re.findall(r"^\| (`[^|]*`) \|", MEASURING, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert named - set(METRICS) == set()


def test_the_example_meter_measures_through_the_command(tmp_path):
    ((_, name, code),) = [block for block in BLOCKS if block[0] == "python"]
    ((_, _, entry),) = [block for block in BLOCKS if block[0] == "toml" and not block[1]]
    (tmp_path / name).write_text(code)
    installed = tmp_path / "wall-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: wall\nVersion: 1.0\n")
    group, meter = re.fullmatch(r'\[project.entry-points."(.+)"\]\n(\w+) = "wall"\n', entry).groups()
    (installed / "entry_points.txt").write_text(f"[{group}]\n{meter} = wall\n")

    done = wattmark_beside_a_plug(tmp_path, "--meter", meter)

    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "store")
    found = value(record, "energy.item")
    assert (found.source, found.scope, found.error) == ("wall meter", "machine", 0.01)
    assert found.value > 0


def test_the_example_of_a_table_of_peaks_is_one(tmp_path):
    ((_, name, text),) = [block for block in BLOCKS if block[0] == "toml" and block[1]]
    (tmp_path / name).write_text(text)

    assert load(tmp_path / name)["NVIDIA B300"]["flops"] == {"fp32": 77e12, "bf16": 2.5e15}


def wattmark_beside_a_plug(folder, *arguments):
    """Runs a small matrix while another program counts joules into a file."""
    (folder / "my.toml").write_text('replicates = 1\nbudget = 0.5\n[[cases]]\nworkload = "toys:Mlp"\nwidth = 1000\n')
    done = threading.Event()

    def count():
        joules = 0.0
        while not done.wait(0.01):
            joules += 1.0
            (folder / "new").write_text(str(joules))
            (folder / "new").replace(folder / "joules.txt")

    plug = threading.Thread(target=count)
    plug.start()
    try:
        paths = os.pathsep.join([str(ROOT / "tests" / "user"), str(folder)])
        command = [sys.executable, "-P", "-m", "bench", "run", "my.toml", *arguments, "-o", "store"]
        environment = {**os.environ, "PYTHONPATH": paths}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    finally:
        done.set()
        plug.join()


def test_the_examples_of_gating_run_as_written(tmp_path):
    text = (DOCS / "gating.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            program, *arguments = shlex.split(line)
            assert program == "wattmark", line
            done = subprocess.run(
                [sys.executable, "-P", "-m", "bench", *arguments], cwd=tmp_path, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


def test_the_examples_of_tuning_run_as_written_and_show_the_ladder(tmp_path):
    text = (DOCS / "tuning.md").read_text(encoding="utf-8")
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            command = [sys.executable, "-P", "-m", "bench", *shlex.split(line)[1:]]
            done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    shown = (tmp_path / "ladder.md").read_text(encoding="utf-8")
    assert all(f"| {variant} |" in shown for variant in ("plain", "packed", "tuned"))


def test_every_rung_is_explained_for_every_workload_that_has_it():
    text = (DOCS / "tuning.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]*) \|", text, re.MULTILINE)

    assert {name for name, _ in rows} == {name for one in LADDERS for name in find(one).RUNGS}
    for one in LADDERS:
        for name in find(one).RUNGS:
            found = [of for rung, of in rows if rung == name]
            family = f"`{one.partition(':')[0]}:*`"
            assert any(f"`{one}`" in of or family in of or of.startswith("all but") for of in found), (one, name)


@pytest.mark.alone  # a percentile takes as many steps as there is time for
def test_the_examples_of_planning_run_as_written(tmp_path):
    text = (DOCS / "planning.md").read_text(encoding="utf-8")
    for kind, name, block in re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        if name:
            (tmp_path / name).write_text(block)
        for line in block.splitlines() if kind == "console" else ():
            done = subprocess.run(
                [sys.executable, "-P", "-m", "bench", *shlex.split(line)[1:]],
                cwd=tmp_path,
                capture_output=True,
                text=True,
            )
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"

    rows = json.loads((tmp_path / "plan.json").read_text())["rows"]
    assert {row["workload"].split(" ")[0]: _answered(row) for row in rows} == {
        "bert:Classify": ("fleet", "devices"),
        "bert:Pretrain": ("training", "training_devices"),
    }


def _answered(row):
    """The number of devices that a row of a plan has: of serving or of training, and never of both."""
    found = [("fleet", "devices"), ("training", "training_devices")]
    (one,) = [(sheet, name) for sheet, name in found if row[sheet][name]["value"] is not None]
    return one


def test_planning_names_every_sheet_of_the_workbook():
    text = (DOCS / "planning.md").read_text(encoding="utf-8")

    rows = re.findall(r"^\| ([A-Z][\w ]+?) \|", text, re.MULTILINE)
    assert rows == ["README", "Inputs", "Measured", "Operating point", *SHEETS, "What if", "Checks"]


def test_the_published_error_rates_are_those_of_the_pairs_beside_them():
    text = (DOCS / "gating.md").read_text(encoding="utf-8")
    gating = ROOT / "tests" / "benchmarks" / "gating"
    code = "import sys, pathlib, judged; print(judged.table(pathlib.Path(sys.argv[1])))"

    made = subprocess.run(
        [sys.executable, "-c", code, str(gating / "data")], cwd=gating, capture_output=True, text=True, check=True
    )

    for table in made.stdout.strip().split("\n\n"):
        assert table in text


def test_the_example_of_a_gate_table_is_one():
    text = (DOCS / "gating.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```toml gated.toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    ((_, gating),) = matrix.gated(matrix.parse(tomllib.loads(example), "gated", axes_of), ["cpu"])

    assert (gating.metrics, gating.margin_of("time"), gating.sequential) == (("time", "memory"), 0.05, True)
    assert {name for name in Gating.__dataclass_fields__ if name in example} == set(Gating.__dataclass_fields__)


def test_the_worked_example_quotes_its_report_and_the_report_its_pairs():
    text = (DOCS / "upgrade.md").read_text(encoding="utf-8")
    judgement = Judgement.from_json((DOCS / "upgrade" / "gate.json").read_text(encoding="utf-8"))
    printed = exporter(Path("terminal")).export(build(judgement)).decode()
    quoted = [
        line[3:]
        for block in re.findall(r"^ +```text\n(.*?)^ +```$", text, re.MULTILINE | re.DOTALL)
        for line in block.splitlines()
    ]
    timed = [finding for finding in judgement.findings if finding.metric == "time.step"]
    pairs = by_case(read_pairs((DOCS / "upgrade" / "pairs.jsonl").read_text(encoding="utf-8"), "pairs.jsonl"))

    assert len(quoted) > 10
    assert [line for line in quoted if line not in printed.splitlines()] == []
    assert {finding.verdict for finding in timed} == {"unchanged"}
    again = judge(pairs, {case: Gating(**judgement.settings[case]) for case in pairs})
    assert sorted((found.case.id, found.low, found.high) for found in again if found.metric == "time.step") == sorted(
        (found.case.id, found.low, found.high) for found in timed
    )


def test_the_worked_examples_margin_lets_its_operators_pass():
    text = (DOCS / "upgrade.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^ +```toml\n(.*?)^ +```$", text, re.MULTILINE | re.DOTALL)
    data = tomllib.loads(table.replace("\n   ", "\n").strip())
    ((_, gating),) = matrix.gated(
        matrix.parse({**data, "cases": [{"workload": "bert:Classify"}]}, "m", axes_of), ["cpu"]
    )
    judgement = Judgement.from_json((DOCS / "upgrade" / "gate.json").read_text(encoding="utf-8"))
    more = [finding.effect for finding in judgement.findings if finding.verdict == "regressed"]

    assert max(more) <= gating.margin_of("operators")


def test_every_counter_is_explained_with_its_tolerance():
    text = (DOCS / "gating.md").read_text(encoding="utf-8")

    assert [name for name in COUNTERS if f"`{name}`" not in text] == []


def test_the_ci_examples_are_what_their_readers_read():
    action, workflow, gitlab = (yaml.safe_load((DOCS / "ci" / name).read_text()) for name in CI)

    assert action["runs"]["using"] == "composite"
    assert all(step.get("shell") == "bash" for step in action["runs"]["steps"] if "run" in step)
    assert {"gate", "history"} == set(workflow["jobs"])
    assert gitlab["performance"]["allow_failure"] == {"exit_codes": 3}
    scripts = [step["run"] for step in action["runs"]["steps"] if "run" in step]
    scripts += [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    scripts += [*gitlab["performance"]["before_script"], *gitlab["performance"]["script"]]
    scripts += [(DOCS / "ci/pre-push").read_text()]
    for script in scripts:
        plain = re.sub(r"\$\{\{.*?\}\}", "x", script)
        done = subprocess.run(["bash", "-n"], input=plain, capture_output=True, text=True)
        assert done.returncode == 0, f"{script}\n{done.stderr}"


@pytest.mark.parametrize(
    ("code", "strict", "ends"), [(0, "false", 0), (1, "false", 1), (3, "false", 0), (3, "true", 3)]
)
def test_the_action_is_red_for_a_regression_and_warns_where_nothing_is_known(tmp_path, code, strict, ends):
    action = yaml.safe_load((DOCS / "ci/action.yml").read_text())
    (script,) = (step["run"] for step in action["runs"]["steps"] if "run" in step)
    fake = tmp_path / "wattmark"
    fake.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\nexit {code}\n')
    fake.chmod(0o755)
    told = {"MATRIX": "m.toml", "BASE": "abc", "ARGUMENTS": "--counters --batch 4", "STRICT": strict}
    own = {**os.environ, **told, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["bash", "-e", "-c", script], env=own, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == ends, done.stderr
    assert (tmp_path / "called").read_text() == "gate m.toml --base abc -o gate --counters --batch 4\n"
    assert ("::warning" in done.stdout) == (code == 3 and strict == "false")
