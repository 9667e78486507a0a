"""FLOPs by formula and by the meta device, one against the other: a product of (m, k) and (k, n) matrices is 2mkn."""

import pytest
import torch

from workloads import bert, flops, resnet, speech, transcription
from workloads.inputs.pretraining import IGNORED
from workloads.inputs.reviews import review_batches
from workloads.models.chosen import Chosen, choose


def bert_encoder(batch, length, layers, width):
    """Projections, attention and inner layer: 2B(4SH^2 + 2S^2H + 8SH^2) a layer, as the inner one is 4H wide."""
    return layers * 2 * batch * (12 * length * width**2 + 2 * length**2 * width)


def test_bert_pretraining_costs_what_the_formula_says(setup):
    batch, length, width, vocabulary = 2, 64, 128, 30_522
    forward = bert_encoder(batch, length, 2, width)
    forward += 2 * batch * width**2 + 4 * batch * width  # pooler and next sentence
    forward += 2 * batch * length * (width**2 + width * vocabulary)  # words, on every position
    prepared = bert.Pretrain(size="tiny", batch_size=batch, sequence_length=length).prepare(setup())
    assert prepared.flops(0) == 3 * forward  # the backward pass multiplies twice for every product


@pytest.mark.parametrize("name", ["BertForPreTraining", "BertForSequenceClassification"])
def test_berts_formula_is_what_the_meta_device_counts(setup, name):
    workload = bert.Pretrain(size="tiny", batch_size=2, sequence_length=64)
    trains = name == "BertForPreTraining"
    made = (workload if trains else bert.Classify(size="tiny", batch_size=2, sequence_length=64)).prepare(setup())
    shape = torch.zeros(2, 64, dtype=torch.long)
    batch = {"input_ids": shape, "token_type_ids": shape}
    if trains:
        batch |= {"labels": shape, "next_sentence_label": torch.zeros(2, dtype=torch.long)}
    model = workload._build(name, setup()).train(trains)

    assert made.flops(0) == flops.batch_flops(model, [batch], trains)(0)


def ran(model, batch):
    """The FLOPs of the operators that a forward pass without padding dispatches, one sequence after the other."""
    total = 0
    model.set_attn_implementation("eager")
    for row in range(len(batch["input_ids"])):
        length = int(batch["attention_mask"][row].sum())
        alone = {name: value[row : row + 1] for name, value in batch.items() if name != "attention_mask"}
        alone = {name: value[:, :length] if value.ndim == 2 else value for name, value in alone.items()}
        alone["attention_mask"] = torch.ones_like(alone["input_ids"])
        chosen = choose(alone, packed=False, words="labels" in alone)
        total += flops.count(lambda chosen=chosen: Chosen(model, packed=False)(**chosen))
    return total


def test_what_a_result_requires_is_what_its_sequences_cost_alone_and_the_hidden_words(setup):
    workload = bert.Pretrain(size="tiny", batch_size=2, sequence_length=64)
    made = workload.prepare(setup())
    documents = bert.documents("generated", 9).content
    batch = bert.Pairs(documents, 2, 64).batch(0, documents.__getitem__)
    model = workload._build("BertForPreTraining", setup()).eval()
    with torch.no_grad():
        assert made.required(0) == 3 * ran(model, batch)
    assert 0 < (batch["labels"] != IGNORED).sum() < 20
    assert made.required(0) < made.flops(0)


def test_required_are_the_flops_of_the_text_whatever_way_they_are_computed(setup):
    axes = {"size": "tiny", "batch_size": 2, "sequence_length": 256}
    made = {name: bert.Classify(**axes, variant=name).prepare(setup()) for name in ("plain", "packed")}
    short = bert.Classify(**axes, padding="longest").prepare(setup())
    number = len(short.work)
    required = [made["plain"].required(i) for i in range(number)]

    assert required == [made["packed"].required(i) for i in range(number)] == [short.required(i) for i in range(number)]
    assert required == [made["packed"].flops(i) for i in range(number)]
    assert all(needed < made["plain"].flops(i) for i, needed in enumerate(required))
    batch = review_batches(bert.documents("generated", 2).content, 2, 256, "max_length")[0]
    model = bert.Classify(**axes)._build("BertForSequenceClassification", setup()).eval()
    with torch.no_grad():
        assert required[0] == ran(model, {name: value for name, value in batch.items() if name != "labels"})


def test_pretraining_requires_the_same_by_every_variant(setup):
    axes = {"size": "tiny", "batch_size": 2, "sequence_length": 64}
    variants = ("plain", "packed", "masked-head", "packed+masked-head", "tuned")
    required = {bert.Pretrain(**axes, variant=name).prepare(setup()).required(0) for name in variants}

    assert len(required) == 1
    assert bert.Pretrain(**axes, variant="packed+masked-head").prepare(setup()).flops(0) in required


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_bert_classification_costs_what_the_formula_says_whatever_the_kernel(setup, attention):
    batch, length, width = 2, 64, 128
    forward = bert_encoder(batch, length, 2, width) + 2 * batch * width**2 + 4 * batch * width
    axes = {"size": "tiny", "batch_size": batch, "sequence_length": length, "attention": attention}
    assert bert.Classify(**axes).prepare(setup()).flops(0) == forward
    assert bert.Finetune(**axes).prepare(setup()).flops(0) == 3 * forward


