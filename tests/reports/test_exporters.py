"""Outputs for other programs, each as that program reads it: nothing absent has a number there, and no case is lost."""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from made_records import H100, failure, many, record
from prometheus_client.parser import text_string_to_metric_families
from trackers import mlflow_runs, tensorboard_runs, wandb_runs

import reports
from bench.errors import SpecError
from bench.record import Record
from reports import Report, build

ONE = record("bert:Pretrain", "bf16", 8, (0.1, 0.102, 0.099), environment=H100, watts=312.5, memory=3.25e9)


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


def test_tensorboard_reads_hyperparameters_and_every_case(tmp_path: Path, records: list[Record]):
    report = build(records)
    reports.exporters.put(tmp_path / "log.tensorboard", files(report, "x.tensorboard"))

    found = tensorboard_runs(tmp_path / "log")

    assert len(found) == sum(row.ok for row in report.cases)
    assert set(found[0].parameters) >= {"workload", "device", "precision", "batch_size"}
    assert {run.step for run in found} == {row.batch_size for row in report.cases if row.ok}


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


@pytest.mark.parametrize("tracker", [mlflow_runs, wandb_runs])
def test_a_tracker_gets_a_run_for_each_case_with_reasons_for_what_is_absent(tracker, tmp_path: Path):
    pytest.importorskip(tracker.__name__.partition("_")[0])
    records = [*many()[:2], failure("oom", "out of memory")]

    found = {run.name: run for run in tracker(records, tmp_path)}

    measured = {row.full_name: row for row in build(records).cases if row.ok}
    assert set(found) == set(measured)
    for name, row in measured.items():
        run = found[name]
        assert run.group == row.run
        assert str(run.parameters["batch_size"]) == str(row.batch_size)
        assert run.metrics.keys() == {metric for metric, value in row.values.items() if value.value is not None}
        assert run.absent == {metric: value.reason for metric, value in row.values.items() if value.value is None}
