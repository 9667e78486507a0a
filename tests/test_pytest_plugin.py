"""The pytest face for real: pytest in a process of its own, in a folder of its own, on toy workloads."""

import importlib.util
import inspect
import json
import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
import pytest_benchmark.fixture
import pytest_benchmark.hookspec
import pytest_benchmark.session
import pytest_benchmark.stats

from bench.case import Case
from bench.metric import METRICS
from bench.pytest_plugin.cases import name
from bench.pytest_plugin.entry import ALWAYS, Source, differences, extra_info
from bench.rates import value
from bench.store import Store

ROOT = Path(__file__).parents[1]
# Where Wattmark was installed before it had this entry point, pytest is told of the plugin by its module's name.
KNOWN = any(entry.name == "wattmark" for entry in metadata.entry_points(group="pytest11"))
PLUGIN = () if KNOWN else ("-p", "bench.pytest_plugin")

SETTINGS = "replicates = 2\nbudget = 0.05\ntimeout = 60\n"
CASES = """
[[cases]]
workload = "toys:Mlp"
batch_size = [2, 4]
width = [64, 32]
"""
FAULTS = """
[[cases]]
workload = "toys:Faulty"
fault = ["oom", "unsupported", "raise", "segv"]
"""
LARGEST = """
[[cases]]
workload = "toys:Limited"
batch_size = "max"
"""
PLAIN = "def test_of_something_else():\n    pass\n"


def run_pytest(folder, *arguments, **options):
    """pytest in a folder, where the toys are on the path of imports, as by itself: not as what called it may be."""
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "user")])
    ours = {name: text for name, text in os.environ.items() if not name.startswith("PYTEST_")}
    settings = {**ours, "PYTHONPATH": path, "COLUMNS": "250"}
    command = [sys.executable, "-P", "-m", "pytest", *PLUGIN, "-c", os.devnull, f"--rootdir={folder}", *arguments]
    return subprocess.run(command, cwd=folder, env=settings, capture_output=True, text=True, timeout=300, **options)


def outcomes(done):
    """How each item ended, by its name; needs -v."""
    found = re.findall(r"^\S+?::(\S+) (PASSED|FAILED|SKIPPED|ERROR)", done.stdout, re.MULTILINE)
    return dict(found)


@pytest.fixture(scope="module")
def session(tmp_path_factory):
    """One session over a matrix: its folder, what it printed, pytest-benchmark's JSON and our records."""
    folder = tmp_path_factory.mktemp("session")
    (folder / "my.toml").write_text(SETTINGS + CASES + FAULTS + LARGEST)
    (folder / "test_plain.py").write_text(PLAIN)
    done = run_pytest(
        folder,
        *("my.toml", "test_plain.py", "-v", "-rs", "--wattmark-device", "cpu", "--wattmark-store", "store"),
        *("--benchmark-json=out.json", "--benchmark-save=first", "--benchmark-only"),
    )
    return folder, done


@pytest.fixture(scope="module")
def written(session):
    folder, done = session
    assert (folder / "out.json").exists(), done.stdout + done.stderr
    return json.loads((folder / "out.json").read_text())


@pytest.fixture(scope="module")
def records(session):
    return {record.case.id: record for record in Store(session[0] / "store")}


def test_each_case_is_an_item_that_passes_skips_or_fails_as_it_ended(session):
    assert outcomes(session[1]) == {
        "toys:Mlp[cpu-fp32-b2]": "PASSED",
        "toys:Mlp[cpu-fp32-b4]": "PASSED",
        "toys:Mlp[cpu-fp32-b2-width=32]": "PASSED",
        "toys:Mlp[cpu-fp32-b4-width=32]": "PASSED",
        "toys:Faulty[cpu-fp32-b4-fault=oom]": "SKIPPED",
        "toys:Faulty[cpu-fp32-b4-fault=unsupported]": "SKIPPED",
        "toys:Faulty[cpu-fp32-b4-fault=raise]": "FAILED",
        "toys:Faulty[cpu-fp32-b4-fault=segv]": "FAILED",
        "toys:Limited[cpu-fp32-bmax]": "PASSED",
        "test_of_something_else": "SKIPPED",
    }
    assert session[1].returncode == 1


