"""Speech: recorded, from folders, and generated."""

import wave

import numpy as np
import pytest

from workloads.inputs.audio import SAMPLE_RATE, _resample, clips


def test_resampling_keeps_what_both_rates_can_carry():
    seconds = np.arange(3 * 48_000) / 48_000
    low, high = np.sin(2 * np.pi * 440 * seconds), np.sin(2 * np.pi * 11_000 * seconds)
    heard = _resample(low + high, 48_000)
    expected = np.sin(2 * np.pi * 440 * np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE)
    assert heard.shape == expected.shape
    assert heard == pytest.approx(expected, abs=1e-6)


def test_resampling_upwards_keeps_the_length_in_seconds():
    assert len(_resample(np.ones(8_000 + 4_000), 8_000)) == 1.5 * SAMPLE_RATE


@pytest.mark.parametrize("data", ["real", "generated"])
def test_speech_is_loud_and_quiet_in_turn_and_no_two_clips_are_alike(installed, data):
    if data == "real":
        installed("moonshine_voice", "soundfile")
    audio = clips(data, 6, 4).content
    assert audio.shape == (6, 4 * SAMPLE_RATE)
    assert audio.dtype == np.int16
    assert len(np.unique(audio, axis=0)) == 6
    loudness = audio.reshape(-1, SAMPLE_RATE // 20).astype(float).std(axis=1)  # every 50 ms
    assert np.quantile(loudness, 0.9) > 5 * np.quantile(loudness, 0.1)
    assert 100 < audio.std() < 10_000
    assert np.abs(audio).max() <= 32_767


def test_a_clip_longer_than_the_recordings_begins_again(installed, tmp_path):
    installed("soundfile")
    with wave.open(str(tmp_path / "short.wav"), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes(np.repeat(np.arange(1, 1001, dtype=np.int16), 2).tobytes())
    clip = clips(str(tmp_path), 1, 1).content[0]
    assert set(clip) == set(range(1, 1001))
    assert set(np.diff(clip)) == {1, -999}


@pytest.mark.parametrize("samples", [b"", b"\x00" * 8000], ids=["no samples", "silence"])
def test_silence_is_refused(installed, tmp_path, samples):
    installed("soundfile")
    with wave.open(str(tmp_path / "silence.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8_000)
        file.writeframes(samples)
    with pytest.raises(ValueError, match="nothing but silence; recorded speech is needed"):
        clips(str(tmp_path), 1, 1)
