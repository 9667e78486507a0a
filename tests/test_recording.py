"""What was recorded of a driver plays back in the fake one, and is then the same card to whoever asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bench.nvml.raw import Answer
from bench.probe.load import Played
from bench.probe.recording import Recording
from bench.probe.script import Card, script
from bench.sampler.ticks import Tick

pytestmark = pytest.mark.alone

# Power that grows by 80 W a second, so that each moment has its own.
ANSWERS = {
    "power.module.watts": "ramp 100 1700 0 20",
    "clock.sm": "@ 0:1980 1.5:1410",
    "field.74": "rate 250000000",  # ns a second: a quarter of the time
    "field.82.return": "3",
    "nvmlDeviceGetTemperatureV": "@ 0:40 2:55",
    "nvmlDeviceGetUtilizationRates.return": "@ 0:0 3:999",
    "memory.used": "@ 0:10000 1:30000",
    "name": "Fake GH200",
    "driver": "580.65.06",
}

RECORD = """
import json, time
from bench.errors import Unavailable
from bench.probe import probe
def play(phases):
    raise Unavailable("no load")
begin = time.perf_counter()
probed = probe("GPU-aaaa", play, idle=6.0)
print(json.dumps({"begin": begin, "script": probed.script, "found": probed.found}))
"""

# A sampler as the NVML meter has it, for the first seconds of the timeline.
WATCH = """
import json, os, time
from dataclasses import asdict
from bench.nvml import Gpu
from bench.sampler.watch import Watch
with Gpu.find("0") as gpu:
    watch = Watch(gpu, None)
    begin = watch.now()
    while watch.now() - begin < 4.5:
        time.sleep(max(watch.due() - watch.now(), 0))
        watch.look()
    readings = watch.window(begin + 0.5, begin + 4.4)
    found = {name: asdict(reading) for name, reading in readings.items()}
    print(json.dumps({**found, "name": gpu.name, "begin": begin - float(os.environ["FAKE_NVML_START"])}))
"""


def watts_at(moment: float) -> float:
    return 100 + 80 * moment


def played_back(text: str) -> dict[str, str]:
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {key: values for key, _, values in (line.partition(" ") for line in lines)}


@pytest.fixture(scope="module")
def recorded(fake_library: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A recording of the scripted card, and when on the card's own timeline it began (s)."""
    answers = tmp_path_factory.mktemp("recorded") / "answers"
    answers.write_text("".join(f"{key} {values}\n" for key, values in ANSWERS.items()))
    start = time.monotonic()
    answer = run(RECORD, fake_library, answers, start)
    return {**answer, "offset": answer["begin"] - start}


@pytest.fixture(scope="module")
def replayed(recorded: Any, fake_library: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The readings of a sampler to which the recording is played."""
    script = tmp_path_factory.mktemp("replayed") / "script"
    script.write_text(recorded["script"])
    return run(WATCH, fake_library, script, time.monotonic())


def run(code: str, library: Path, answers: Path, start: float) -> Any:
    settings = {"LD_LIBRARY_PATH": str(library), "FAKE_NVML": str(answers), "FAKE_NVML_START": repr(start)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_sampler_sees_the_same_joules_of_the_recording_as_the_card_had(recorded: Any, replayed: Any) -> None:
    # The card's timeline is behind the recording's, and a window covers its time but for a tick or so at each end.
    middle = recorded["offset"] + replayed["begin"] + (0.5 + 4.4) / 2
    for name in ("energy", "energy.integrated", "energy.samples"):
        reading = replayed[name]
        assert reading["value"] is not None, reading["reason"]
        assert reading["value"] / reading["seconds"] == pytest.approx(watts_at(middle), abs=80 * 0.11), name


def test_everything_else_plays_back_too_refusals_included(replayed: Any) -> None:
    assert replayed["name"] == "Fake GH200"
    assert replayed["energy"]["scope"] == "module"
    assert replayed["clock.sm"]["value"] == 1.41e9
    assert replayed["throttle.power"]["value"] == pytest.approx(0.25, abs=0.02)
    assert replayed["temperature"]["value"] == 55
    assert replayed["temperature.memory"]["reason"].endswith("Not Supported")
    assert "samples failed: nvmlDeviceGetUtilizationRates: Unknown Error" in replayed["utilization.gpu"]["source"]


def test_a_recording_says_what_it_is_of_and_not_whose(recorded: Any) -> None:
    heading = [line for line in recorded["script"].splitlines() if line.startswith("#")]

    assert heading[0].startswith("# What a Fake GH200 answered (driver 580.65.06, 20")
    assert heading[-1] == "# Nothing was done on the GPU by us."
    assert played_back(recorded["script"])["uuid"] == "GPU-recorded"
    assert "GPU-aaaa" not in recorded["script"]
    assert "process" not in recorded["script"]


def test_phases_stand_in_the_heading_on_the_recordings_timeline() -> None:
    card = Card("A # GPU", "580", "GPU", (), "2026-11-23T12:00:00+00:00")
    phases = [Played("steps", 107.0, 109.0, [(107.0, 108.0)]), Played("wave", 109.5, 110.0, [])]
    text = script(Recording(), card, phases, begin=100.0)

    assert text.splitlines()[2:6] == [
        "# From 0 s: nothing was done on the GPU.",
        "# From 7.000 s: steps, 50% of the time under load.",
        "# From 9.500 s: wave, 0% of the time under load.",
        "# From 10.000 s: nothing.",
    ]
    assert played_back(text)["name"] == "A  GPU"  # what stands behind a # is a comment


def test_the_counter_is_written_at_its_ticks_and_what_was_before_counts_once() -> None:
    recording = Recording(
        ticks=[Tick(20, 101.0, 101.002), Tick(30, 102.0, 102.002)],
        samples=[(98.0, 1.0), (99.0, 2.0), (103.0, 3.0)],
    )
    counter, returned = "nvmlDeviceGetTotalEnergyConsumption", "nvmlDeviceGetTotalEnergyConsumption.return"
    for at, value in ((100.5, 10), (101.4, 20), (102.4, 30)):
        recording.note(at, [Answer(counter, value, returned, 0)])
    card = Card("A GPU", "580", "GPU", [Answer("power.limit.min", None, "x.return", 3)], "2026-11-23")
    lines = played_back(script(recording, card, (), begin=100.0))

    assert lines[counter] == "@ 0.500000:10 1.001000:20 2.001000:30"
    assert lines["power.samples"] == "@ 0.000000:2000 3.000000:3000"
    assert lines["x.return"] == "3"
    assert returned not in lines
