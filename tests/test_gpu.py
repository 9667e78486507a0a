"""The whole way on a real GPU: what only hardware can tell."""

import pytest
import torch

from bench.case import Case
from bench.engines.local import Engine
from bench.job import Job, Outcome
from bench.measuring import Plan
from bench.nvml import nvml_devices
from bench.typed import typed

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
    gpu = next(device for device in engine.run("devices", {}, 120).result if device["name"] == "cuda:0")
    job = Job(case, gpu, 0, 1, Plan(budget=4, windows=2), ("nvml", "host", "accelerator"))
    return typed(engine.run("replicate", job.to_json(), 600).result, Outcome).replicate


def test_events_and_the_synchronised_wall_clock_agree(engine):
    for sample in measured(engine).samples:
        assert sum(sample.step_seconds) <= sample.seconds
        assert sum(sample.step_seconds) >= 0.95 * sample.seconds


LADDER = ("memory.requested", "memory.allocated", "memory.reserved", "memory.process", "memory.device")


def test_every_rung_of_the_memory_ladder_holds_the_one_before(engine):
    for sample in measured(engine).samples:
        rungs = [sample.readings[name].value for name in LADDER]
        assert rungs[0] > 0
        assert rungs == sorted(rungs)


@pytest.fixture(scope="module")
def busy(engine):
    """A replicate that keeps the GPU busy."""
    return measured(engine, batch_size=256)


def has_power(replicate):
    """Whether the driver tells this GPU's power at all; a MIG slice, for one, has none."""
    if replicate.samples[0].readings["energy"].value is None:
        pytest.skip(replicate.samples[0].readings["energy"].reason)


def test_a_busy_gpu_draws_more_than_an_idle_one_and_less_than_its_limit(busy):
    has_power(busy)
    idle, limit = busy.readings["power.idle"].value, busy.meters["nvml"]["power_limit"]
    for sample in busy.samples:
        energy = sample.readings["energy"]
        assert 1.1 * idle < energy.value / energy.seconds < 1.2 * limit


def test_the_counter_covers_most_of_a_window_and_its_share_of_the_error_is_small(busy):
    has_power(busy)
    for sample in busy.samples:
        energy = sample.readings["energy"]
        assert energy.seconds > 0.8 * sample.seconds
        assert energy.error < 0.07


def test_counter_and_integrated_power_agree_on_a_steady_load(busy):
    has_power(busy)
    for sample in busy.samples:
        counted, integrated = sample.readings["energy"], sample.readings["energy.integrated"]
        assert counted.value / counted.seconds == pytest.approx(integrated.value / integrated.seconds, rel=0.1)


def test_throttled_time_comes_from_the_drivers_counters(busy):
    for sample in busy.samples:
        share = sample.readings["throttle.share"]
        assert share.source == "NVML counter of throttled time"
        assert 0 <= share.value <= 1


@pytest.mark.skipif(
    not torch.cuda.is_available() or torch.cuda.get_device_capability() < (9, 0), reason="GPM needs Hopper or newer"
)
def test_a_busy_hoppers_tensor_cores_are_seen_at_work(busy):
    for sample in busy.samples:
        assert 0.05 < sample.readings["utilization.tensor"].value <= 1
        assert sample.readings["utilization.sm"].value >= sample.readings["utilization.tensor"].value


def test_the_link_is_at_work_under_load(busy):
    for sample in busy.samples:
        assert sample.readings["pcie.width"].value >= 1
        assert sample.readings["ecc.uncorrected"].value in (0, None)


def test_the_sampler_kept_its_rate(busy):
    assert busy.meters["nvml"]["rate"]["median"] == pytest.approx(0.1, rel=0.5)


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
