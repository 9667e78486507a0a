"""Profiles on a real GPU: what the made traces cannot tell."""

import pytest
import torch

from bench.device import device
from bench.precision import Precision
from bench.profiling import collect
from bench.profiling.nesting import nest
from bench.profiling.operators import operators
from bench.profiling.trace import read
from workloads import Setup
from workloads.bert import Classify, Pretrain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]

SMALL = {"size": "base", "sequence_length": 128, "batch_size": 8}


def prepared(workload):
    bf16 = Precision("bf16", "cuda", torch.float32, torch.bfloat16)
    found = workload.prepare(Setup(torch.device("cuda:0"), bf16, "generated", None, 0))
    for number in range(3):
        found.step(number)
    torch.cuda.synchronize()
    return found


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    folder = tmp_path_factory.mktemp("traces")
    return collect.collect(prepared(Pretrain(**SMALL)), device("cuda:0"), folder, "worker")


def test_totals_equal_torch_s_own_key_averages_on_the_device_too():
    profiler = collect.profiled(prepared(Classify(**SMALL)), device("cuda:0"))
    trace = read(collect._exported(profiler), "cuda")

    ours = {one.name: one for one in operators(nest(trace.host), trace.device, {})}
    for one in profiler.key_averages():
        if one.key.startswith("aten::"):
            assert ours[one.key].calls == one.count, one.key
            assert ours[one.key].self_seconds * 1e6 == pytest.approx(one.self_cpu_time_total, abs=1e-2), one.key
            assert ours[one.key].device_seconds * 1e6 == pytest.approx(one.self_device_time_total, abs=1e-2), one.key


def test_the_device_s_shares_are_of_the_watched_time(training):
    idle, launch, tensor = (training.shares[name].value for name in ("idle", "launch_bound", "tensor_core"))

    assert 0 <= launch <= idle < 1
    assert 0.2 < tensor <= 1  # bf16 on a GPU that has tensor cores
    assert training.kernel_seconds <= training.seconds


def test_every_kernel_belongs_to_a_phase(training):
    times = {phase.name: phase.device_seconds for phase in training.phases}

    assert times.keys() == {"forward", "backward", "optimizer", "rest"}
    assert times["backward"] > times["forward"] > 0
    assert sum(times.values()) >= 0.99 * training.kernel_seconds


def test_the_peak_is_the_allocator_s_own(tmp_path):
    made = prepared(Pretrain(**SMALL))
    torch.cuda.reset_peak_memory_stats()
    made.step(3)
    torch.cuda.synchronize()
    peak = torch.cuda.max_memory_allocated()

    found = collect.collect(made, device("cuda:0"), tmp_path, "worker").memory

    assert found.peak == pytest.approx(peak, rel=0.01)
    assert sum(one.bytes for one in found.owners) == found.peak
    assert found.owners[-1].operator == "before the profile"
