"""What all tests share: the toy workloads on the path, and records made by hand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / "user"))  # a user's own workloads, as toys:Mlp, here and in replicates

from bench.case import Case
from bench.record import Reading, Record, Replicate, Run, Sample

RUN = Run("r1", "2026-11-23T12:00:00+00:00", "wattmark run", 1, 3, "0.1.0")


@pytest.fixture
def sample():
    """Makes a sample of equal steps."""

    def make(step=0.5, steps=4, first_step=0, readings=None, covariates=None, flop=8_000_000):
        work = {"sequence": 2.0 * steps, "token": 256.0 * steps}
        return Sample(
            first_step, steps, step * steps, (step,) * steps, work, flop * steps, covariates or {}, readings or {}
        )

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
