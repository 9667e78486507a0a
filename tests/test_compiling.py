"""What compiling took is a metric of its own."""

import json
import subprocess
import sys
from pathlib import Path

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


def test_compiling_is_absent_until_something_was_compiled_and_takes_most_of_the_first_call():
    root = Path(__file__).parent.parent
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stderr
    before, wall, (took, _, source) = json.loads(done.stdout.splitlines()[-1])

    assert before[:2] == [None, "nothing was compiled"]
    assert 0.5 * wall < took <= wall
    assert source == "torch._dynamo compilation metrics"
