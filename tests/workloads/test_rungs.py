"""Rungs: each changes how a step is computed and not what it does; tuned takes those that pay."""

import shutil
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import ClassVar

import pytest
import torch

from bench.catalogue import catalogue
from workloads import bert, resnet, rungs, speech
from workloads.inputs.pretraining import pretraining_batches
from workloads.models import chosen
from workloads.rungs import Rung, climb, compile_as

pytestmark = pytest.mark.usefixtures("compiled_by_nobody")

REVIEWS = {"size": "tiny", "batch_size": 2, "sequence_length": 256}
PAIRS = {"size": "tiny", "batch_size": 2, "sequence_length": 64}
PHOTOGRAPHS = {"depth": 18, "batch_size": 2, "image": 32}
# So many that no batch norm sees two values only, whose gradient is nothing but rounding.
MANY = {"depth": 18, "batch_size": 4, "image": 64}

LEARNING = [
    *((bert.Finetune, REVIEWS, variant) for variant in ("fused", "packed", "fused+packed", "tuned")),
    *((bert.Pretrain, PAIRS, variant) for variant in ("fused", "packed", "masked-head", "tuned")),
    (resnet.Train, MANY, "fused+channels_last"),
]
INFERRING = [
    *((bert.Classify, REVIEWS, variant) for variant in ("packed", "tuned")),
    *((resnet.Classify, PHOTOGRAPHS, variant) for variant in ("channels_last", "folded", "tuned")),
    *((speech.Recognize, {"batch_size": 2, "seconds": 1}, variant) for variant in ("folded", "tuned")),
    *((speech.Transcribe, {"size": "tiny", "batch_size": 2, "tokens": 6}, variant) for variant in ("greedy", "tuned")),
]


def named(case):
    workload, _, variant = case
    return f"{workload.__module__.rpartition('.')[2]}:{workload.__name__}-{variant}"


@pytest.fixture(scope="module")
def learnt():
    """The losses of 50 steps in float64, in which rounding cannot grow to be seen; each workload's plain ones once."""
    known = {}

    def losses(workload, setup):
        if workload not in known:
            prepared = workload.prepare(setup)
            known[workload] = [prepared.step(number).item() for number in range(50)]
        return known[workload]

    return losses


@pytest.mark.parametrize("case", LEARNING, ids=named)
def test_fifty_steps_learn_what_the_plain_ones_learn(setup, precision, learnt, case):
    workload, axes, variant = case
    # Rungs draw dropout's random numbers in another order.
    exact = setup(precision=precision(weights=torch.float64), dropout=False)
    plain = learnt(workload(**axes), exact)

    assert learnt(workload(**axes, variant=variant), exact) == pytest.approx(plain, rel=1e-9)
    assert len(set(plain)) == 50


@pytest.mark.parametrize("case", INFERRING, ids=named)
def test_every_batch_comes_out_as_the_plain_one_does(setup, case):
    workload, axes, variant = case
    plain, other = workload(**axes).prepare(setup()), workload(**axes, variant=variant).prepare(setup())

    assert other.model["rungs"]
    assert "rungs" not in plain.model
    for number in range(len(plain.work)):
        torch.testing.assert_close(other.step(number), plain.step(number), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("workload", "axes"),
    [
        (bert.Finetune, REVIEWS),
        (bert.Pretrain, PAIRS),
        (bert.Classify, REVIEWS),
        (resnet.Train, PHOTOGRAPHS),
        (resnet.Classify, PHOTOGRAPHS),
        (speech.Recognize, {"seconds": 1}),
        (speech.Transcribe, {"size": "tiny", "tokens": 2}),
    ],
    ids=lambda one: getattr(one, "__qualname__", ""),
)
def test_an_unknown_rung_is_refused_with_those_that_there_are(workload, axes):
    offered = ", ".join(workload.RUNGS)
    for variant in ("quick", "tuned+quick", "", "plain+tuned", f"{next(iter(workload.RUNGS))}+" * 2):
        with pytest.raises(ValueError, match=f"must be plain, tuned, or some of {offered}, joined by"):
            workload(**axes, variant=variant)


