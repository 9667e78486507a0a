"""Profiles of real steps: what is read out of the trace is what torch itself says, and the trace names nobody."""

import gzip
import json
import socket

import pytest
import torch
import toys

from bench.device import Device
from bench.precision import Precision
from bench.profile import Profile
from bench.profiling import collect
from bench.profiling.nesting import nest
from bench.profiling.operators import operators
from bench.profiling.trace import read
from bench.typed import typed
from workloads import Prepared, Setup
from workloads.bert import Classify, Pretrain

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = Device("cpu", "a CPU", None, None)
TINY = {"size": "tiny", "sequence_length": 16, "batch_size": 2}


def prepared(workload, precision="fp32"):
    autocast = torch.bfloat16 if precision == "bf16" else None
    made = Precision(precision, "cpu", torch.float32, autocast) if autocast else Precision("fp32", "cpu", torch.float32)
    found = workload.prepare(Setup(CPU.torch, made, "generated", None, 0))
    for number in range(2):
        found.step(number)
    return found


def profiled(tmp_path, workload, worker="worker"):
    return collect.collect(prepared(workload), CPU, tmp_path / "traces", worker)


def trace_of(tmp_path, profile):
    return json.loads(gzip.decompress((tmp_path / profile.trace).read_bytes()))


@pytest.mark.parametrize("workload", [Pretrain(**TINY), Classify(**TINY)], ids=["training", "inference"])
def test_totals_equal_torch_s_own_key_averages(workload):
    with collect._marked_backward():
        profiler = collect.profiled(prepared(workload), CPU)
    trace = read(collect._exported(profiler))

    ours = {one.name: one for one in operators(nest(trace.host), (), {})}
    torchs = {one.key: one for one in profiler.key_averages() if one.cpu_time_total}
    assert len(torchs) > 20
    assert ours.keys() == torchs.keys()
    for name, one in torchs.items():
        assert ours[name].calls == one.count, name
        assert ours[name].self_seconds * 1e6 == pytest.approx(one.self_cpu_time_total, abs=1e-3), name
        assert ours[name].total_seconds * 1e6 == pytest.approx(one.cpu_time_total, abs=1e-3), name
    total = sum(one.self_seconds for one in ours.values())
    assert total * 1e6 == pytest.approx(profiler.key_averages().self_cpu_time_total, abs=1e-2)


def test_a_training_step_is_split_and_the_split_is_the_whole(tmp_path):
    found = profiled(tmp_path, Pretrain(**TINY))

    assert [phase.name for phase in found.phases] == ["forward", "backward", "optimizer", "rest"]
    assert min(phase.seconds for phase in found.phases) > 0
    # Between two steps, which no phase holds, there are only microseconds.
    assert 0.9 * found.seconds < sum(phase.seconds for phase in found.phases) <= found.seconds
    assert {phase.device_seconds for phase in found.phases} == {None}


def test_an_inference_step_is_one_phase_and_a_cpu_has_no_kernels(tmp_path):
    found = profiled(tmp_path, Classify(**TINY))

    assert found.phases == ()
    assert found.kernels == ()
    assert found.absent.keys() == {"phases", "kernels"}
    assert found.shares["idle"].reason == "kernels are profiled on cuda only, not on cpu"
    assert found.shares["data_loading"].value is None


def test_flops_are_those_of_torch_s_formulas_and_absent_where_it_has_none(tmp_path):
    found = profiled(tmp_path, toys.Mlp(batch_size=4, width=64))

    flops = {one.name: one.flop for one in found.operators}
    assert flops["aten::addmm"] == collect.STEPS * 2 * 4 * 64 * 64
    assert flops["aten::t"] is None


def test_the_peak_is_what_the_step_holds_and_its_owners_make_it(tmp_path):
    found = profiled(tmp_path, toys.Changed(batch_size=4, width=64, copies=3)).memory

    # x @ w.T + b and its relu live together with nothing else; the copies are freed one by one.
    size = 4 * 64 * 4
    assert found.peak == 2 * size
    assert sum(one.bytes for one in found.owners) == found.peak
    assert {one.operator for one in found.owners} <= {"aten::linear", "aten::clone", "aten::relu"}
    assert found.base is None
    assert max(found.bytes) == found.peak


def test_every_peak_has_owners_that_make_it(tmp_path):
    found = profiled(tmp_path, Pretrain(**TINY)).memory

    assert sum(one.bytes for one in found.owners) == found.peak
    assert all(one.bytes > 0 for one in found.owners)
    assert len(found.bytes) == len(found.seconds) <= 122


def test_the_trace_names_neither_machine_nor_user(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ann")
    profile = profiled(tmp_path, toys.Mlp())

    document = trace_of(tmp_path, profile)
    text = json.dumps(document)
    assert document["host_name"] == ""
    assert document["traceName"] == ""
    assert f'"{socket.gethostname()}"' not in text
    assert str(tmp_path) not in text
    assert profile.trace.split("/")[-1].startswith("worker.")


def test_private_fields_are_emptied_wherever_they_stand():
    text = '{"host_name": "secret-host", "a": {"kernel_file": "/tmp/x\\"y", "name": "kernel_file"}, "traceName":"/t"}'

    assert json.loads(collect._PRIVATE.sub(r'\1""', text)) == {
        "host_name": "",
        "a": {"kernel_file": "", "name": "kernel_file"},
        "traceName": "",
    }


def test_the_backward_pass_is_marked_only_while_profiling(tmp_path):
    before = torch.autograd.backward
    profiled(tmp_path, toys.Mlp())

    assert torch.autograd.backward is before


def test_a_step_that_fails_leaves_no_mark_behind_and_no_trace(tmp_path):
    def fails(number):
        raise RuntimeError("the cat ate it")

    before = torch.autograd.backward
    with pytest.raises(RuntimeError, match="cat"):
        collect.collect(Prepared(fails, [{"item": 1}], {}, {}), CPU, tmp_path / "traces", "worker")

    assert torch.autograd.backward is before
    assert not list(tmp_path.rglob("*.gz"))


def test_a_profile_is_kept_as_json(tmp_path):
    profile = profiled(tmp_path, toys.Mlp())

    assert typed(json.loads(json.dumps(profile.to_json(), allow_nan=False)), Profile) == profile
