"""One number through every output: what a case's throughput is stands in all of them, and nothing absent does."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import openpyxl
import pytest
from made_records import H100, failure, many, record
from prometheus_client.parser import text_string_to_metric_families

import reports
from bench.errors import SpecError
from bench.record import Record
from reports import Report, build
from reports.plan.sheet import FIRST_ROW

ONE = record("bert:Pretrain", "bf16", 8, (0.1, 0.102, 0.099), environment=H100, watts=312.5, memory=3.25e9)
RATE = 8 / 0.1  # the geometric or any other mean is the report's: here a first guess only


@pytest.fixture(scope="module")
def one() -> Report:
    return build([ONE])


def export(report: Report, name: str) -> bytes:
    content = reports.exporter(Path(name)).export(report)  # type: ignore[union-attr]
    assert isinstance(content, bytes)
    return content


def files(report: Report, name: str) -> dict[str, bytes]:
    content = reports.exporter(Path(name)).export(report)  # type: ignore[union-attr]
    assert not isinstance(content, bytes)
    return dict(content)


def test_one_record_goes_through_every_output_with_the_same_number(one: Report, tmp_path: Path):
    (row,) = one.cases
    rate, shown = row.values["throughput"].value, row.cells["throughput"].text
    assert rate == pytest.approx(RATE, rel=0.02)

    for name in ("html", "md", "terminal"):
        assert shown in export(one, name).decode(), name
    (in_csv,) = [
        line.split(",") for line in export(one, "csv").decode().splitlines() if ",throughput,sequence/s," in line
    ]
    assert str(rate) in in_csv
    assert json.loads(export(one, "json"))["cases"][0]["metrics"]["throughput"]["value"] == rate
    book = openpyxl.load_workbook(io.BytesIO(export(one, "xlsx")), data_only=True)
    heads = [cell.value for cell in book["Measured"][FIRST_ROW]]
    assert book["Measured"].cell(FIRST_ROW + 1, heads.index("Throughput, items/s") + 1).value == pytest.approx(rate)
    assert json.loads(export(one, "x.bencher.json"))[row.full_name]["throughput"]["value"] == rate
    assert {name: value for name, _, value in gauges(one)}["wattmark_throughput_per_second"] == rate
    assert scalars(one, tmp_path)["throughput"] == pytest.approx(rate, rel=1e-6)  # TensorBoard keeps 32 bits
    (picture,) = [text for name, text in files(one, "x.svg").items() if name.startswith("throughput")]
    assert shown in picture.decode()
    (step,) = [entry for entry in json.loads(export(one, "x.action.json")) if entry["name"].endswith("time.step")]
    assert step["value"] == row.values["time.step"].value


def test_what_is_absent_has_no_number_anywhere():
    report = build([record()])  # no meter: no watts, no joules
    (row,) = report.cases

    assert "power-mean" not in json.loads(export(report, "x.bencher.json"))[row.full_name]
    assert not [name for name, *_ in gauges(report) if "power" in name]
    assert "energy" not in export(report, "x.action.json").decode()
    assert not [name for name in files(report, "x.svg") if "energy" in name]


def test_prometheus_says_why_a_number_is_absent_beside_those_that_are_there():
    report = build([record(), record(environment=H100, watts=300.0)])

    (comment,) = [line for line in export(report, "prom").decode().splitlines() if "power.mean is absent" in line]
    assert comment.startswith("# ")
    assert "no energy counter here" in comment


def test_a_case_that_was_not_measured_is_a_status_and_no_number():
    report = build([failure("oom", "out of memory"), record()])

    assert len(json.loads(export(report, "x.bencher.json"))) == 1
    status = {
        (labels["batch_size"], labels["status"]): value
        for name, labels, value in gauges(report)
        if name == "wattmark_case"
    }
    assert (status["64", "oom"], status["64", "ok"], status["8", "ok"]) == (1, 0, 1)


def test_bencher_gets_the_interval(one: Report):
    ((measures),) = json.loads(export(one, "x.bencher.json")).values()

    found = measures["time-step"]
    assert found["lower_value"] < found["value"] < found["upper_value"]
    assert all(set(measure) <= {"value", "lower_value", "upper_value"} for measure in measures.values())
    assert all(re.fullmatch(r"[a-z0-9_-]+", name) for name in measures)


def gauges(report: Report) -> list[tuple[str, dict[str, str], float]]:
    """The samples as Prometheus' own client reads them."""
    families = text_string_to_metric_families(export(report, "prom").decode())
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples]


def test_prometheus_has_base_units_and_labels_that_tell_cases_apart(any_report: Report):
    found = gauges(any_report)

    assert {name for name, *_ in found} > {"wattmark_time_step_seconds", "wattmark_memory_planning_bytes"}
    assert len({(name, *sorted(labels.items())) for name, labels, _ in found}) == len(found)


