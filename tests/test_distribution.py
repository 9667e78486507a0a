"""Another distribution's module pynvml: noticed, named, and costing no more than NVML's readings."""

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from bench import distribution

ROOT = Path(__file__).parent.parent
MEASURE = """
import json
from bench.device import Device
from bench.meters import open_meters
meters = open_meters(["nvml", "host"], Device("cuda:0", "a GPU", "GPU-aaaa", None))
idle = meters.before()
meters.start()
readings = {**idle, **meters.stop()}
meters.close()
print(json.dumps([readings["energy"].reason, readings["memory.host"].value]))
"""


@pytest.fixture
def beside_another_pynvml(tmp_path):
    """Runs Python where nvidia-ml-py3 of 2017 was installed over nvidia-ml-py."""
    (tmp_path / "pynvml.py").write_text("class NVMLError(Exception): pass\ndef nvmlInit(): pass\n")
    information = tmp_path / "nvidia_ml_py3-7.352.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: nvidia-ml-py3\nVersion: 7.352.0\n")

    def run(*arguments):
        paths = os.pathsep.join([str(tmp_path), str(ROOT)])
        command, environment = [sys.executable, *arguments], {**os.environ, "PYTHONPATH": paths}
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def test_its_readings_say_what_to_do_and_the_others_are_there(beside_another_pynvml):
    reason, memory = beside_another_pynvml("-c", MEASURE)

    assert reason.startswith(
        "the module pynvml is not the one needed; nvidia-ml-py3 is installed and stands in the way"
    )
    assert "pip uninstall nvidia-ml-py3, then pip install --force-reinstall nvidia-ml-py" in reason
    assert memory > 1e6


def test_the_doctor_names_it(beside_another_pynvml):
    found = beside_another_pynvml("-m", "bench", "doctor", "--json")

    assert any("pip uninstall nvidia-ml-py3" in one["text"] for one in found["advice"])


def test_nothing_is_said_where_only_nvidia_ml_py_is_installed(monkeypatch):
    def version(name):
        if name != "nvidia-ml-py":
            raise metadata.PackageNotFoundError(name)
        return "13.615.71"

    monkeypatch.setattr(metadata, "version", version)
    assert distribution.wrong_distribution() is None
