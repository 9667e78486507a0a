"""The main job for real: the command, its exit codes, what it keeps, and how it goes on after being stopped."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from bench.case import Case
from bench.errors import SpecError
from bench.run import choose, order
from bench.store import Store

USER = Path(__file__).parent / "user"

MATRIX = """
replicates = 2
budget = 0.05
timeout = 60
[[cases]]
workload = "toys:Mlp"
precision = ["fp32", "tf32"]
batch_size = [2, 4]
"""


@pytest.fixture
def wattmark(tmp_path):
    """Runs the command in a folder of its own, where a user's workloads are on the path."""

    def call(*arguments, **options):
        return subprocess.run(
            command(*arguments), cwd=tmp_path, env=environment(), capture_output=True, text=True, **options
        )

    (tmp_path / "my.toml").write_text(MATRIX)
    return call


def command(*arguments):
    return [sys.executable, "-P", "-m", "bench", *arguments]


def environment():
    return {**os.environ, "PYTHONPATH": str(USER), "COLUMNS": "200"}


def records(store):
    return {(r.case.workload, r.case.precision, r.case.batch_size): r for r in Store(store)}


def test_a_matrix_becomes_records_a_report_and_exit_code_0(wattmark, tmp_path):
    done = wattmark("run", "my.toml", "-o", "store", "--seed", "7")

    assert done.returncode == 0, done.stderr
    found = records(tmp_path / "store")
    assert {key: record.status for key, record in found.items()} == {
        ("toys:Mlp", precision, size): "unsupported" if precision == "tf32" else "ok"
        for precision in ("fp32", "tf32")
        for size in (2, 4)
    }
    assert len(found["toys:Mlp", "fp32", 2].replicates) == 2
    assert found["toys:Mlp", "fp32", 2].counters["operators"]["value"] == 2  # x @ w.T + b
    for name in ("report.html", "plan.xlsx", "rows.csv", "report.md"):
        assert (tmp_path / "store" / name).stat().st_size > 500
        assert name in done.stderr
    assert "toys:Mlp" in done.stdout


def test_what_went_wrong_is_a_row_the_rest_goes_on_and_the_exit_code_says_so(wattmark, tmp_path):
    faults = ("-w", "toys:Faulty", "--set", "fault=oom,unsupported,raise,segv,none", "--replicates", "1")
    done = wattmark("run", "my.toml", *faults, "-o", "store")

    found = {record.case.parameters["fault"]: record for record in Store(tmp_path / "store")}
    assert {fault: record.status for fault, record in found.items()} == {
        "oom": "oom",
        "unsupported": "unsupported",
        "raise": "failed",
        "segv": "crashed",
        "none": "ok",
    }
    assert "the cat ate it" in found["raise"].replicates[0].stderr
    assert done.returncode == 1


def test_oom_and_unsupported_are_answers_and_not_failures(wattmark):
    faults = ("-w", "toys:Faulty", "--set", "fault=oom,unsupported", "--replicates", "1")

    assert wattmark("run", "my.toml", *faults, "-o", "store").returncode == 0


def test_a_larger_batch_after_an_oom_is_recorded_and_not_run(wattmark, tmp_path):
    sizes = ("--batch", "4", "--batch", "8", "--batch", "9")
    wattmark("run", "my.toml", "-w", "toys:Limited", *sizes, "--precision", "fp32", "-o", "store", "--seed", "1")

    found = {record.case.batch_size: record for record in Store(tmp_path / "store")}
    assert [found[size].status for size in (4, 8, 9)] == ["ok", "oom", "oom"]
    assert sum(len(found[size].replicates) for size in (8, 9)) >= 1


def test_max_finds_the_largest_batch_and_keeps_the_failures_on_the_way(wattmark, tmp_path):
    done = wattmark("run", "my.toml", "-w", "toys:Limited", "--batch", "max", "--precision", "fp32", "-o", "store")

    found = {record.case.batch_size: record.status for record in Store(tmp_path / "store")}
    assert done.returncode == 0, done.stderr
    assert found == {5: "ok", 6: "oom", 8: "oom"}

    search = ("-w", "toys:Limited", "--batch", "max", "--precision", "fp32", "-o", "store", "--resume")
    again = wattmark("run", "my.toml", *search)

    assert again.returncode == 0, again.stderr
    assert [len(record.replicates) for record in Store(tmp_path / "store")] == [2, 1, 1]


