"""wav2vec 2.0 and Whisper: seconds of audio, and exactly so many tokens."""

import logging

import pytest
import torch

from workloads import speech, transcription

TINY = {"size": "tiny", "batch_size": 2, "seconds": 2}


def test_recognition_gives_logits_for_every_20_ms(setup):
    prepared = speech.Recognize(batch_size=1, seconds=1).prepare(setup())
    assert prepared.step(0).shape == (1, 49, 32)
    assert prepared.step(0).isfinite().all()
    assert list(prepared.work[0].items()) == [("audio_s", 1), ("clip", 1)]


def test_clips_reach_wav2vec2_with_mean_0_and_variance_1(setup):
    _, batches = speech._speech("generated", 2, 1)
    waves = speech._standardised(batches[0]["samples"], setup())
    assert waves.mean(dim=1).tolist() == pytest.approx([0, 0], abs=1e-5)
    assert waves.var(dim=1).tolist() == pytest.approx([1, 1], rel=1e-2)


def test_random_weights_write_no_timestamp_which_would_cut_the_text_into_more_work(setup):
    model = speech.Transcribe(size="tiny")._build(setup(seed=100)).eval()
    states = torch.randn(64, model.config.d_model, generator=torch.Generator().manual_seed(0))
    logits = model.proj_out(states)

    assert (logits.argmax(-1) <= speech.NO_TIMESTAMPS).all()
    assert (logits[:, speech.NO_TIMESTAMPS + 1 :] == 0).all()


@pytest.fixture
def features(setup):
    return speech._log_mel(speech._speech("generated", 2, 2)[1][0]["samples"], setup())


@pytest.mark.parametrize("tokens", [1, 7])
def test_exactly_so_many_tokens_are_decoded_in_one_pass_over_the_audio(setup, features, tokens):
    model = speech.Transcribe(**TINY, tokens=tokens)._build(setup()).eval()
    encoded, decoded = [], []
    model.model.encoder.register_forward_hook(lambda module, inputs, output: encoded.append(output))
    model.proj_out.register_forward_hook(lambda module, inputs, logits: decoded.append(logits.shape[1]))
    transcription.step(model, [features], tokens, setup())(0)
    assert decoded == [4] + [1] * (tokens - 1)
    assert len(encoded) == 1


def test_another_number_of_tokens_is_an_error(setup, features):
    model = speech.Transcribe(**TINY, tokens=3)._build(setup()).eval()
    with pytest.raises(RuntimeError, match="decoded 3 tokens; 5 were asked for"):
        transcription.step(model, [features], 5, setup())(0)


def test_the_end_of_text_is_forbidden_until_all_tokens_are_out(setup, features):
    model = speech.Transcribe(**TINY, tokens=5)._build(setup()).eval()
    end = torch.tensor([50_257])
    model.proj_out.register_forward_hook(lambda module, inputs, logits: logits.index_fill(2, end, 1e4))
    transcription.step(model, [features], 5, setup())(0)
    model.generation_config.min_new_tokens = 0
    with pytest.raises(RuntimeError, match="decoded 1 tokens"):
        transcription.step(model, [features], 5, setup())(0)


def test_transcription_gives_the_last_tokens_logits_from_the_cache_of_all_before(setup, features):
    workload = speech.Transcribe(**TINY, tokens=4)
    prepared = workload.prepare(setup())
    model = workload._build(setup()).eval()
    ids = model.generate(features, force_unique_generate_call=True)
    assert ids.shape == (2, 8)
    assert ids[0, :4].tolist() == [50_258, 50_259, 50_359, 50_363]
    with torch.inference_mode():
        logits = model(input_features=features, decoder_input_ids=ids[:, :-1]).logits[:, -1]
    torch.testing.assert_close(prepared.step(0), logits, rtol=1e-3, atol=1e-4)


def test_throughput_counts_the_speech_and_not_the_silence_after_it(setup, features):
    prepared = speech.Transcribe(**TINY, tokens=2).prepare(setup())
    assert list(prepared.work[0].items()) == [("audio_s", 4), ("clip", 2), ("token", 4)]
    assert features.shape == (2, 80, 3000)


def test_decoding_logs_nothing(setup, caplog):
    prepared = speech.Transcribe(**TINY, tokens=2).prepare(setup())
    generate = logging.getLogger("transformers.generation.utils")
    generate.addHandler(caplog.handler)
    prepared.step(0)
    generate.removeHandler(caplog.handler)
    assert caplog.records == []
