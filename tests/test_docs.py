"""docs/: every metric is explained, and its example meter measures."""

import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bench.metric import METRICS
from bench.rates import value
from bench.store import Store

ROOT = Path(__file__).parent.parent
MEASURING = (ROOT / "docs" / "measuring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", MEASURING, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_is_explained(metric):
    assert f"`{metric}`" in MEASURING


def test_nothing_is_explained_that_is_not_measured():
    rows = re.findall(r"^\| (`[^|]*`) \|", MEASURING, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row)}

    assert named - set(METRICS) == set()


def test_the_example_meter_measures_through_the_command(tmp_path):
    ((_, name, code),) = [block for block in BLOCKS if block[0] == "python"]
    ((_, _, entry),) = [block for block in BLOCKS if block[0] == "toml"]
    (tmp_path / name).write_text(code)
    installed = tmp_path / "wall-1.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: wall\nVersion: 1.0\n")
    group, meter = re.fullmatch(r'\[project.entry-points."(.+)"\]\n(\w+) = "wall"\n', entry).groups()
    (installed / "entry_points.txt").write_text(f"[{group}]\n{meter} = wall\n")

    done = wattmark_beside_a_plug(tmp_path, "--meter", meter)

    assert done.returncode == 0, done.stderr
    (record,) = Store(tmp_path / "store")
    found = value(record, "energy.item")
    assert (found.source, found.scope, found.error) == ("wall meter", "machine", 0.01)
    assert found.value > 0


def wattmark_beside_a_plug(folder, *arguments):
    """Runs a small matrix while another program counts joules into a file."""
    (folder / "my.toml").write_text('replicates = 1\nbudget = 0.5\n[[cases]]\nworkload = "toys:Mlp"\nwidth = 1000\n')
    done = threading.Event()

    def count():
        joules = 0.0
        while not done.wait(0.01):
            joules += 1.0
            (folder / "new").write_text(str(joules))
            (folder / "new").replace(folder / "joules.txt")

    plug = threading.Thread(target=count)
    plug.start()
    try:
        paths = os.pathsep.join([str(ROOT / "tests" / "user"), str(folder)])
        command = [sys.executable, "-P", "-m", "bench", "run", "my.toml", *arguments, "-o", "store"]
        environment = {**os.environ, "PYTHONPATH": paths}
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    finally:
        done.set()
        plug.join()