def test_a_rung_against_an_axis_that_was_set_is_refused_and_tuned_leaves_it_out(setup):
    with pytest.raises(ValueError, match="fused sets optimizer=fused; leave out --set optimizer"):
        bert.Finetune(optimizer="for-loop", variant="fused+packed")
    assert bert.Finetune(optimizer="fused", variant="fused").optimizer == "fused"

    climbed = climb(bert.Finetune(**REVIEWS, optimizer="for-loop", variant="tuned"), setup())

    assert (climbed.optimizer, climbed.variant) == ("for-loop", "packed")


@pytest.mark.parametrize("workload", [bert.Finetune, bert.Classify, resnet.Train, resnet.Classify, speech.Recognize])
def test_cuda_graphs_are_named_where_there_is_cuda_and_refused_elsewhere(setup, workload):
    with pytest.raises(
        NotImplementedError, match="no rung graphs here: CUDA graphs are of CUDA devices, and this is cpu"
    ):
        climb(workload(variant="graphs"), setup())
    on_cuda = setup(device=torch.device("cuda"))
    graphs, compiled = (climb(workload(variant=name), on_cuda) for name in ("graphs", "compile"))
    asked = []
    model = SimpleNamespace(compile=lambda **how: asked.append(how))
    compile_as(graphs, model)
    compile_as(compiled, model)

    assert asked == [{"mode": "reduce-overhead", "dynamic": False}, {}]
    assert getattr(graphs, "compile", True)  # an axis of all but speech
    assert "graphs" not in climb(workload(variant="tuned"), on_cuda).variant


def test_plain_says_nothing_of_rungs_and_others_say_what_ran(setup):
    models = {
        variant: bert.Finetune(**REVIEWS, variant=variant).prepare(setup()).model
        for variant in ("plain", "fused", "tuned")
    }

    assert "rungs" not in models["plain"]
    assert models["fused"]["rungs"] == {"fused": "optimizer=fused"}
    assert list(models["tuned"]["rungs"]) == ["fused", "packed"]


def test_tuned_packs_where_a_tenth_is_padding_and_whoever_names_it_has_it(setup):
    full = {"size": "tiny", "batch_size": 2, "sequence_length": 16}
    tuned, packed = (bert.Classify(**full, variant=name).prepare(setup()) for name in ("tuned", "packed"))

    assert tuned.model["rungs"] == {}
    assert list(packed.model["rungs"]) == ["packed"]
    assert packed.work[0] == {"sequence": 2, "token": 32, "real_token": 32}
    assert list(bert.Classify(**REVIEWS, variant="tuned").prepare(setup()).model["rungs"]) == ["packed"]


def test_packed_sequences_are_the_same_ones_and_no_token_is_padding(setup):
    plain, packed = (bert.Classify(**REVIEWS, variant=name).prepare(setup()) for name in ("plain", "packed"))

    assert packed.inputs == plain.inputs
    for before, after in zip(plain.work, packed.work, strict=True):
        assert after == {**before, "token": before["real_token"]}
        assert before["token"] == 512 > before["real_token"]


@pytest.mark.parametrize(("workload", "axes"), [(bert.Classify, REVIEWS), (bert.Finetune, REVIEWS)])
def test_a_packed_batch_costs_what_its_sequences_cost_alone(setup, workload, axes):
    packed = workload(**axes, variant="packed").prepare(setup())
    alone = workload(**{**axes, "batch_size": 1}, padding="longest").prepare(setup())
    lengths = {work["token"]: alone.flops(number) for number, work in enumerate(alone.work)}

    # The first two of the reviews that stand alone are the packed ones' first batch.
    one, two = (work["token"] for work in alone.work[:2])
    assert packed.work[0]["token"] == one + two
    assert packed.flops(0) == lengths[one] + lengths[two]


