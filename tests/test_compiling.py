"""What compiling took is a metric of its own."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import json, time, torch
from bench.compiling import compiling

def show(reading):
    return [reading.value, reading.reason, reading.source]

before = show(compiling()["time.compile"])
compiled = torch.compile(lambda x: torch.nn.functional.gelu(x) * 2)
begin = time.perf_counter()
compiled(torch.randn(8))
wall = time.perf_counter() - begin
print(json.dumps([before, wall, show(compiling()["time.compile"])]))
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """What two processes find, one after the other, that compile the same and share a cache on disk."""
    root = Path(__file__).parent.parent
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": str(tmp_path_factory.mktemp("cache"))}

    def run():
        done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=root, env=environment)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run(), run()


def test_compiling_is_absent_until_something_was_compiled_and_takes_most_of_the_first_call(compiled):
    (before, wall, (took, _, source)), _ = compiled

    assert before[:2] == [None, "nothing was compiled"]
    assert 0.5 * wall < took <= wall
    assert source == "torch._dynamo compilation metrics, 0 of 1 graphs from torch's cache on disk"


def test_what_an_earlier_process_compiled_is_told_apart(compiled):
    _, (_, _, (_, _, source)) = compiled

    assert source.endswith(" 1 of 1 graphs from torch's cache on disk")
