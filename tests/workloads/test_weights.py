"""Building on the meta device and filling afterwards gives what plain construction gives, faster."""

import json

import pytest
import torch
from transformers import BertConfig, ResNetConfig, Wav2Vec2Config, WhisperConfig
from transformers.models.bert.modeling_bert import BertForPreTraining, BertForSequenceClassification
from transformers.models.resnet.modeling_resnet import ResNetForImageClassification
from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForCTC
from transformers.models.whisper.modeling_whisper import WhisperForConditionalGeneration

from workloads import bert, resnet, speech, weights

SMALL_BERT = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 512}
SMALL_WAV2VEC2 = {"hidden_size": 96, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 192}
SMALL_WHISPER = {
    **{f"{half}_layers": 2 for half in ("encoder", "decoder")},
    **{f"{half}_attention_heads": 2 for half in ("encoder", "decoder")},
    **{f"{half}_ffn_dim": 256 for half in ("encoder", "decoder")},
    "d_model": 128,
}
MODELS = {
    "bert": (BertForPreTraining, lambda: BertConfig(**SMALL_BERT)),
    "resnet": (ResNetForImageClassification, lambda: ResNetConfig(layer_type="basic", hidden_sizes=[32, 64, 64, 64])),
    "wav2vec2": (Wav2Vec2ForCTC, lambda: Wav2Vec2Config(**SMALL_WAV2VEC2)),
    "whisper": (WhisperForConditionalGeneration, lambda: WhisperConfig(**SMALL_WHISPER)),
}


@pytest.fixture(params=MODELS)
def pair(request, setup, memory_full_of_nan):
    """A model built our way out of memory full of NaN, and the same one constructed plainly."""
    model_class, config = MODELS[request.param]
    built = weights.random(model_class, config(), setup())
    torch.manual_seed(0)
    return built, model_class(config())