def test_a_masked_head_saves_the_products_of_all_other_positions(setup):
    width, vocabulary = 128, 30_522
    plain, masked = (bert.Pretrain(**PAIRS, variant=name).prepare(setup()) for name in ("plain", "masked-head"))
    batches = pretraining_batches(bert.documents("generated", 9).content, 2, 4, 64)
    hidden = int((batches[0]["labels"] != -100).sum())

    saved = 3 * 2 * (2 * 64 - hidden) * (width**2 + width * vocabulary)
    assert plain.flops(0) - masked.flops(0) == saved
    assert 0 < hidden < 0.2 * 2 * 64


def test_attention_of_one_kernel_is_that_of_one_sequence_after_the_other():
    torch.manual_seed(0)
    lengths = (3, 1, 5)
    offsets = torch.tensor([0, 3, 4, 9])
    query, key, value = (torch.randn(1, 2, 9, 8, requires_grad=True) for _ in range(3))

    loop, _ = chosen.attend(None, query, key, value, None, lengths=lengths, offsets=offsets, scaling=0.3)
    kernel = chosen.one_kernel(query, key, value, offsets, lengths, 0.0, 0.3)

    assert loop.shape == (1, 9, 2, 8)
    torch.testing.assert_close(kernel, loop)
    torch.testing.assert_close(*(torch.autograd.grad(one.square().sum(), query)[0] for one in (kernel, loop)))


def test_no_dropout_in_attention_is_another_training_and_never_part_of_tuned(setup):
    assert "no-attention-dropout" not in climb(bert.Finetune(**REVIEWS, variant="tuned"), setup()).variant
    without = bert.Finetune(**REVIEWS, variant="tuned+no-attention-dropout")
    assert list(without.prepare(setup()).model["rungs"]) == ["fused", "packed", "no-attention-dropout"]

    model = climb(without, setup())._build("BertForSequenceClassification", setup())

    assert [layer.attention.self.dropout.p for layer in model.bert.encoder.layer] == [0.0, 0.0]
    assert model.dropout.p == model.bert.embeddings.dropout.p == 0.1


@pytest.mark.parametrize(
    "workload",
    [
        bert.Finetune(**REVIEWS, variant="packed+compile"),
        resnet.Train(**PHOTOGRAPHS, variant="compile"),
        resnet.Classify(**PHOTOGRAPHS, variant="folded+compile"),
        speech.Recognize(batch_size=1, seconds=1, variant="compile"),
    ],
    ids=lambda workload: type(workload).__qualname__,
)
def test_what_is_called_is_compiled_where_that_is_asked_for_and_by_tuned_where_it_pays(setup, monkeypatch, workload):
    compiled = []
    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(type(self).__name__))
    assert "compile" in workload.prepare(setup()).model["rungs"]

    name = "Chosen" if "packed" in workload.variant else "ResNetForImageClassification"
    assert compiled == [name if not isinstance(workload, speech.Recognize) else "Wav2Vec2ForCTC"]
    tuned = replace(workload, variant="tuned").prepare(setup())
    pays = isinstance(workload, resnet.Classify)
    assert len(compiled) == 1 + pays == 1 + ("compile" in tuned.model["rungs"])


