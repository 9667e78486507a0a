"""Precisions: set up, refused where emulated, and proved to be what the label says."""

import pytest
import torch

from bench import precision
from bench.device import device
from bench.errors import Unsupported

CPU = device("cpu")


@pytest.fixture(autouse=True)
def restored():
    backends = torch.backends
    settings = (backends, backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
    before = [one.fp32_precision for one in settings]
    yield
    for one, was in zip(settings, before, strict=True):
        one.fp32_precision = was


@pytest.fixture
def native(monkeypatch):
    """Has the CPU pass for one that computes everything natively, so that older ones can run these tests."""
    monkeypatch.setattr(precision, "EMULATED_SLOWDOWN", float("inf"))


def test_fp32_is_strict_everywhere_even_where_torch_defaults_to_tf32():
    settings = precision.prove(precision.apply("fp32", CPU), CPU)

    assert set(settings["fp32_precision"].values()) == {"ieee"}
    assert (settings["weights"], settings["autocast"], settings["product_dtype"]) == ("float32", None, "float32")


def test_fp32_is_strict_where_convolutions_or_products_had_a_setting_of_their_own():
    """As convolutions have it in torch 2.11 from the start, and products once a graph was compiled under TF32."""
    torch.backends.cudnn.conv.fp32_precision = torch.backends.cuda.matmul.fp32_precision = "tf32"
    settings = precision.prove(precision.apply("fp32", CPU), CPU)

    assert set(settings["fp32_precision"].values()) == {"ieee"}


def test_the_older_switches_say_the_same_and_can_be_read():
    precision.apply("fp32", CPU)

    assert torch.get_float32_matmul_precision() == "highest"
    assert torch.backends.cudnn.allow_tf32 is False
    assert torch.backends.cuda.matmul.allow_tf32 is False
    with torch.backends.cudnn.flags(enabled=False):
        pass


def test_a_convolution_that_is_not_what_the_label_says_is_refused(monkeypatch):
    exact = precision._convolution
    monkeypatch.setattr(precision, "_convolution", lambda *of: exact(*of) * (1 + 1e-3))

    with pytest.raises(RuntimeError, match="fp32 did not run as labelled: a convolution came out as"):
        precision.prove(precision.apply("fp32", CPU), CPU)


def test_a_convolution_may_be_more_exact_than_its_label(native):
    found = precision.prove(precision.Precision("bf16", "cpu", torch.float32, torch.bfloat16), CPU)

    assert 1e-3 < found["convolution_error"] < 1e-2
    assert precision.prove(precision.Precision("fp32", "cpu", torch.float32), CPU)["convolution_error"] < 1e-5


@pytest.mark.parametrize(
    ("name", "weights", "autocast"), [("bf16", "float32", "bfloat16"), ("bf16-pure", "bfloat16", None)]
)
def test_bf16_and_bf16_pure_are_two_things(native, name, weights, autocast):
    settings = precision.prove(precision.apply(name, CPU), CPU)

    assert (settings["weights"], settings["autocast"], settings["product_dtype"]) == (weights, autocast, "bfloat16")


def test_only_fp16_trains_with_gradient_scaling():
    scalers = {name: precision.Precision(name, "cpu", torch.float32, compute).scaler() for name, compute in COMPUTE}

    assert scalers.pop("fp16").get_scale() == 2**16
    assert precision.Precision("fp16", "cpu", torch.float32, torch.float16, 2.0**8).scaler().get_scale() == 2**8
    assert set(scalers.values()) == {None}


COMPUTE = [("fp32", None), ("bf16", torch.bfloat16), ("fp16", torch.float16)]


@pytest.mark.parametrize(
    ("label", "really"), [("bf16", "fp32"), ("fp32", "bf16"), ("bf16-pure", "fp16"), ("tf32", "fp32")]
)
def test_a_label_that_is_not_what_ran_is_refused_with_both(label, really):
    """As when an autocast flag of another device type is set, and fp32 is published as bf16."""
    compute = dict(COMPUTE)[really]
    lying = precision.Precision(label, "cpu", torch.float32, compute)

    with pytest.raises(RuntimeError, match=f"precision {label} did not run as labelled"):
        precision.prove(lying, CPU)


def test_tf32_is_unsupported_on_a_cpu():
    with pytest.raises(Unsupported, match="NVIDIA"):
        precision.apply("tf32", CPU)


@pytest.mark.parametrize(("slowdown", "refused"), [(100.0, True), (3.5, True), (2.5, False), (0.4, False)])
def test_what_is_much_slower_than_fp32_is_emulated_and_refused(monkeypatch, slowdown, refused):
    def fastest(chosen, *_):
        return slowdown if chosen.name == "bf16" else 1.0

    monkeypatch.setattr(precision, "_fastest", fastest)
    if not refused:
        assert precision.apply("bf16", CPU).name == "bf16"
        return
    with pytest.raises(Unsupported, match=f"emulated: .* bf16 takes {slowdown:.0f} times as long as in fp32"):
        precision.apply("bf16", CPU)


def test_the_probe_leaves_the_number_of_threads_as_it_was(native):
    before = torch.get_num_threads()
    precision.apply("bf16", CPU)

    assert torch.get_num_threads() == before
