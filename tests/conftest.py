"""What all tests share: the toy workloads on the path, records made by hand, and a fake NVIDIA driver."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "user"))  # a user's own workloads, as toys:Mlp, here and in replicates
sys.path.insert(0, str(Path(__file__).parent / "fake_device"))

from bench.case import Case
from bench.record import Reading, Record, Replicate, Run, Sample
from bench.typed import typed

ROOT = Path(__file__).parents[1]
RUN = Run("r1", "2026-11-23T12:00:00+00:00", "wattmark run", 1, 3, "0.1.0")


def pytest_addoption(parser):
    told = "make the golden files of tests/reports anew; look at what changed in them before it is committed"
    parser.addoption("--accept-golden", action="store_true", help=told)


@pytest.fixture
def one_thread():
    """Small products wait longer for a second thread than they compute, above all on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def compiled_by_nobody():
    """Leaves no trace of what was compiled: torch counts it for the whole process."""
    yield
    dynamo = sys.modules.get("torch._dynamo")
    if dynamo is not None:
        dynamo.reset()
        dynamo.utils.counters.clear()
        dynamo.utils.clear_compilation_metrics()


@pytest.fixture
def replicated():
    """Measures a job in a fork: a replicate leaves its process as no other one could use it, its collector frozen."""
    from bench.engines.local import Engine
    from bench.job import Outcome

    def run(job):
        with Engine() as engine:
            return typed(engine.run("replicate", job.to_json(), 120).result, Outcome).replicate

    return run


@pytest.fixture
def sample():
    """Makes a sample of equal steps."""

    def make(step=0.5, steps=4, first_step=0, readings=None, covariates=None, flop=8_000_000):
        work = {"sequence": 2.0 * steps, "token": 256.0 * steps}
        flops = {"flop": flop * steps, "required": flop * steps}
        met = {"covariates": covariates or {}, "readings": readings or {}}
        return Sample(first_step, steps, step * steps, (step,) * steps, work, **flops, **met)

    return make


@pytest.fixture
def requiring():
    """Makes of a record one whose results require a share of what was computed; None: that is not known."""

    def make(record, share):
        def part(one):
            windows = (replace(s, required=share and int((s.flop or 0) * share)) for s in one.samples)
            return replace(one, samples=tuple(windows))

        return replace(record, replicates=tuple(map(part, record.replicates)))

    return make


@pytest.fixture
def record(sample):
    """Makes an ok record with a replicate for each given list of samples."""

    def make(*replicates, status="ok", reason=None, run=RUN, **case):
        made = tuple(
            Replicate(index, "ok", clock="perf_counter", steady=True, samples=tuple(samples))
            for index, samples in enumerate(replicates or ([sample()],) * 3)
        )
        point = Case(**{"workload": "toys:Mlp", "device": "cpu", "precision": "fp32", "batch_size": 2, **case})
        return Record(run, point, {"device": {"label": "a CPU"}}, status, reason, replicates=made)

    return make


@pytest.fixture
def energy():
    """Makes readings of so many joules."""
    return lambda joules: {"energy": Reading(joules, "fake counter")}


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory):
    """The folder of a libnvidia-ml.so.1 that answers as its script says; the format stands in fake_nvml/nvml.c."""
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("the fake driver needs Linux and a C compiler")
    folder = tmp_path_factory.mktemp("fake_nvml")
    soname = "libnvidia-ml.so.1"
    sources = sorted(str(path) for path in (ROOT / "tests" / "fake_nvml").glob("*.c"))
    options = ["-shared", "-fPIC", f"-Wl,-soname,{soname}", "-Wl,-Bsymbolic", "-o", str(folder / soname)]
    subprocess.run([compiler, *options, *sources, "-lm"], check=True)
    return folder


@pytest.fixture
def python_with_nvml(fake_library, tmp_path):
    """Runs Python in a fresh process whose NVML answers as told, and returns the JSON that it printed."""

    def run(*arguments, answers=None, libraries=fake_library, time=None):
        script = tmp_path / "answers"
        script.write_text("".join(f"{key} {values}\n" for key, values in (answers or {}).items()))
        settings = {"LD_LIBRARY_PATH": str(libraries), "FAKE_NVML": str(script), "PYTHONPATH": str(ROOT)}
        if time is not None:
            settings["FAKE_NVML_TIME"] = str(time)
        done = subprocess.run(
            [sys.executable, *arguments], env={**os.environ, **settings}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run
