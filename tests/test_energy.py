"""Power and energy through the public commands: a CPU case with a GPU's meter attached, and one without a meter."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from bench.rates import value
from bench.store import Store

pytestmark = pytest.mark.alone

ROOT = Path(__file__).parents[1]
USER = Path(__file__).parent / "user"

MATRIX = """
replicates = 2
budget = 0.05
timeout = 120
[[cases]]
workload = "toys:Mlp"
batch_size = 64
width = 1500
"""
DRIVER = """
power.watts square 200 400 0.03 0.5
field.74 rate 250000000
nvmlDeviceGetEnforcedPowerLimit 500000
process.0.pid 4711
process.0.memory 3000000000
process.0.name /opt/miner
"""


@pytest.fixture(scope="module")
def wattmark(tmp_path_factory, fake_library):
    """Runs the command in a folder with a matrix, on a machine whose driver is the fake one."""
    folder = tmp_path_factory.mktemp("energy")
    (folder / "my.toml").write_text(MATRIX)
    (folder / "driver").write_text(DRIVER)
    settings = {"LD_LIBRARY_PATH": str(fake_library), "FAKE_NVML": str(folder / "driver"), "PYTHONPATH": str(USER)}

    def call(*arguments):
        command = [sys.executable, "-P", "-m", "bench", *arguments]
        return subprocess.run(
            command, cwd=folder, env={**os.environ, **settings, "COLUMNS": "160"}, capture_output=True, text=True
        )

    call.folder = folder
    return call


@pytest.fixture(scope="module")
def metered(wattmark):
    """The one record of a run whose CPU case was watched by a GPU's meter, and what the run printed."""
    done = wattmark("run", "my.toml", "--meter", "nvml:1", "--meter", "host", "-o", "metered", "--seed", "3")
    assert done.returncode == 0, done.stderr
    (record,) = Store(wattmark.folder / "metered")
    return record, done


def test_power_is_the_drivers_and_energy_is_power_times_time(metered):
    record, _ = metered
    power, item, rate = (value(record, name).value for name in ("power.mean", "energy.item", "throughput"))

    assert power == pytest.approx(300, rel=0.02)
    assert item * rate == pytest.approx(power, rel=0.02)  # medians of two replicates each


def test_every_joule_has_its_method_scope_and_error(metered):
    record, _ = metered
    for name in ("energy.step", "energy.item", "power.mean", "power.idle"):
        found = value(record, name)
        assert found.source == "NVML energy counter, between its ticks", name
        assert found.scope == "GPU", name
        assert 0.05 < found.error < 0.07, name


def test_throttled_time_and_the_second_method_are_in_the_record(metered):
    record, _ = metered

    assert value(record, "throttle.share").value == pytest.approx(0.25, rel=0.02)
    assert value(record, "energy.ratio").value == pytest.approx(1, abs=0.2)
    for sample in record.samples:
        assert sample.readings["energy.integrated"].seconds > 1


def test_what_idles_at_the_same_power_has_no_net_energy_instead_of_none_or_less(metered):
    record, _ = metered
    found = value(record, "energy.item.net")

    assert found.value is None or 0 < found.value < 0.05 * value(record, "energy.item").value
    assert found.value is not None or "is not above the idle device's" in found.reason


def test_the_record_says_how_the_gpu_was_watched_and_who_shared_it(metered):
    record, _ = metered
    facts = record.replicates[0].meters["nvml:1"]

    assert facts["uuid"] == "GPU-aaaa"
    assert facts["tick"]["median"] == pytest.approx(0.1, abs=0.02)
    assert facts["rate"]["median"] == pytest.approx(0.1, abs=0.03)
    assert facts["foreign"] == [{"pid": 4711, "name": "miner", "memory": 3_000_000_000, "when": "before"}]
    assert len(facts["windows"]) == len(record.replicates[0].samples)


def test_the_record_on_disk_is_a_valid_one(wattmark, metered):
    schema = json.loads((ROOT / "bench" / "record.schema.json").read_text())
    for path in (wattmark.folder / "metered").glob("*.json"):
        jsonschema.validate(json.loads(path.read_text()), schema)


def test_the_terminal_names_method_scope_and_error_beside_its_joules(metered):
    _, done = metered

    assert "Power and energy: NVML energy counter, between its ticks (scope GPU, method ±5." in done.stdout
    assert "gross" in done.stdout


def test_the_foreign_process_is_a_caveat_with_who_and_how_much(metered):
    _, done = metered

    assert "miner" in done.stdout
    assert "4711" in done.stdout


@pytest.mark.parametrize("suffix", ["csv", "md", "json", "html", "xlsx"])
def test_without_any_power_meter_the_cell_is_empty_and_its_reason_is_said(wattmark, suffix):
    if not (wattmark.folder / "bare").exists():
        done = wattmark("run", "my.toml", "--meter", "host", "-o", "bare", "--replicates", "1")
        assert done.returncode == 0, done.stderr
    done = wattmark("report", "bare", "-o", f"bare.{suffix}")
    assert done.returncode == 0, done.stderr
    reason = "no meter of this run measures it"
    path = wattmark.folder / f"bare.{suffix}"
    if suffix == "csv":
        rows = {row["metric"]: row for row in csv.DictReader(io.StringIO(path.read_text()))}
        assert (rows["energy.item"]["value"], rows["energy.item"]["reason"]) == ("", reason)
    elif suffix == "xlsx":
        import openpyxl

        cells = [cell.value for sheet in openpyxl.load_workbook(path) for row in sheet.iter_rows() for cell in row]
        assert any(reason in str(cell) for cell in cells)
    else:
        assert reason in path.read_text()


def test_a_gpu_that_is_not_there_is_absent_with_the_list_of_those_that_are(wattmark):
    done = wattmark("run", "my.toml", "--meter", "nvml:7", "-o", "missing", "--replicates", "1")
    assert done.returncode == 0, done.stderr
    (record,) = Store(wattmark.folder / "missing")

    assert "no GPU '7'" in value(record, "energy.item").reason
    assert "1 = GPU-aaaa (Fake H100)" in value(record, "energy.item").reason


def test_a_meter_that_does_not_exist_is_refused_with_those_that_do(wattmark):
    done = wattmark("run", "my.toml", "--meter", "wattometer")

    assert done.returncode == 2
    assert done.stderr.startswith("wattmark: --meter wattometer: no such meter; one of amd, apple, nvml, rapl, ")
