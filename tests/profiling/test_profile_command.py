"""`wattmark profile` and `wattmark run --profile` for real; TensorBoard and its profiler plugin read their traces."""

import gzip
import json
import os
import re
import shlex
import subprocess
import sys
import time
import urllib.request
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from bench.profile import profile_of, why_none
from bench.store import Store

USER = Path(__file__).parents[1] / "user"
DOCS = (Path(__file__).parents[2] / "docs" / "profiling.md").read_text()
SCHEMA = json.loads((resources.files("bench") / "record.schema.json").read_text())

MATRIX = """
replicates = 1
budget = 0.05
timeout = 60
[[cases]]
workload = "toys:Faulty"
fault = ["none", "segv"]
"""


def wattmark(folder, *arguments):
    path = os.pathsep.join([str(USER), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "bench", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def profiled(tmp_path_factory):
    """A folder with the store of the documented profile, and what the command said."""
    folder = tmp_path_factory.mktemp("profiled")
    _, *arguments = shlex.split(re.search(r"^```console\n(.*)\n```", DOCS, re.MULTILINE)[1])
    return folder, wattmark(folder, *arguments)


def test_a_profile_is_printed_kept_in_a_record_and_its_trace_beside_it(profiled):
    folder, done = profiled

    assert done.returncode == 0, done.stderr
    for words in (
        "forward",
        "backward",
        "optimizer",
        "Top operators",
        "aten::mm",
        "Memory at the peak",
        "Not profiled",
    ):
        assert words in done.stdout
    [record] = Store(folder / "store")
    assert (record.status, record.reason, record.samples) == (
        "interrupted",
        "profiled only, nothing is measured yet",
        (),
    )
    profile = profile_of(record)
    assert re.fullmatch(rf"traces/{record.case.id}\.\d{{13}}\.pt\.trace\.json\.gz", profile.trace)
    assert (folder / "store" / profile.trace).exists()
    assert f"trace   store/{profile.trace}" in done.stderr
    jsonschema.validate(json.loads(record.to_json()), SCHEMA)


def test_a_measured_case_is_profiled_afterwards_and_keeps_what_was_measured(tmp_path):
    (tmp_path / "my.toml").write_text(MATRIX)
    wattmark(tmp_path, "run", "my.toml", "--device", "cpu", "--set", "fault=none", "-o", "store")
    [before] = Store(tmp_path / "store")

    done = wattmark(tmp_path, "profile", "store", before.case.id, "--json")

    [after] = Store(tmp_path / "store")
    assert done.returncode == 0, done.stderr
    [printed] = json.loads(done.stdout)
    assert printed == {"run": before.run.id, "case": before.case.id, "profile": after.profile}
    assert (after.status, after.replicates, after.run) == ("ok", before.replicates, before.run)


def test_a_run_profiles_what_was_measured_well_and_only_that(tmp_path):
    (tmp_path / "my.toml").write_text(MATRIX)

    wattmark(tmp_path, "run", "my.toml", "--device", "cpu", "-o", "store", "--profile")

    found = {record.case.parameters["fault"]: record for record in Store(tmp_path / "store")}
    assert profile_of(found["none"]).steps == 3
    assert len(found["none"].replicates) == 1
    assert found["segv"].profile is None
    assert "Top operators" in (tmp_path / "store" / "report.html").read_text()


def test_a_run_without_the_option_profiles_nothing(tmp_path):
    (tmp_path / "my.toml").write_text(MATRIX)

    wattmark(tmp_path, "run", "my.toml", "--device", "cpu", "--set", "fault=none", "-o", "store")

    [record] = Store(tmp_path / "store")
    assert record.profile is None
    assert not (tmp_path / "store" / "traces").exists()
    assert "Top operators" not in (tmp_path / "store" / "report.html").read_text()


def test_what_dies_while_it_is_profiled_is_told_and_no_reason_to_die_with_it(tmp_path):
    done = wattmark(tmp_path, "profile", "toys:Faulty", "--device", "cpu", "--set", "fault=segv", "-o", "store")

    assert done.returncode == 1
    assert "Not profiled: crashed: killed by SIGSEGV." in done.stdout
    [record] = Store(tmp_path / "store")
    assert why_none(record) == "crashed: killed by SIGSEGV"
    jsonschema.validate(json.loads(record.to_json()), SCHEMA)


def test_what_cannot_be_profiled_for_want_of_support_is_an_answer(tmp_path):
    done = wattmark(tmp_path, "profile", "toys:Faulty", "--device", "cpu", "--set", "fault=unsupported", "-o", "store")

    assert done.returncode == 0
    assert "Not profiled: unsupported: NotImplementedError: this device has no frobnicator." in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere:Model"], "no module workloads.nowhere or nowhere"),
        (["nowhere", "case"], "there is no store nowhere"),
        (["store", "sandwich"], "is not one case; name one of toys-Mlp_cpu_fp32"),
        (["store", "--batch", "3"], "is profiled as it was measured"),
        (["toys:Mlp", "--set", "depth=3"], "has the axis 'depth'"),
        (["toys:Mlp", "-o", "store"], "holds records"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(tmp_path, record, arguments, words):
    Store(tmp_path / "store").write(record())

    done = wattmark(tmp_path, "profile", *arguments)

    assert done.returncode == 2
    assert done.stderr.startswith("wattmark: ")
    assert len(done.stderr.splitlines()) == 1
    assert words in done.stderr


def test_torch_tb_profiler_reads_the_trace_and_finds_the_same_operators(profiled, tmp_path):
    loading = pytest.importorskip("torch_tb_profiler.profiler.loader")
    from torch_tb_profiler.profiler.data import RunProfileData
    from torch_tb_profiler.profiler.run_generator import RunGenerator

    folder, _ = profiled
    [record] = Store(folder / "store")
    profile = profile_of(record)
    path = folder / "store" / profile.trace
    worker, span = loading.consts.WORKER_PATTERN.match(path.name).groups()[:2]
    assert (worker, span[1:].isdigit()) == (record.case.id, True)

    data = RunProfileData.parse(worker, 1, str(path), str(tmp_path))
    found = RunGenerator(worker, 1, data).generate_run_profile()

    assert {view.display_name for view in found.views} >= {"Overview", "Operator", "Trace", "Memory"}
    assert len(found.overview["steps"]["rows"]) == profile.steps
    theirs = {one["name"]: one for one in found.operation_table_by_name["data"]}
    for one in profile.operators:
        if one.name.startswith("aten::"):
            assert theirs[one.name]["calls"] == one.calls
            # They round each call to a microsecond.
            assert theirs[one.name]["host_self_duration"] == pytest.approx(one.self_seconds * 1e6, abs=2 * one.calls)


def test_tensorboard_serves_the_profile(profiled, tmp_path):
    pytest.importorskip("torch_tb_profiler")
    folder, _ = profiled
    [record] = Store(folder / "store")
    log = tmp_path / "log"
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder / "store"), "--port", "0"]
    with log.open("wb") as file:
        server = subprocess.Popen([*command, "--host", "127.0.0.1"], stdout=file, stderr=file)
    try:
        root = _until(lambda: re.search(r"http://127\.0\.0\.1:\d+/", log.read_text()))[0]
        plugin = f"{root}data/plugin/pytorch_profiler/"
        _until(lambda: not _get(f"{plugin}runs")["loading"] and _get(f"{plugin}runs")["runs"])
        assert _get(f"{plugin}runs")["runs"] == ["traces"]
        assert _get(f"{plugin}workers?run=traces&view=Overview") == [record.case.id]
        about = f"run=traces&worker={record.case.id}&span=1"
        table = _get(f"{plugin}operation/table?{about}&group_by=Operation")
        assert "aten::mm" in {row["name"] for row in table["data"]}
        assert len(_get(f"{plugin}overview?{about}")["steps"]["rows"]) == 3
    finally:
        server.terminate()
        server.wait()


def test_perfetto_s_format_is_kept(profiled):
    """What its importer of JSON needs: one object with events, each with a phase and, but for metadata, a time."""
    folder, _ = profiled
    [record] = Store(folder / "store")

    document = json.loads(gzip.decompress((folder / "store" / profile_of(record).trace).read_bytes()))

    assert isinstance(document["traceEvents"], list)
    for event in document["traceEvents"]:
        assert {"ph", "name", "pid", "tid"} <= event.keys()
        assert event["ph"] != "X" or event["dur"] >= 0


def _until(found, seconds=120):
    """What comes of a call, tried again until it is something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        result = found()
        if result:
            return result
        time.sleep(0.3)
    raise TimeoutError


def _get(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        content = answer.read()
        return json.loads(gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content)