def test_what_failed_or_was_skipped_says_why_in_one_line(session):
    text = session[1].stdout

    assert re.search(r"_ toys:Faulty\[cpu-fp32-b4-fault=raise\] _+\nfailed: KeyError: 'the cat ate it'\n", text)
    assert re.search(r"_ toys:Faulty\[cpu-fp32-b4-fault=segv\] _+\ncrashed: killed by SIGSEGV\n", text)
    assert re.search(r"^SKIPPED .*unsupported: .*this device has no frobnicator$", text, re.MULTILINE)
    assert re.search(r"^SKIPPED .*fault=oom\]: oom: ", text, re.MULTILINE)
    assert "Captured stderr call" in text
    assert "bench/pytest_plugin/matrix.py" not in text.partition("short test summary")[0]


def test_only_what_was_measured_becomes_an_entry(written):
    assert {entry["name"] for entry in written["benchmarks"]} == {
        *("toys:Mlp[cpu-fp32-b2]", "toys:Mlp[cpu-fp32-b4]"),
        *("toys:Mlp[cpu-fp32-b2-width=32]", "toys:Mlp[cpu-fp32-b4-width=32]"),
        "toys:Limited[cpu-fp32-bmax]",
    }


def test_the_rounds_are_the_windows_of_all_replicates(written, records):
    for entry in written["benchmarks"]:
        record = records[entry["extra_info"]["case"]]

        assert len(record.replicates) == 2
        assert entry["stats"]["data"] == [sample.seconds / sample.steps for sample in record.samples]
        assert entry["stats"]["rounds"] == len(record.samples)
        assert entry["stats"]["iterations"] == min(sample.steps for sample in record.samples)


def test_the_entries_say_what_the_reports_say(written, records):
    for entry in written["benchmarks"]:
        told, record = entry["extra_info"], records[entry["extra_info"]["case"]]

        assert (told["status"], told["replicates"], told["precision"]) == ("ok", 2, "fp32")
        assert set(ALWAYS) < set(told)
        for metric in METRICS:
            found = value(record, metric)
            if metric in told:
                assert told[metric]["value"] == found.value
                assert told[metric]["unit"] == found.unit
                assert told[metric].get("reason") == found.reason
                assert (told[metric].get("low"), told[metric].get("high")) == (found.low, found.high)
            else:
                assert found.value is None
        assert told["flop.step"]["value"] == 2 * told["batch_size"] * told["parameters"]["width"] ** 2 or (
            told["workload"] == "toys:Limited"
        )


def test_what_no_meter_gives_is_null_with_a_reason(written):
    told = written["benchmarks"][0]["extra_info"]
    absent = [told[metric] for metric in ALWAYS if told[metric]["value"] is None]

    assert absent  # no run of 0.1 s has the steps for a p95 and no virtual machine has joules
    assert all(one["reason"] for one in absent)


def test_the_largest_batch_is_found_and_named_in_the_entry(written):
    (entry,) = [entry for entry in written["benchmarks"] if entry["name"] == "toys:Limited[cpu-fp32-bmax]"]

    assert entry["extra_info"]["batch_size"] == 5


def test_entries_are_grouped_by_workload_and_carry_their_axes(written):
    entry = next(one for one in written["benchmarks"] if one["name"] == "toys:Mlp[cpu-fp32-b2-width=32]")

    assert entry["group"] == "toys:Mlp"
    assert entry["param"] == "cpu-fp32-b2-width=32"
    assert entry["params"]["width"] == 32
    assert entry["params"]["precision"] == "fp32"


def test_the_machine_is_the_records(written, records):
    (record, *_) = records.values()

    assert written["machine_info"]["wattmark"] == {"cpu": json.loads(record.to_json())["environment"]}


def test_the_command_is_in_the_records(records):
    (record, *_) = records.values()

    assert record.run.command.startswith("pytest ")
    assert "my.toml" in record.run.command


def test_a_saved_run_is_compared_with_and_another_torch_is_told(session):
    folder, _ = session
    (saved,) = (folder / ".benchmarks").rglob("*_first.json")
    content = json.loads(saved.read_text())
    content["machine_info"]["wattmark"]["cpu"]["torch"]["version"] = "0.4.1"
    other = saved.with_name("0002_other.json")
    other.write_text(json.dumps(content))
    chosen = "my.toml::toys:Mlp[cpu-fp32-b2]"
    again = run_pytest(folder, chosen, "--benchmark-compare=0001", "--benchmark-columns=min,rounds")
    elsewhere = run_pytest(folder, chosen, "--benchmark-compare=0002", "--benchmark-columns=min,rounds")

    for done in (again, elsewhere):
        assert done.returncode == 0, done.stdout + done.stderr
        assert re.search(r"^toys:Mlp\[cpu-fp32-b2\] \(NOW\)", done.stdout, re.MULTILINE)
        assert "wattmark" not in "".join(re.findall(r"machine_info is different.*", done.stdout + done.stderr))
    assert re.search(r"^toys:Mlp\[cpu-fp32-b2\] \(0001_first\)", again.stdout, re.MULTILINE)
    assert "compared with another machine" not in again.stdout
    assert "compared with another machine: cpu: torch.version 0.4.1 then, " in elsewhere.stdout