@pytest.fixture
def memory_full_of_nan():
    """Memory comes as NaN, or as the largest whole number, as long as nothing is written to it."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def test_every_parameter_is_written(pair):
    built, _ = pair
    assert [name for name, parameter in built.named_parameters() if not parameter.isfinite().all()] == []


def test_every_buffer_is_that_of_plain_construction(pair):
    built, plain = pair
    ours, theirs = dict(built.named_buffers()), dict(plain.named_buffers())
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_every_parameter_has_the_distribution_of_plain_construction(pair):
    built, plain = pair
    theirs = dict(plain.named_parameters())
    for name, ours in built.named_parameters():
        if theirs[name].std(correction=0) == 0 or ("embed_positions" in name and not ours.requires_grad):
            assert torch.equal(ours, theirs[name]), name  # norms, biases, sinusoidal positions
        elif ours.numel() > 2000:
            assert ours.std().item() == pytest.approx(theirs[name].std().item(), rel=0.1), name
            assert abs(ours.mean() - theirs[name].mean()) < 0.1 * ours.std(), name
        else:
            assert ours.std() > 0, name


def test_shared_weights_stay_shared(setup):
    model = weights.random(*(make() if i else make for i, make in enumerate(MODELS["bert"])), setup())
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight


def test_one_seed_draws_one_set_of_weights(setup):
    one, same, other = (
        weights.random(BertForPreTraining, BertConfig(**SMALL_BERT), setup(seed=seed)).cls.predictions.decoder.weight
        for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_no_two_layers_have_the_same_weights(setup):
    model = weights.random(BertForPreTraining, BertConfig(**SMALL_BERT), setup())
    matrices = [p.flatten()[1000:1010] for p in model.parameters() if p.ndim == 2 and p.numel() > 2000]
    assert len(torch.unique(torch.stack(matrices), dim=0)) == len(matrices)


def test_rows_of_a_large_matrix_differ_although_the_pool_repeats(setup):
    config = BertConfig(**{**SMALL_BERT, "hidden_size": 1024, "num_attention_heads": 16})
    rows = weights.random(BertForPreTraining, config, setup()).bert.embeddings.word_embeddings.weight
    assert len(torch.unique(rows[1:, 0])) > 0.99 * (len(rows) - 1)


def test_weights_come_in_the_type_of_the_precision(setup, precision):
    model = weights.random(
        BertForPreTraining, BertConfig(**SMALL_BERT), setup(precision=precision(weights=torch.bfloat16))
    )
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


@pytest.mark.parametrize(
    ("build", "parameters"),
    [
        (lambda s: bert.Pretrain(size="tiny")._build("BertForPreTraining", s), 4_433_468),
        (lambda s: bert.Pretrain(size="base")._build("BertForPreTraining", s), 110_106_428),
        (lambda s: bert.Pretrain(size="large")._build("BertForPreTraining", s), 336_226_108),
        (lambda s: bert.Finetune(size="base")._build("BertForSequenceClassification", s), 109_483_778),
        (lambda s: resnet.Classify(depth=18)._build(s), 11_689_512),
        (lambda s: resnet.Classify(depth=50)._build(s), 25_557_032),
        (lambda s: resnet.Classify(depth=101)._build(s), 44_549_160),
        (lambda s: resnet.Classify(depth=152)._build(s), 60_192_808),
        (lambda s: speech.Recognize()._build(s), 94_396_320),
        (lambda s: speech.Transcribe(size="tiny")._build(s), 37_760_640),
        (lambda s: speech.Transcribe(size="base")._build(s), 72_593_920),
        (lambda s: speech.Transcribe(size="small")._build(s), 241_734_912),
    ],
    ids=lambda value: value if isinstance(value, int) else "",
)
def test_parameter_counts_are_the_published_ones(setup, build, parameters):
    on_paper = setup(device=torch.device("meta"))
    assert weights.describe(build(on_paper), on_paper) == {
        **{"parameters": parameters, "bytes": 4 * parameters, "weights": "random"}
    }


def test_a_saved_model_comes_back_as_it_was(setup, tmp_path):
    workload = bert.Finetune(size="tiny")
    saved = workload._build("BertForSequenceClassification", setup(seed=5))
    saved.save_pretrained(tmp_path)
    loaded = workload._build("BertForSequenceClassification", setup(model=str(tmp_path)))
    assert loaded.state_dict().keys() == saved.state_dict().keys()
    assert all(torch.equal(tensor, saved.state_dict()[name]) for name, tensor in loaded.state_dict().items())
    prepared = workload.prepare(setup(model=str(tmp_path)))
    assert prepared.model == {"parameters": 4_386_178, "bytes": 4 * 4_386_178, "weights": str(tmp_path)}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "no config.json there"),
        ("{", "not"),
        (json.dumps({"model_type": "resnet"}), "model_type"),
        (json.dumps({"model_type": "bert", "hidden_size": 768}), "hidden_size is 768 there"),
        (json.dumps({"model_type": "bert", **SMALL_BERT}), "no file named"),
    ],
)
def test_a_directory_without_the_right_model_is_the_users_mistake_in_one_line(setup, tmp_path, content, complaint):
    if content:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(ValueError, match=complaint) as caught:
        bert.Classify(size="tiny").prepare(setup(model=str(tmp_path)))
    assert str(caught.value).startswith(f"model {tmp_path}: ")
    assert "\n" not in str(caught.value)


def test_a_broken_weights_file_is_the_users_mistake_in_one_line(setup, tmp_path):
    BertForSequenceClassification(BertConfig(**SMALL_BERT)).save_pretrained(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not\nweights")
    with pytest.raises(ValueError, match=r"^model .*") as caught:
        bert.Classify(size="tiny").prepare(setup(model=str(tmp_path)))
    assert "\n" not in str(caught.value)


def test_a_missing_model_directory_is_the_users_mistake(setup):
    with pytest.raises(ValueError, match="model /nowhere: no config"):
        resnet.Classify(depth=18, batch_size=1).prepare(setup(model="/nowhere"))


def test_the_saved_class_keeps_its_head(setup, tmp_path):
    plain = BertForSequenceClassification(BertConfig(**SMALL_BERT))
    plain.save_pretrained(tmp_path)
    loaded = bert.Classify(size="tiny")._build("BertForSequenceClassification", setup(model=str(tmp_path)))
    assert torch.equal(loaded.classifier.weight, plain.classifier.weight)