def test_a_shorter_batch_costs_less(setup):
    prepared = bert.Classify(size="tiny", batch_size=1, sequence_length=512, padding="longest").prepare(setup())
    lengths = [work["token"] for work in prepared.work]
    assert len(set(lengths)) > 1
    for i, length in enumerate(lengths):
        assert prepared.flops(i) == bert_encoder(1, length, 2, 128) + 2 * 128**2 + 4 * 128


def resnet_forward(depth, image=224):
    """Multiply-adds of all convolutions and the classifier, times 2; v1.5 strides in the 3 x 3 convolution."""
    blocks = {18: (2, 2, 2, 2), 50: (3, 4, 6, 3)}[depth]
    side = image // 2
    total = stem = side**2 * 3 * 64 * 49
    side, before = side // 2, 64
    for stage, count in enumerate(blocks):
        narrow = 64 * 2**stage
        wide = narrow * 4 if depth >= 50 else narrow
        for block in range(count):
            stride = 2 if block == 0 and stage > 0 else 1
            after = side // stride
            if depth >= 50:
                total += side**2 * before * narrow + after**2 * (9 * narrow**2 + narrow * wide)
            else:
                total += after**2 * 9 * (before * wide + wide**2)
            if before != wide or stride == 2:
                total += after**2 * before * wide
            side, before = after, wide
    return 2 * (total + before * 1000), 2 * stem


@pytest.mark.parametrize("depth", [18, 50])
def test_resnet_costs_what_the_formula_says(setup, depth):
    forward, stem = resnet_forward(depth)
    assert resnet.Classify(depth=depth, batch_size=1).prepare(setup()).flops(0) == forward
    # The photograph needs no gradient, so the backward pass of the first convolution multiplies once.
    assert resnet.Train(depth=depth, batch_size=1).prepare(setup()).flops(0) == 3 * forward - stem


def test_resnet_50_costs_the_published_8_gflop():
    assert resnet_forward(50)[0] == pytest.approx(8.18e9, rel=1e-3)


def test_wav2vec2_costs_what_the_formula_says(setup):
    seconds, width = 1, 768
    length, channels, forward = seconds * 16_000, 1, 0
    for kernel, stride in zip((10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2), strict=True):
        length = (length - kernel) // stride + 1
        forward += 2 * length * channels * 512 * kernel
        channels = 512
    forward += 2 * length * 512 * width
    forward += 2 * (length + 1) * width * (width // 16) * 128  # positions: an even kernel gives one place too many
    forward += bert_encoder(1, length, 12, width) + 2 * length * width * 32
    assert speech.Recognize(batch_size=1, seconds=seconds).prepare(setup()).flops(0) == forward


def whisper(layers, width, prompt, tokens, vocabulary=51_865, frames=1500):
    """The encoder; then, token by token, the decoder with a cache of itself and of the encoded audio."""
    encoder = 2 * 2 * frames * 80 * width * 3 + 2 * frames * width**2 * 3 + bert_encoder(1, frames, layers, width)
    decoder = layers * 2 * 2 * frames * width**2  # keys and values of the audio, once
    for begin, end in [(0, prompt), *((prompt + i, prompt + i + 1) for i in range(tokens - 1))]:
        rows = end - begin
        a_layer = 2 * rows * (4 + 2 + 8) * width**2 + 4 * rows * (end + frames) * width
        decoder += layers * a_layer + 2 * rows * width * vocabulary
    return encoder + decoder


@pytest.mark.parametrize("tokens", [1, 2, 3, 9])
def test_whisper_costs_what_the_formula_says_token_by_token(setup, tokens):
    model = speech.Transcribe(size="tiny")._build(setup())
    assert transcription.batch_flops(model, 1, tokens) == whisper(4, 384, 4, tokens)
    assert transcription.batch_flops(model, 3, tokens) == 3 * whisper(4, 384, 4, tokens)


def test_whisper_costs_what_counting_every_pass_of_the_real_decoding_gives(setup):
    from torch.utils.flop_counter import FlopCounterMode

    tokens = 5
    workload = speech.Transcribe(size="tiny", batch_size=1, tokens=tokens)
    prepared = workload.prepare(setup())
    model = workload._build(setup())
    model.set_attn_implementation("eager")  # on a CPU the counter does not see the fused kernel
    features = speech._log_mel(speech._speech("generated", 1, 30)[1][0]["samples"], setup())
    with FlopCounterMode(display=False) as counter:
        model.generate(features)
    assert prepared.flops(0) == counter.get_total_flops()


def test_counting_leaves_the_model_as_it_is(setup):
    model = bert.Classify(size="tiny")._build("BertForSequenceClassification", setup())
    flops.meta_copy(model)
    assert model.config._attn_implementation == "sdpa"
    assert {parameter.device.type for parameter in model.parameters()} == {"cpu"}


def test_a_shape_is_counted_once(setup, monkeypatch):
    counted = []
    monkeypatch.setattr(flops, "count", lambda run: counted.append(run) or 1)
    prepared = resnet.Classify(depth=18, batch_size=2).prepare(setup())
    assert counted == []
    assert [prepared.flops(i) for i in range(8)] == [1] * 8
    assert len(counted) == 1