def test_resuming_a_run_that_was_stopped_before_it_began_begins_it(wattmark, tmp_path):
    done = wattmark("run", "my.toml", "--precision", "fp32", "--batch", "2", "-o", "store", "--resume")

    assert done.returncode == 0, done.stderr
    assert [record.status for record in Store(tmp_path / "store")] == ["ok"]


def heed_ctrl_c():
    """What a shell starts in the background ignores it, and so would all that these tests start then."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def test_an_interrupted_run_keeps_all_and_says_how_to_go_on_and_resume_does_only_the_rest(wattmark, tmp_path):
    arguments = ("run", "my.toml", "--precision", "fp32", "--replicates", "8", "-o", "store")
    process = subprocess.Popen(
        command(*arguments), cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    )
    store, deadline = tmp_path / "store", time.monotonic() + 60
    while not any(r.replicates for r in Store(store)) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=30)

    assert process.returncode == 130, stderr
    assert "--resume" in stderr
    before = {r.case.id: {one.index: one.started for one in r.replicates} for r in Store(store)}
    assert 0 < sum(map(len, before.values())) < 16

    done = wattmark(*arguments, "--resume")

    assert done.returncode == 0, done.stderr
    assert {record.run.id for record in Store(store)} == {next(iter(Store(store))).run.id}
    assert len(list(Store(store))) == 2
    for record in Store(store):
        assert (record.status, len(record.replicates)) == ("ok", 8)
        kept = before.get(record.case.id, {})
        assert {one.index: one.started for one in record.replicates}.items() >= kept.items()


def test_resuming_in_another_environment_is_refused(wattmark, tmp_path):
    wattmark("run", "my.toml", "--precision", "fp32", "--batch", "2", "-o", "store")

    done = wattmark("run", "my.toml", "--precision", "fp32", "-o", "store", "--resume", "--allocator", "system")

    assert done.returncode == 2
    assert "another allocator" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "nowhere"], "full, peaks, quick, smoke"),
        (["run", "my.toml", "--device", "cuda:7"], "--device cuda:7: not here; auto or one of cpu"),
        (["run", "my.toml", "--precision", "fp9"], "precision 'fp9'; one of fp32, tf32, bf16, fp16, bf16-pure"),
        (["run", "my.toml", "--set", "size"], "--set size: needs the form AXIS=VALUE"),
        (["run", "my.toml", "--set", "depth=3"], "no workload of this matrix has the axis 'depth'"),
        (["run", "my.toml", "--set", "width=0"], "width = 0; 1 or more is needed"),
        (["run", "my.toml", "--batch", "lots"], "batch size 'lots'; a whole number above 0, or max"),
        (["run", "my.toml", "--replicates", "0"], "--replicates"),
        (["run", "my.toml", "--data", "/no/where"], "--data /no/where: no such folder"),
        (["run", "my.toml", "--model", "/no/where"], "--model /no/where: no such folder"),
        (["run", "my.toml", "--meter", "crystal"], "--meter crystal: no such meter; one of amd, apple, nvml"),
        (["run", "my.toml", "--engine", "steam"], "--engine steam: no such engine; one of local"),
        (["run", "my.toml", "--allocator", "mine"], "--allocator mine: one of pinned, system"),
        (["run", "my.toml", "-w", "bert:Write"], "it has bert:Pretrain, bert:Finetune, bert:Classify"),
        (["run", "my.toml", "-o", "my.toml"], "-o my.toml: cannot be written"),
        (["run", "my.toml", "--resume"], "--resume: there is no store under results/"),
        (["run", "--no-such-option"], "--no-such-option"),
        (["report", "nowhere"], "nowhere: no such store"),
        (["list", "sandwiches"], "list sandwiches: one of all, workloads, matrices, meters, devices"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2_and_nothing_runs(wattmark, tmp_path, arguments, words):
    done = wattmark(*arguments)

    mistakes = [line for line in done.stderr.splitlines() if line.startswith("wattmark:")]
    assert done.returncode == 2
    assert len(mistakes) == 1
    assert words in mistakes[0]
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("results/*"))


def test_json_on_stdout_is_one_document(wattmark):
    done = wattmark("run", "my.toml", "--precision", "fp32", "--batch", "2", "-o", "store", "--json")

    assert json.loads(done.stdout)["schema"].startswith("wattmark.report/")


def test_the_order_is_rounds_of_all_cases_shuffled_by_the_seed():
    cases = [Case("toys:Mlp", "cpu", "fp32", size) for size in range(1, 21)]

    rounds = [[case for case, index in order(cases, 3, seed=1) if index == number] for number in range(3)]

    assert all(sorted(one, key=lambda c: c.batch_size) == cases for one in rounds)
    assert len({tuple(case.id for case in one) for one in rounds}) == 3
    assert list(order(cases, 3, seed=1)) == list(order(cases, 3, seed=1))
    assert list(order(cases, 3, seed=1)) != list(order(cases, 3, seed=2))


def test_auto_is_every_device_and_cuda_alone_is_the_first():
    assert choose((), ["cpu", "cuda:0", "cuda:1"]) == ["cpu", "cuda:0", "cuda:1"]
    assert choose(["cuda"], ["cpu", "cuda:0", "cuda:1"]) == ["cuda:0"]
    assert choose(["cpu", "auto"], ["cpu", "mps"]) == ["cpu", "mps"]
    with pytest.raises(SpecError, match="not here"):
        choose(["cuda:2"], ["cpu", "cuda:0"])


def test_what_a_run_writes_follows_the_published_schema(wattmark, tmp_path):
    faults = ("-w", "toys:Faulty", "--set", "fault=oom,segv,none", "--replicates", "1")
    wattmark("run", "my.toml", *faults, "--precision", "fp32", "-o", "store")

    schema = json.loads((resources.files("bench") / "record.schema.json").read_text())
    written = [json.loads(path.read_text()) for path in (tmp_path / "store").glob("*.record.json")]
    assert len(written) == 3
    for record in written:
        jsonschema.validate(record, schema)


def test_the_record_has_the_settings_as_the_workload_left_them(wattmark, tmp_path):
    (tmp_path / "my.toml").write_text('replicates = 1\nbudget = 0.05\n[[cases]]\nworkload = "toys:Resetting"\n')
    done = wattmark("run", "my.toml", "--device", "cpu", "-o", "store")
    assert done.returncode == 0, done.stderr

    (record,) = Store(tmp_path / "store")

    assert record.replicates[0].precision["fp32_precision"]["cuda.matmul"] == "tf32"


VARIANTS = """
replicates = 1
budget = 0.05
[[cases]]
workload = "bert:Classify"
size = "tiny"
sequence_length = 256
batch_size = 2
"""


def test_a_variant_is_kept_with_the_rungs_that_ran_and_its_gain_over_plain(wattmark, tmp_path):
    (tmp_path / "my.toml").write_text(VARIANTS)
    arguments = ("--variant", "plain,tuned", "--data", "generated", "--device", "cpu", "-o", "store")
    done = wattmark("run", "my.toml", *arguments)
    assert done.returncode == 0, done.stderr

    plain, tuned = sorted(Store(tmp_path / "store"), key=lambda one: "variant" in one.case.parameters)

    assert "rungs" not in plain.model
    assert list(tuned.model["rungs"]) == ["packed"]
    assert tuned.inputs == plain.inputs
    assert plain.replicates[0].readings["time.compile"].reason == "nothing was compiled"
    schema = json.loads(resources.files("bench").joinpath("record.schema.json").read_text())
    jsonschema.validate(json.loads(tuned.to_json()), schema)
    assert wattmark("report", "store", "-o", "report.json").returncode == 0
    rows = json.loads((tmp_path / "report.json").read_text())["cases"]
    assert sorted(row["speedup"]["note"] == "this is the plain fp32 case" for row in rows) == [False, True]


def test_an_unknown_rung_is_one_line_and_exit_code_2(wattmark):
    done = wattmark("run", "-w", "resnet:Train", "--variant", "quick", "-o", "store")

    assert done.returncode == 2
    assert "variant 'quick': must be plain, tuned, or some of fused, channels_last, compile" in done.stderr
