"""Axes: refused values, and files that are cheap to read."""

import re
import subprocess
import sys

import pytest

from bench.workload import axes, find
from workloads import bert, resnet, speech

NAMES = (
    "bert:Pretrain", "bert:Finetune", "bert:Classify", "resnet:Classify", "resnet:Train", "speech:Recognize",
    "speech:Transcribe",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_workload_is_found_and_has_axes_a_version_and_a_line_about_itself(name):
    workload = find(name)
    assert "batch_size" in axes(workload)
    assert workload() == workload()
    assert workload.version == 1
    first_line = workload.__doc__.splitlines()[0]
    assert first_line.endswith(".")
    assert len(first_line) < 100


@pytest.mark.parametrize(
    ("make", "complaint"),
    [
        (lambda: bert.Pretrain(size="huge"), "size 'huge': must be one of tiny, base, large"),
        (lambda: bert.Pretrain(batch_size=0), "batch_size 0: must be a whole number at least 1"),
        (lambda: bert.Pretrain(sequence_length=513), "sequence_length 513: must be a whole number from 8 to 512"),
        (lambda: bert.Pretrain(optimizer="adam"), "optimizer 'adam': must be one of for-loop, foreach, fused"),
        (lambda: bert.Finetune(padding="none"), "padding 'none': must be one of max_length, longest"),
        (lambda: bert.Classify(attention="flash"), "attention 'flash': must be one of sdpa, eager"),
        (lambda: bert.Classify(compile="yes"), "compile 'yes': must be true or false"),
        (lambda: bert.Classify(batch_size=2.5), "batch_size 2.5: must be a whole number at least 1"),
        (lambda: resnet.Classify(depth=34), "depth 34: must be one of 18, 50, 101, 152"),
        (lambda: resnet.Train(image=16), "image 16: must be a whole number from 32 to 1024"),
        (lambda: resnet.Train(layout="nhwc"), "layout 'nhwc': must be one of contiguous, channels_last"),
        (lambda: speech.Recognize(seconds=0), "seconds 0: must be a whole number from 1 to 600"),
        (lambda: speech.Transcribe(seconds=31), "seconds 31: must be a whole number from 1 to 30"),
        (lambda: speech.Transcribe(tokens=445), "tokens 445: must be a whole number from 1 to 444"),
        (lambda: speech.Transcribe(batch_size=True), "batch_size True: must be a whole number at least 1"),
    ],
)
def test_a_value_that_cannot_be_meant_is_refused_with_what_would_be_right(make, complaint):
    with pytest.raises(ValueError, match=f"^{re.escape(complaint)}$"):
        make()


def test_reading_the_axes_imports_no_heavy_library():
    heavy = "{'torch', 'transformers', 'numpy', 'pandas', 'PIL', 'scipy'}"
    script = f"import sys, workloads.bert, workloads.resnet, workloads.speech; print({heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize("module", [bert, resnet, speech])
def test_what_is_to_be_loaded_before_forking_can_be_loaded(module):
    for name in module.PRELOAD:
        __import__(name)
