"""The local engine for real: a fork server with torch, and replicates that go wrong in every way there is."""

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy
import psutil
import pytest
import torch

from bench.case import Case
from bench.device import Device
from bench.engines.local import PINNED, Engine
from bench.job import Job, Outcome
from bench.measuring import Plan
from bench.record import Flops
from bench.replicate import _count_flops
from bench.server import _plain
from bench.typed import typed

PLAN = Plan(budget=0.05, windows=5, warmup_least=0.0, warmup_most=0.2)
CPU = Device("cpu", "a CPU", None, None).to_json()
CASE = Case("toys:Mlp", "cpu", "fp32", 4, {"width": 64, "bias": True, "kind": "plain"})


@pytest.fixture(scope="module")
def engine():
    with Engine() as engine:
        yield engine


def job(case=CASE, **rest):
    plain = {"case": case, "device": CPU, "index": 0, "seed": 1, "plan": PLAN, "meters": ("host", "accelerator")}
    return Job(**{**plain, **rest})


def faulty(fault, at="step"):
    return replace(CASE, workload="toys:Faulty", parameters={**CASE.parameters, "fault": fault, "at": at})


def outcome(engine, case=CASE, timeout=60, **rest):
    return typed(engine.run("replicate", job(case, **rest).to_json(), timeout).result, Outcome)


def test_a_replicate_brings_samples_inputs_model_and_flops(engine):
    found = outcome(engine)

    assert found.replicate.status == "ok"
    assert found.model == {"parameters": 64 * 64 + 64, "weights": "random"}
    assert found.inputs["kind"] == "generated"
    assert list(found.flops) == [(2 * 4 * 64 * 64, 2 * 4 * 64 * 64)]
    for sample in found.replicate.samples:
        assert sample.flop == sample.required == sample.steps * found.flops[0].computed
        assert sample.work == {"sequence": 4 * sample.steps}
        assert sample.readings["memory.host"].value > 1e6
    assert found.replicate.readings["memory.allocated"].reason == "a cpu has no device memory of its own"


def test_windows_keep_what_their_steps_compute_and_what_of_it_is_required_as_an_earlier_replicate_counted(engine):
    found = outcome(engine, flops=[Flops(8, 2)])

    assert list(found.flops) == [Flops(8, 2)]
    for sample in found.replicate.samples:
        assert (sample.flop, sample.required) == (8 * sample.steps, 2 * sample.steps)


def test_each_batch_has_flops_of_its_own_and_those_that_it_requires():
    made = SimpleNamespace(flops=lambda i: 10 + i, required=lambda i: i, work=[1, 2])

    assert _count_flops(made) == [Flops(10, 0), Flops(11, 1)]


def test_flops_that_a_workload_does_not_count_are_absent_and_not_zero(engine):
    found = outcome(engine, faulty("none"))

    assert list(found.flops) == [None]
    assert {(sample.flop, sample.required) for sample in found.replicate.samples} == {(None, None)}


def test_replicates_say_how_they_were_made_and_differ_in_seed_and_memory_layout(engine):
    one, other = (outcome(engine, seed=seed).replicate.made for seed in (1, 2))

    assert one["heap_shift_bytes"] != other["heap_shift_bytes"]
    assert one["how"].startswith("forked")


def test_the_record_says_that_the_label_is_what_ran(engine):
    assert outcome(engine).replicate.precision["product_error"] < 1e-5

    found = outcome(engine, replace(CASE, precision="bf16")).replicate
    if found.status == "unsupported":  # an older CPU
        assert found.reason.startswith("emulated: ")
        return
    settings = found.precision
    assert (settings["autocast"], settings["weights"], settings["product_dtype"]) == ("bfloat16", "float32", "bfloat16")


def test_a_precision_that_the_device_lacks_is_unsupported_with_the_reason(engine):
    found = outcome(engine, replace(CASE, precision="tf32")).replicate

    assert (found.status, found.samples) == ("unsupported", ())
    assert "NVIDIA" in found.reason


@pytest.mark.parametrize(
    ("fault", "at", "status", "reason"),
    [
        ("oom", "prepare", "oom", "can't allocate memory"),
        ("oom", "step", "oom", "can't allocate memory"),
        ("raise", "prepare", "failed", "KeyError: 'the cat ate it'"),
        ("raise", "step", "failed", "KeyError: 'the cat ate it'"),
        ("unsupported", "prepare", "unsupported", "this device has no frobnicator"),
        ("nan", "step", "failed", "not a finite number"),
    ],
)
def test_what_python_sees_going_wrong_is_a_status_with_its_reason(engine, fault, at, status, reason):
    found = outcome(engine, faulty(fault, at)).replicate

    assert found.status == status
    assert reason in found.reason


@pytest.mark.parametrize(("fault", "signal"), [("segv", "SIGSEGV"), ("kill", "SIGKILL")])
def test_a_replicate_that_a_signal_kills_is_crashed_and_the_next_one_runs(engine, fault, signal):
    ended = engine.run("replicate", job(faulty(fault)).to_json(), 60)

    assert (ended.status, ended.reason) == ("crashed", f"killed by {signal}")
    assert outcome(engine).replicate.status == "ok"


def test_a_traceback_of_what_failed_is_in_the_stderr_tail(engine):
    ended = engine.run("replicate", job(faulty("raise")).to_json(), 60)

    assert "the cat ate it" in ended.stderr.splitlines()[-1]


