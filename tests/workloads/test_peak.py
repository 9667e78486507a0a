"""What a machine reaches at most: kernels cost what they say, on random numbers of the right type."""

import pytest
import torch

from workloads import peak
from workloads.flops import count


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