def test_a_histogram_is_drawn_or_says_what_to_install(session):
    folder, _ = session
    done = run_pytest(folder, "my.toml::toys:Mlp[cpu-fp32-b2]", "--benchmark-histogram=shape")

    if importlib.util.find_spec("pygal"):
        assert list(folder.glob("shape*.svg")), done.stdout
    else:
        assert "pytest-benchmark[histogram]" in done.stdout + done.stderr


def test_switched_off_benchmarks_run_once_and_are_not_measured(tmp_path):
    faults = FAULTS + 'at = "prepare"\n'
    (tmp_path / "my.toml").write_text(SETTINGS + CASES.replace("[2, 4]", "2").replace("[64, 32]", "64") + faults)
    done = run_pytest(tmp_path, "my.toml", "-v", "--benchmark-disable", "--benchmark-json=out.json")

    assert outcomes(done) == {
        "toys:Mlp[cpu-fp32-b2]": "PASSED",
        "toys:Faulty[cpu-fp32-b4-fault=oom-at=prepare]": "SKIPPED",
        "toys:Faulty[cpu-fp32-b4-fault=unsupported-at=prepare]": "SKIPPED",
        "toys:Faulty[cpu-fp32-b4-fault=raise-at=prepare]": "FAILED",
        "toys:Faulty[cpu-fp32-b4-fault=segv-at=prepare]": "FAILED",
    }
    assert "Name (time in" not in done.stdout
    assert not (tmp_path / "out.json").exists()


def test_cases_side_by_side_would_disturb_each_other_so_none_is_measured_in_several_processes(tmp_path):
    (tmp_path / "my.toml").write_text(SETTINGS + CASES.replace("[2, 4]", "2"))
    done = run_pytest(tmp_path, "my.toml", "-v", "-n", "2", "--wattmark-store", "store", "--benchmark-json=out.json")

    assert "2 passed" in done.stdout
    assert "Benchmarks are automatically disabled because xdist plugin is active" in done.stderr
    assert not (tmp_path / "out.json").exists()
    assert not list(Store(tmp_path / "store"))


def test_skipped_benchmarks_are_not_run(tmp_path):
    (tmp_path / "my.toml").write_text(SETTINGS + CASES)
    (tmp_path / "test_plain.py").write_text(PLAIN)
    done = run_pytest(tmp_path, "my.toml", "test_plain.py", "-v", "--benchmark-skip")

    assert done.returncode == 0
    assert set(outcomes(done).values()) == {"SKIPPED", "PASSED"}
    assert outcomes(done)["test_of_something_else"] == "PASSED"


def test_a_hanging_case_fails_after_its_timeout_and_the_next_one_runs(tmp_path):
    hang = '[[cases]]\nworkload = "toys:Faulty"\nfault = ["hang", "none"]\n'
    (tmp_path / "my.toml").write_text("replicates = 1\nbudget = 0.05\ntimeout = 6\n" + hang)
    done = run_pytest(tmp_path, "my.toml", "-v")

    assert outcomes(done) == {
        "toys:Faulty[cpu-fp32-b4-fault=hang]": "FAILED",
        "toys:Faulty[cpu-fp32-b4]": "PASSED",
    }
    assert "timeout: no end after 6 s" in done.stdout


def test_a_folder_is_not_searched_for_matrices(tmp_path):
    (tmp_path / "my.toml").write_text(SETTINGS + CASES)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    done = run_pytest(tmp_path, ".")

    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED, done.stdout


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "[project]\nname = 'x'\n",
            "x.toml: no matrix of Wattmark: a matrix lists what to measure in [[cases]] tables",
        ),
        ("[project\n", "x.toml: not TOML: "),
        ("[[cases]]\nworkload = 'toys:Mpl'\n", "no such workload in toys; it has toys:Mlp"),
        ("[[cases]]\nworkload = 'toys:Mlp'\nwidht = 3\n", "unknown key 'widht'"),
    ],
    ids=["another toml", "no toml", "no such workload", "no such axis"],
)
def test_a_named_file_that_is_no_matrix_is_one_clear_line(tmp_path, text, line):
    (tmp_path / "x.toml").write_text(text)
    done = run_pytest(tmp_path, "x.toml")

    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert line in done.stdout
    assert "Traceback" not in done.stdout
    assert "bench/" not in done.stdout