def test_a_hang_is_ended_with_its_whole_process_tree_and_the_next_one_runs(engine):
    before = {process.pid for process in psutil.Process().children(recursive=True)}

    ended = engine.run("replicate", job(faulty("hang with a child")).to_json(), timeout=3)

    assert ended.status == "timeout"
    assert ended.reason == "no end after 3 s (while warming up)"
    left = [p for p in psutil.Process().children(recursive=True) if p.pid not in before and p.status() != "zombie"]
    assert left == []
    assert outcome(engine).replicate.status == "ok"


def test_a_server_that_dies_costs_one_replicate_and_is_replaced(engine):
    ended = engine.run("replicate", job(faulty("interrupt")).to_json(), 60)

    assert ended.status == "crashed"
    assert outcome(engine).replicate.status == "ok"


def test_a_replicate_in_which_memory_runs_out_is_stopped_before_the_kernel_kills_something(engine):
    """The limit is an exception in the replicate, not a SIGKILL somewhere on the host."""
    found = outcome(engine, faulty("hungry", "prepare")).replicate

    assert (found.status, "can't allocate memory" in found.reason) == ("oom", True)


def test_replicates_run_with_the_pinned_allocator_unless_told_otherwise():
    for allocator, expected in (("pinned", PINNED), ("system", {})):
        with Engine(allocator=allocator) as engine:
            ended = engine.run("environment", {"device": "cpu"}, 60)
        assert {name: value for name, value in ended.result["variables"].items() if name in PINNED} == expected


def test_loading_torch_and_the_models_touches_no_accelerator():
    """The server forks: a CUDA context in it, or only a question to the CUDA runtime, would spoil every child."""
    script = (
        "import importlib, torch, bench.matrix\n"
        "from bench.run import axes_of, preload\n"
        "asked = []\n"
        "for name in ('is_available', 'device_count', 'current_device', 'init', '_lazy_init'):\n"
        "    setattr(torch.cuda, name, lambda *_, name=name: asked.append(name) or 0)\n"
        "for module in ('torch._dynamo', 'bench.replicate', *preload(bench.matrix.load('full', axes_of))):\n"
        "    importlib.import_module(module)\n"
        "print(asked)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_parent_sleeps_while_a_replicate_runs(engine):
    before = psutil.Process().cpu_times()
    began = time.monotonic()
    engine.run("replicate", job(faulty("hang")).to_json(), timeout=4)
    wall = time.monotonic() - began
    after = psutil.Process().cpu_times()

    assert (after.user + after.system - before.user - before.system) / wall < 0.05


def test_nothing_is_left_running_when_the_parent_is_killed():
    script = (
        "import json, os, signal, sys, threading, time, psutil\n"
        "from bench.engines.local import Engine\n"
        "engine = Engine()\n"
        "def die():\n"
        "    while not (engine._server and psutil.Process(engine._server.pid).children()): time.sleep(0.1)\n"
        "    print(engine._server.pid, flush=True); time.sleep(0.3); os.kill(os.getpid(), signal.SIGKILL)\n"
        "threading.Thread(target=die).start()\n"
        "print(engine.run('replicate', json.loads(sys.argv[1]), 600))\n"
        "os._exit(1)  # a run that ended by itself is not what is tested"
    )
    hanging = json.dumps(job(faulty("hang")).to_json())
    path = {**os.environ, "PYTHONPATH": str(Path(__file__).parent / "user")}
    done = subprocess.run(
        [sys.executable, "-c", script, hanging], stdout=subprocess.PIPE, text=True, timeout=120, env=path
    )
    server = int(done.stdout)

    deadline = time.monotonic() + 10
    while psutil.pid_exists(server) and psutil.Process(server).status() != "zombie" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not psutil.pid_exists(server) or psutil.Process(server).status() == "zombie"


def test_a_server_that_cannot_start_says_so_each_time(tmp_path):
    (tmp_path / "torch.py").write_text("raise RuntimeError('a broken torch')")
    with Engine(path=[tmp_path, *map(Path, sys.path)]) as engine:
        for _ in range(2):
            ended = engine.run("replicate", job().to_json(), 60)

            assert (ended.status, ended.reason) == ("crashed", "the fork server did not start")
            assert "a broken torch" in ended.stderr


def test_a_module_to_load_ahead_that_an_older_tree_lacks_is_no_hindrance():
    with Engine(preload=("no_such_module",)) as engine:
        assert outcome(engine).replicate.status == "ok"


def test_flops_that_cannot_be_counted_cost_nothing_that_was_measured(capsys):
    def fail(number):
        raise NotImplementedError("no meta kernel")

    assert _count_flops(SimpleNamespace(flops=fail, required=None, work=[1, 2])) == [None, None]
    assert "no meta kernel" in capsys.readouterr().err


def test_facts_of_a_users_model_may_be_numbers_of_numpys_and_torchs():
    facts = {"numpy": numpy.float32(1.5), "torch": torch.tensor(2), "path": Path("x"), "table": numpy.zeros(2)}

    assert json.loads(json.dumps(facts, default=_plain)) == {
        "numpy": 1.5,
        "torch": 2,
        "path": "x",
        "table": "[0. 0.]",
    }


@pytest.mark.parametrize(("name", "selected"), [("cuda:1", 1), ("mps", None), ("cpu", None)])
def test_only_a_device_with_a_number_can_be_selected(monkeypatch, name, selected):
    """torch refuses a device without an index, which Apple's GPU and a CPU are."""
    seen = []
    monkeypatch.setattr(torch.accelerator, "set_device_index", lambda device: seen.append(device.index))
    Device(name, "", None, None).select()

    assert seen == ([selected] if selected is not None else [])