def test_without_a_compiler_tuned_is_not_compiled_and_whoever_names_it_is_told(setup, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    monkeypatch.setenv("CXX", "c++-99")

    assert climb(resnet.Classify(variant="tuned"), setup()).variant == "channels_last+folded"
    with pytest.raises(NotImplementedError, match=r"there is no c\+\+-99 \(CXX names another one\)"):
        climb(bert.Classify(variant="compile"), setup())
    assert climb(bert.Classify(variant="compile"), setup(device=torch.device("cuda"))).variant == "compile"


@pytest.fixture
def convolutions():
    """What cuDNN's convolutions compute fp32 in."""
    settings = torch.backends.cudnn.conv
    before = settings.fp32_precision
    yield settings
    settings.fp32_precision = before


def test_channels_last_is_for_tensor_cores_on_cuda(setup, precision, convolutions):
    convolutions.fp32_precision = "ieee"

    def tuned(**how):
        made = setup(device=torch.device("cuda"), precision=precision(**how))
        return climb(resnet.Train(variant="tuned"), made).variant

    assert tuned() == "fused"
    assert tuned(compute=torch.bfloat16) == tuned(weights=torch.bfloat16) == "fused+channels_last"
    convolutions.fp32_precision = "tf32"
    assert tuned() == "fused+channels_last"


def test_folding_keeps_the_layout_and_leaves_no_batch_norm(setup):
    workload = resnet.Classify(**PHOTOGRAPHS, layout="channels_last", variant="folded")
    model = climb(workload, setup())._arrange(workload._build(setup()).eval())

    assert not [one for one in model.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    wide = [one.weight for one in model.modules() if isinstance(one, torch.nn.Conv2d) and one.kernel_size == (3, 3)]
    assert wide
    assert all(weight.is_contiguous(memory_format=torch.channels_last) for weight in wide)


@dataclass(frozen=True)
class Toy:
    """A workload whose only rung needs what nobody has."""

    RUNGS: ClassVar = {
        "wings": Rung("flies", rungs.always, lacks=lambda setup: "no wings"),
        "legs": Rung("walks", rungs.on("cuda")),
    }
    variant: str = "plain"


def test_what_a_device_has_not_is_unsupported_by_name_and_left_out_of_tuned(setup):
    with pytest.raises(NotImplementedError, match="no rung wings here: no wings"):
        climb(Toy("wings"), setup())
    climbed = climb(Toy("tuned"), setup())

    assert rungs.facts(climbed) == {"rungs": {}}
    assert rungs.facts(climb(Toy("legs"), setup())) == {"rungs": {"legs": "walks"}}


@pytest.fixture
def avx512(monkeypatch):
    """A CPU that has AVX-512 to tell; torch's setting is put back."""
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    before = torch.backends.mkldnn.matmul.fp32_precision
    yield
    torch.backends.mkldnn.matmul.fp32_precision = before


def test_onednn_is_taken_only_while_its_products_are_proved_to_be_fp32(setup, avx512, monkeypatch):
    def setting():
        return torch.backends.mkldnn.matmul.fp32_precision

    before = setting()
    monkeypatch.setattr(rungs, "_product", lambda left, right: (left.bfloat16() @ right.bfloat16()).float())
    with pytest.raises(NotImplementedError, match="it is not fp32"):
        climb(bert.Classify(variant="onednn"), setup())
    assert climb(bert.Classify(variant="tuned"), setup()).variant == "packed"
    assert setting() == before
    monkeypatch.undo()
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    monkeypatch.setattr(rungs, "_product", lambda left, right: (left.double() @ right.double()).float())

    assert climb(bert.Classify(variant="tuned"), setup()).variant == "packed+onednn"
    assert setting() == "bf16" != before


def test_onednn_is_not_to_be_had_below_avx512(setup, monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    with pytest.raises(NotImplementedError, match="from AVX-512 on, and this is AVX2"):
        climb(speech.Recognize(variant="onednn"), setup())


def test_what_there_is_to_choose_from_names_the_rungs_of_each_workload():
    shown = {one["name"]: one["axes"] for one in catalogue(("workloads",))["workloads"]}

    assert (
        shown["bert:Classify"]["variant"] == "plain (or tuned, or some of packed, onednn, compile, graphs, joined by +)"
    )
    assert shown["bert:Classify"]["pipeline"] == "off (or a number of loader workers)"
    assert "variant" not in shown["peak:Product"]
