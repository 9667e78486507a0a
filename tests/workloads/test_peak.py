"""What a machine reaches at most: kernels cost what they say, on random numbers of the right type."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from workloads import peak, ranks
from workloads.flops import count

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("edge", [64, 256, 1024])
@pytest.mark.parametrize("kernel", ["mm", "linear", "conv"])
def test_a_product_costs_the_flops_that_torch_counts_for_its_kernel(setup, kernel, edge):
    prepared = peak.Product(kernel=kernel, edge=edge, batch_size=2).prepare(setup())

    assert prepared.flops(0) == count(lambda: prepared.step(0))


@pytest.mark.parametrize("kernel", ["linear", "packed", "conv"])
def test_every_kernel_costs_about_the_same_and_layers_exactly(kernel):
    cost, square = peak.Product(kernel=kernel, edge=1024).flops, peak.Product(edge=1024).flops

    assert cost == square if kernel != "conv" else cost == pytest.approx(square, rel=0.05)


def test_a_packed_layer_gives_what_a_plain_one_gives(setup):
    plain, packed = (peak.Product(kernel=kernel, edge=64).prepare(setup()).step(0) for kernel in ("linear", "packed"))

    assert torch.allclose(plain, packed, rtol=1e-4, atol=1e-3)


def test_weights_are_packed_on_a_cpu_only(setup):
    with pytest.raises(NotImplementedError, match="oneDNN packs weights on a CPU"):
        peak.Product(kernel="packed", edge=64).prepare(setup(device=torch.device("meta")))


@pytest.mark.parametrize("kernel", ["mm", "linear", "packed", "conv"])
def test_operands_are_normal_and_never_zeros(setup, kernel):
    result = peak.Product(kernel=kernel, edge=256).prepare(setup()).step(0)

    # Sums of products of normal numbers: their deviation is the root of how many there are; padding makes it less.
    terms = {"mm": 256, "linear": 128, "packed": 128, "conv": 9 * 64}[kernel]
    assert float(result.std()) == pytest.approx(terms**0.5, rel=0.15)


def test_operands_are_of_the_type_that_the_precision_multiplies(setup, precision):
    class Autocast(type(precision())):
        def autocast(self):
            return torch.autocast("cpu", torch.bfloat16)

    for settings, dtype in (
        (precision(), torch.float32),
        (precision(weights=torch.bfloat16), torch.bfloat16),
        (Autocast(), torch.bfloat16),
    ):
        made = setup(precision=settings)
        assert peak.multiplied(made) == dtype
        assert peak.Product(edge=64).prepare(made).step(0).dtype == dtype


@pytest.mark.parametrize(("kernel", "arrays"), [("copy", 2), ("triad", 3)])
def test_bytes_of_a_stream_are_counted_as_stream_counts_them(setup, kernel, arrays):
    prepared = peak.Stream(kernel=kernel, mebibytes=2, batch_size=3).prepare(setup())

    assert prepared.work == [{"B": 3 * arrays * 2 * 2**20}]
    assert prepared.flops is None
    # Triad adds three times an array to one of the same numbers.
    assert float(prepared.step(0).std()) == pytest.approx({"copy": 1, "triad": 4}[kernel], rel=0.2)


@pytest.mark.parametrize("wrong", [{"edge": 8}, {"kernel": "fft"}, {"batch_size": 0}])
def test_a_product_that_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        peak.Product(**wrong)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("kernel", ["mm", "linear", "conv"])
def test_a_product_runs_on_a_gpu(setup, kernel):
    result = peak.Product(kernel=kernel, edge=1024).prepare(setup(device=torch.device("cuda:0"))).step(0)

    assert result.is_cuda
    assert bool(result.isfinite().all())


SUMMED = """
import json, sys, torch
from workloads import ranks

once = ranks.collective("all_reduce", 6, torch.float32, torch.device("cpu"), 3)
once().fill_(1.0)
print(json.dumps([once().tolist()[0] for _ in range(3)]), flush=True)
"""


def in_a_session(script):
    """Run a script in a process group of its own, and end what it started."""
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline().decode()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        return line, process.stderr.read().decode()


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 3, reason="needs three CUDA devices")
def test_gpus_take_part_in_every_collective():
    line, stderr = in_a_session(SUMMED.replace('"cpu"', '"cuda:0"'))

    assert line, stderr
    assert json.loads(line) == [1, 3, 9]


def test_all_ranks_take_part_in_every_collective():
    line, stderr = in_a_session(SUMMED)

    # Of 1, 0 and 0 all have 1, and then three times as much each time: every rank sums what every rank had.
    assert line, stderr
    assert json.loads(line) == [1, 3, 9]


@pytest.mark.parametrize("world_size", [2, 3, 8])
@pytest.mark.parametrize(("kernel", "times"), [("all_reduce", 2), ("all_gather", 1), ("reduce_scatter", 1)])
def test_bytes_of_a_collective_are_those_on_the_bus(setup, monkeypatch, kernel, times, world_size):
    monkeypatch.setattr(ranks, "collective", lambda *arguments: lambda: torch.zeros(8))
    prepared = peak.Collective(kernel=kernel, mebibytes=3, world_size=world_size, batch_size=2).prepare(setup())

    whole = 3 * 2**20 // 4 // world_size * world_size * 4
    assert prepared.work == [{"B": pytest.approx(2 * times * (world_size - 1) / world_size * whole)}]


def test_a_collective_needs_as_many_devices_as_it_says(setup):
    with pytest.raises(NotImplementedError, match="4096 devices from cuda:0 on are needed, and there are"):
        ranks.collective("all_reduce", 8, torch.float32, torch.device("cuda", 0), 4096)
    with pytest.raises(ValueError, match="world_size"):
        peak.Collective(world_size=1)


def test_a_rank_that_never_comes_is_an_error_and_no_number():
    late = "from datetime import timedelta\nfrom workloads import ranks\nranks._JOIN = timedelta(seconds=2)\n"
    nobody = "import sys\nsys.executable = '/bin/false'\n"
    line, stderr = in_a_session(late + nobody + SUMMED)

    assert line == ""
    assert "timed out" in stderr.lower()