def scalars(report: Report, folder: Path) -> dict[str, float]:
    """What TensorBoard reads of a single case."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reports.exporters.put(folder / "log.tensorboard", files(report, "x.tensorboard"))
    (run,) = (folder / "log").iterdir()
    log = EventAccumulator(str(run))
    log.Reload()
    return {tag: log.Scalars(tag)[0].value for tag in log.Tags()["scalars"]}


def test_tensorboard_reads_hyperparameters_and_every_case(tmp_path: Path, records: list[Record]):
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
    from tensorboard.plugins.hparams import plugin_data_pb2

    report = build(records)
    reports.exporters.put(tmp_path / "log.tensorboard", files(report, "x.tensorboard"))
    log = EventMultiplexer().AddRunsFromDirectory(str(tmp_path / "log"))
    log.Reload()

    assert len(log.Runs()) == sum(row.ok for row in report.cases)
    run = next(iter(log.Runs()))
    content = log.GetAccumulator(run).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    start = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert set(start.hparams) >= {"workload", "device", "precision", "batch_size", "sequence_length"}
    assert log.Scalars(run, "throughput")[0].step in {row.batch_size for row in report.cases}


def test_event_files_name_neither_host_nor_process(one: Report):
    (name,) = files(one, "x.tensorboard")

    assert name.endswith("/events.out.tfevents.wattmark")


def test_pictures_stand_alone_and_follow_the_theme(records: list[Record]):
    found = files(build(records), "x.svg")

    assert len(found) >= 5
    for name, content in found.items():
        assert re.fullmatch(r"(cases/[a-z0-9-]+/)?[a-z0-9-]+\.svg", name)
        root = ET.fromstring(content)
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        text = content.decode()
        assert "prefers-color-scheme: dark" in text
        assert not re.search(r"(href|src)=|url\(|@import", text)


def test_pictures_go_into_the_folder_that_the_path_names(tmp_path: Path):
    reports.write(many(), None, [tmp_path / "charts.svg"])

    assert {path.suffix for path in (tmp_path / "charts").iterdir()} == {".svg", ""}
    case = tmp_path / "charts" / "cases" / "bert-pretrain-sequence-length-128-cpu-fp32-batch-1"
    assert [path.name for path in case.iterdir()] == ["single-steps.svg"]


def test_every_picture_of_a_report_has_a_file(records: list[Record]):
    report = build(records, earlier=[replace(one, run=replace(one.run, id=name)) for one in records for name in "ab"])

    drawn = [picture for group in report.charts for picture in group.pictures if not picture.missing]
    drawn += [picture for row in report.cases for picture in row.pictures]

    assert report.history
    assert len(files(report, "x.svg")) == len(drawn) + len(report.history)


def test_an_output_whose_package_is_missing_names_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "wandb", None)

    with pytest.raises(SpecError, match=r"pip install 'wattmark\[wandb\]'"):
        reports.write([record()], None, [Path("project.wandb")])


def test_weights_and_biases_gets_a_run_for_each_case(tmp_path: Path):
    pytest.importorskip("wandb")
    script = "import sys; sys.path[:0] = sys.argv[1:]; import made_records, reports, pathlib; " \
        "reports.write(made_records.many()[:2], None, [pathlib.Path('capacity.wandb')])"  # fmt: skip
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", script, str(here.parent.parent), str(here)],
        env={**os.environ, "WANDB_MODE": "offline", "WANDB_DIR": str(tmp_path), "WANDB_SILENT": "true"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr

    kept = [path.read_bytes() for path in tmp_path.rglob("*.wandb")]
    assert len(kept) == 2
    rows = build(many()[:2]).cases
    for row in rows:
        assert sum(row.full_name.encode() in content for content in kept) == 1
        assert any(repr(row.values["throughput"].value)[:12].encode() in content for content in kept)


def test_mlflow_gets_a_run_for_each_case_with_reasons_for_what_is_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri(tmp_path.as_uri())

    reports.write(many()[:2], None, [Path("capacity.mlflow")])

    experiment = mlflow.get_experiment_by_name("capacity")
    runs = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    rows = {row.full_name: row for row in build(many()[:2]).cases}
    assert {run.info.run_name for run in runs} == set(rows)
    for run in runs:
        row = rows[run.info.run_name]
        assert run.data.metrics["throughput"] == row.values["throughput"].value
        assert run.data.params["batch_size"] == str(row.batch_size)
        absent = [name for name, value in row.values.items() if value.value is None]
        assert all(run.data.tags[f"absent.{name}"] for name in absent)
        assert not set(absent) & set(run.data.metrics)