def test_a_device_or_value_that_cannot_be_is_one_line_too(tmp_path):
    (tmp_path / "x.toml").write_text(CASES)
    no_device = run_pytest(tmp_path, "x.toml", "--wattmark-device", "cuda:99")
    (tmp_path / "x.toml").write_text(CASES.replace("[64, 32]", "0"))
    no_value = run_pytest(tmp_path, "x.toml")

    assert "cuda:99: not here; auto or one of " in no_device.stdout
    assert "toys:Mlp: width = 0; 1 or more is needed" in no_value.stdout
    assert no_device.returncode == no_value.returncode == pytest.ExitCode.INTERRUPTED


def test_without_pytest_benchmark_a_matrix_says_so_and_other_tests_run(tmp_path):
    (tmp_path / "x.toml").write_text(CASES)
    (tmp_path / "test_plain.py").write_text(PLAIN)
    matrix = run_pytest(tmp_path, "-p", "no:benchmark", "x.toml")
    plain = run_pytest(tmp_path, "-p", "no:benchmark", "test_plain.py")

    assert "entries of pytest-benchmark, and that plugin is switched off" in matrix.stdout
    assert plain.returncode == 0, plain.stdout


def test_a_session_that_does_not_use_it_pays_nothing(tmp_path):
    (tmp_path / "test_plain.py").write_text(
        "import sys\n"
        "def test_it(benchmark, tmp_path):\n"
        "    benchmark(len, ())\n"
        "    packages = ('bench', 'reports', 'workloads', 'torch')\n"
        "    ours = {name for name in sys.modules if name.split('.')[0] in packages}\n"
        "    assert ours == {'bench', 'bench.pytest_plugin'}\n"
    )
    done = run_pytest(tmp_path, "test_plain.py", "--strict-markers", "-W", "error", "--benchmark-json=out.json")

    assert done.returncode == 0, done.stdout
    assert "wattmark" not in json.loads((tmp_path / "out.json").read_text())["machine_info"]


MARKED = """
import sys
import pytest, torch

net, x, seen = torch.nn.Linear(32, 32), torch.randn(8, 32), []

@pytest.mark.wattmark(work={"row": 8}, device="cpu", budget=0.05, meters=["host"])
@pytest.mark.benchmark(group="mine")
def test_measured(benchmark):
    benchmark.extra_info["mine"] = 1
    with torch.no_grad():
        found = benchmark(net, input=x)
    assert found.shape == (8, 32)
    assert benchmark.stats is None or benchmark.stats.stats.mean > 0

@pytest.mark.wattmark(budget=0.05)
def test_traced(benchmark):
    tracer = lambda *event: None
    sys.settrace(tracer)
    benchmark(lambda: seen.append(sys.gettrace()))
    assert sys.gettrace() is tracer
    sys.settrace(None)
    assert set(seen[:-1]) <= {None}

@pytest.mark.wattmark(work={"row": 8}, wrk=3)
def test_misspelt(benchmark):
    benchmark(net, x)

@pytest.mark.wattmark(budget=0.05)
def test_not_finite(benchmark):
    benchmark(lambda: float("nan"))

@pytest.mark.wattmark(budget=0.05)
def test_pedantic(benchmark):
    benchmark.pedantic(net, args=(x,))

@pytest.mark.wattmark(budget=0.05)
def test_its_own_error(benchmark):
    benchmark(lambda: 1 / 0)

@pytest.mark.wattmark
def test_without_the_fixture():
    pass

def test_unmarked(benchmark):
    benchmark(len, ())
"""


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marked")
    (folder / "test_own.py").write_text(MARKED)
    arguments = ("--strict-markers", "--wattmark-store", "store", "--benchmark-json=out.json")
    return folder, run_pytest(folder, "test_own.py", "-v", *arguments)


