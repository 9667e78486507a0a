"""The whole way on a real GPU: what only hardware can tell."""

import pytest
import torch

from bench.case import Case
from bench.engines.local import Engine
from bench.job import Job, Outcome
from bench.measure import Plan
from bench.nvml import nvml_devices

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

AXES = {"size": "base", "sequence_length": 128, "attention": "sdpa", "compile": False, "padding": "max_length"}


@pytest.fixture(scope="module")
def engine():
    with Engine(preload=("workloads.bert",)) as engine:
        yield engine


def measured(engine, precision="bf16", batch_size=32, workload="bert:Classify", parameters=AXES):
    case = Case(workload, "cuda:0", precision, batch_size, parameters)
    job = Job(case, 0, 1, Plan(budget=4, windows=2), ("host", "accelerator", "nvml"))
    return Outcome.from_json(engine.run("replicate", job.to_json(), 600).result).replicate


def test_events_and_the_synchronised_wall_clock_agree(engine):
    for sample in measured(engine).samples:
        assert sum(sample.step_seconds) <= sample.seconds
        assert sum(sample.step_seconds) >= 0.95 * sample.seconds


def test_memory_rises_from_allocated_to_reserved_to_the_device(engine):
    for sample in measured(engine).samples:
        found = {name: sample.readings[name].value for name in ("memory.allocated", "memory.reserved", "memory.device")}
        assert 0 < found["memory.allocated"] <= found["memory.reserved"] <= found["memory.device"]


def test_power_is_between_nothing_and_the_limit_or_absent_with_the_drivers_reason(engine):
    for sample in measured(engine).samples:
        energy = sample.readings["energy"]
        assert (energy.value is None) == bool(energy.reason)
        if energy.value is not None:
            assert 20 < energy.value / sample.seconds < 1500


@pytest.mark.parametrize("precision", ["fp32", "tf32", "bf16", "fp16", "bf16-pure"])
def test_each_precision_runs_as_labelled_or_is_unsupported(engine, precision):
    found = measured(engine, precision, batch_size=4)

    assert found.status in ("ok", "unsupported"), found.reason


def test_out_of_memory_is_an_oom_and_the_next_replicate_runs(engine):
    assert measured(engine, batch_size=1 << 20).status == "oom"
    assert measured(engine, batch_size=1).status == "ok"


def test_the_environment_has_the_gpu_by_its_uuid(engine):
    found = engine.run("environment", {"device": "cuda:0"}, 120).result

    assert found["device"]["uuid"] in {gpu.uuid for gpu in nvml_devices()}
