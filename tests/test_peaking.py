"""`wattmark peaks`, for real on this CPU and briefly; and what a run measures of them by itself."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from bench.errors import SpecError
from bench.matrix import parse
from bench.measured_peaks import COLLECTIVE, PRODUCT, STREAM, is_peak, roofs
from bench.peaking import found, plan, short, words
from bench.rates import value
from bench.roof import si
from bench.run import axes_of
from bench.store import Store
from reports.peaks import peaks_table

ROOT = Path(__file__).parent.parent
NO_VENDOR = {"vendor": None, "vendor_source": None}
SMALL = 'replicates = 1\nbudget = 0.05\n[[cases]]\nworkload = "toys:Mlp"\n'


def wattmark(*arguments, folder):
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests" / "user")])
    return subprocess.run(
        [sys.executable, "-P", "-m", "bench", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )


def of(matrix, workload):
    return [entry for entry in matrix.entries if entry.workload == workload]


def test_precisions_that_are_not_asked_for_are_left_out_and_the_memory_never_is():
    matrix = plan(["bf16-pure"])

    assert {p for entry in of(matrix, PRODUCT) for p in entry.precision} == {"bf16"}
    assert of(matrix, STREAM) == of(plan(), STREAM)
    assert {p for entry in of(plan(), PRODUCT) for p in entry.precision} == {"fp32", "tf32", "bf16", "fp16"}
    assert of(plan(["tf32"]), PRODUCT)[0].on == "accelerator"
    (together,) = of(plan(["tf32"]), COLLECTIVE)
    assert together.on == "all accelerators"


def test_an_unknown_precision_is_refused():
    with pytest.raises(SpecError, match="--precision fp8: one of fp32"):
        plan(["fp8"])


def test_every_kernel_of_the_shipped_matrix_is_one():
    for entry in plan().entries:
        assert entry.axes["kernel"]


def test_a_run_measures_the_peaks_of_its_precisions_once_and_briefly():
    cases = [{"workload": "resnet:Classify", "precision": ["fp32", "bf16-pure"]}]
    matrix = short(parse({"peaks": True, "cases": cases}, "mine", axes_of))

    assert (matrix.replicates, matrix.budget) == (1, 0.3)
    assert {p for entry in of(matrix, PRODUCT) for p in entry.precision} == {"fp32", "bf16"}


def test_a_matrix_says_whether_peaks_are_measured_first():
    cases = [{"workload": "resnet:Classify"}]

    assert parse({"peaks": True, "cases": cases}, "mine", axes_of).peaks
    assert not parse({"cases": cases}, "mine", axes_of).peaks
    with pytest.raises(SpecError, match="peaks = 'yes'; true or false"):
        parse({"peaks": "yes", "cases": cases}, "mine", axes_of)


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """A store with peaks, and what the command printed of them."""
    folder = tmp_path_factory.mktemp("peaks")
    options = ("--device", "cpu", "--precision", "fp32", "--replicates", "2", "--budget", "0.05", "-o", "store")
    done = wattmark("peaks", "--json", *options, folder=folder)
    assert done.returncode == 0, done.stderr
    return folder, json.loads(done.stdout)


def test_peaks_are_records_with_their_kernels_and_the_best_of_them_is_printed(measured):
    folder, (device,) = measured
    records = list(Store(folder / "store"))
    best = max(value(record, "flop.rate").value for record in records if record.case.workload == PRODUCT)

    assert len(records) == 6
    assert all(is_peak(record.case) and record.status == "ok" for record in records)
    assert all(len(record.replicates) == 2 for record in records)
    assert device["compute"].keys() == {"fp32"}
    assert device["compute"]["fp32"]["value"] >= best
    assert {one["kernel"].split(",")[0] for one in device["compute"]["fp32"]["kernels"]} == {"mm", "packed", "conv"}
    assert device["memory"]["unit"] == "B/s"
    assert device["memory"]["value"] > 1e8
    alone = {"value": None, "reason": "not measured: they start at the first of several accelerators"}
    assert device["collectives"] == alone


def test_collectives_are_a_limit_of_the_first_device_and_its_ranks_end_with_each_replicate(tmp_path):
    options = (
        "--set",
        "mebibytes=1",
        "--set",
        "world_size=3",
        "--device",
        "cpu",
        "--replicates",
        "2",
        "--budget",
        "0.1",
    )
    done = wattmark("run", "--workload", COLLECTIVE, *options, "-o", "store", "--json", "--no-peaks", folder=tmp_path)

    assert done.returncode == 0, done.stdout
    (record,) = Store(tmp_path / "store")
    assert [one.status for one in record.replicates] == ["ok", "ok"]
    assert not [one for one in psutil.process_iter(["cmdline"]) if "workloads.ranks" in (one.info["cmdline"] or [])]
    best = max(sample.work["B"] / sample.seconds for one in record.replicates for sample in one.samples)
    assert roofs([record]).of(record.environment).between.rate == best
    (device,) = found([record])
    assert (device["collectives"]["value"], device["collectives"]["unit"]) == (best, "B/s")
    assert f"between devices  {si(best, 'B/s')} by all_reduce, mebibytes 1, world_size 3" in words([device])
    assert device["memory"] == {"value": None, "reason": "no kernel was measured", "kernels": []} | NO_VENDOR
    ((row,),) = [table.rows for table in peaks_table([record])]
    assert [cell.text for cell in row[:2]] == ["cpu", "between 3 devices"]
    assert row[2].raw == best


def test_a_run_into_the_same_store_is_reported_under_its_peaks_and_does_not_measure_them_again(measured):
    folder, _ = measured
    (folder / "mine.toml").write_text(SMALL)
    done = wattmark("run", "mine.toml", "--device", "cpu", "-o", "store", "--json", "--peaks", folder=folder)

    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    (case,) = report["cases"]
    assert case["workload"] == "toys:Mlp"
    assert case["metrics"]["mfu.measured"]["source"].split(" measured by ")[1].split(",")[0] in ("mm", "packed", "conv")
    assert case["metrics"]["intensity"]["si_unit"] == "FLOP/B"
    assert "Measured peaks" in [table["title"] for table in report["results"]]
    assert sum(is_peak(record.case) for record in Store(folder / "store")) == 6


def test_a_run_without_peaks_says_how_to_have_them(tmp_path):
    (tmp_path / "mine.toml").write_text("peaks = true\n" + SMALL)
    done = wattmark("run", "mine.toml", "--device", "cpu", "-o", "store", "--json", "--no-peaks", folder=tmp_path)

    (case,) = json.loads(done.stdout)["cases"]
    assert case["metrics"]["mfu.measured"]["value"] is None
    assert "wattmark peaks -o STORE measures it" in case["metrics"]["mfu.measured"]["note"]


def test_a_table_of_peaks_stands_in_the_records_and_fails_what_exceeds_it(tmp_path):
    label = json.loads(wattmark("list", "devices", "--json", folder=tmp_path).stdout)["devices"][0]["label"]
    table = f'[[device]]\nlabel = "{label}"\nsource = "a wrong data sheet"\nflops = {{fp32 = 1000.0}}\n'
    (tmp_path / "peaks.toml").write_text(table)
    (tmp_path / "mine.toml").write_text(SMALL)
    options = ("--device", "cpu", "--peak-table", "peaks.toml", "-o", "store")
    done = wattmark("run", "mine.toml", *options, folder=tmp_path)

    (record,) = Store(tmp_path / "store")
    assert done.returncode == 1
    assert record.environment["peak_table"]["source"] == "a wrong data sheet"
    assert record.status == "failed"
    assert "above the dense fp32 peak" in record.reason
    assert "a wrong data sheet" in record.reason