def test_a_marked_test_is_measured_by_our_machinery_and_keeps_its_result(marked):
    folder, done = marked
    assert {test: end for test, end in outcomes(done).items() if end == "PASSED"}.keys() == {
        *("test_measured", "test_traced", "test_without_the_fixture", "test_unmarked"),
    }, done.stdout

    document = json.loads((folder / "out.json").read_text())
    entries = {entry["name"]: entry for entry in document["benchmarks"]}
    (record,) = [record for record in Store(folder / "store") if "test_measured" in record.case.workload]
    entry = entries["test_measured"]

    assert set(entries) == {"test_measured", "test_traced", "test_unmarked"}
    assert entry["stats"]["data"] == [sample.seconds / sample.steps for sample in record.samples]
    assert entry["extra_info"] == {**extra_info(record), "mine": 1}
    assert entry["extra_info"]["throughput"]["unit"] == "row/s"
    assert entry["group"] == "mine"
    assert document["machine_info"]["wattmark"] == {"cpu": json.loads(record.to_json())["environment"]}
    assert "throughput" not in entries["test_unmarked"]["extra_info"]


@pytest.mark.parametrize(
    ("test", "line"),
    [
        ("test_misspelt", "unknown wrk; by name, one of budget, device, meters, trains, work"),
        ("test_not_finite", "_\nthe step's result is nan, not a finite number\n"),
        ("test_pedantic", "measures benchmark(step), not benchmark.pedantic"),
        ("test_its_own_error", "ZeroDivisionError"),
    ],
)
def test_a_marked_test_that_cannot_be_measured_fails_and_says_why(marked, test, line):
    _, done = marked

    assert outcomes(done)[test] in ("FAILED", "ERROR")
    assert line in done.stdout


def test_a_marked_test_runs_once_where_benchmarks_are_switched_off(tmp_path):
    (tmp_path / "test_own.py").write_text(
        "import sys, pytest\nseen = []\n"
        "@pytest.mark.wattmark(budget=0.05)\n"
        "def test_it(benchmark):\n"
        "    assert benchmark(lambda: seen.append(1)) is None\n"
        "    assert seen == [1]\n"
        "    assert 'torch' not in sys.modules\n"
    )
    done = run_pytest(tmp_path, "test_own.py", "--benchmark-disable")

    assert done.returncode == 0, done.stdout


def test_a_case_is_called_the_same_whatever_else_its_matrix_has():
    axes = {"width": 64, "bias": True, "kind": "plain"}

    assert name(Case("toys:Mlp", "cuda:0", "bf16", 8, axes), 8) == "toys:Mlp[cuda:0-bf16-b8]"
    assert (
        name(Case("toys:Mlp", "cpu", "fp32", 1, {**axes, "bias": False}), "max") == "toys:Mlp[cpu-fp32-bmax-bias=False]"
    )


def test_two_machines_differ_in_what_tells_and_in_nothing_else():
    now = {"torch": {"version": "2.13.0", "cuda": None}, "device": {"label": "a GPU", "nvml": {"driver": "595.1"}}}
    then = {"torch": {"version": "2.13.0", "cuda": None}, "device": {"label": "a GPU", "nvml": {"driver": "570.2"}}}

    assert differences(then, now) == ["device.nvml.driver 570.2 then, 595.1 now"]
    assert differences(now, {**now, "git": {"dirty": True}}) == []


def test_pytest_benchmark_still_has_what_we_use_of_it(pytestconfig):
    """Where this fails a new pytest-benchmark has changed what bench/pytest_plugin/entry.py or marker.py use."""
    session = pytestconfig.pluginmanager.get_plugin("pytest-benchmark")
    source = Source("a name", "a full name", "a group", "a param", {"axis": 1}, {"told": 2})
    entry = pytest_benchmark.stats.Metadata(source, 3, {"timer": "ours"})
    entry.stats.update(0.25)
    entry.stats.update(0.75)
    kept = entry.as_dict()

    assert isinstance(session, pytest_benchmark.session.BenchmarkSession)
    assert isinstance(session.benchmarks, list)
    assert session.disabled in (True, False)
    assert (kept["name"], kept["fullname"], kept["group"], kept["params"]) == (
        *("a name", "a full name", "a group"),
        {"axis": 1},
    )
    assert (kept["extra_info"], kept["options"]) == ({"told": 2}, {"timer": "ours"})
    assert (kept["stats"]["data"], kept["stats"]["mean"], kept["stats"]["iterations"]) == ([0.25, 0.75], 0.5, 3)
    assert not entry.has_error
    raw = inspect.signature(pytest_benchmark.fixture.BenchmarkFixture._raw)
    assert list(raw.parameters) == ["self", "function_to_benchmark", "args", "kwargs"]
    assert "self._raw(" in inspect.getsource(pytest_benchmark.fixture.BenchmarkFixture.__call__)
    for hook in ("pytest_benchmark_update_machine_info", "pytest_benchmark_compare_machine_info"):
        assert hasattr(pytest_benchmark.hookspec, hook)
