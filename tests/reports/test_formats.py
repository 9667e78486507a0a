"""All formats from one report: they agree."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import openpyxl
import pytest
from made_records import CPU, RUN, failure, record

import reports
from bench.errors import SpecError
from bench.metric import METRICS
from bench.record import Record
from reports import Report, build

FORMATS = ("csv", "html", "json", "md", "terminal", "xlsx")


def exported(report: Report, suffix: str) -> bytes:
    return reports.exporter(Path(f"report.{suffix}")).export(report)


class Text(HTMLParser):
    """The text, tags and attributes of a page."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text = ""
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "td":
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        self.text += data
        if self.cells and self.tags[-1] == "td":
            self.cells[-1] += data


def rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(exported(report, "csv").decode())))


def test_the_tidy_table_has_exactly_the_published_columns(report: Report):
    header = exported(report, "csv").decode().partition("\n")[0]

    assert header == (
        "run,case,workload,device,precision,batch_size,sequence_length,layers,depth,"
        "status,reason,metric,unit,value,low,high,replicates,samples,caveats,source,scope,error"
    )


def test_the_tidy_table_has_a_row_for_each_case_and_metric(report: Report, records: list[Record]):
    found = rows(report)

    assert len(found) == len(records) * len(METRICS)
    assert {row["metric"] for row in found} == set(METRICS)


def test_the_tidy_table_keeps_every_digit_and_says_why_a_value_is_absent():
    found = {row["metric"]: row for row in rows(build([record(seconds=(0.1, 0.3, 0.1))]))}

    assert float(found["time.step"]["value"]) == 0.1
    assert float(found["throughput"]["value"]) == 80.0
    assert (found["power.mean"]["value"], found["power.mean"]["low"]) == ("", "")
    assert found["power.mean"]["reason"] == "no energy counter here: /sys/class/powercap is not there"
    assert found["throughput"]["reason"] == ""


def test_a_failed_case_has_a_row_for_each_metric_with_its_status_and_reason():
    found = rows(build([record(), failure("oom", "out of memory")]))
    failed = [row for row in found if row["status"] == "oom"]

    assert len(failed) == len(METRICS)
    assert {(row["reason"], row["value"]) for row in failed} == {("out of memory", "")}


def test_whole_numbers_stay_whole_beside_absent_values():
    found = rows(build([record(parameters={"depth": 50}), record(parameters={}, workload="w:W")]))

    assert {row["depth"] for row in found} == {"50", ""}


def test_the_same_number_has_the_same_text_in_every_format(report: Report):
    row = next(row for row in report.cases if row.device == "cuda:0" and row.precision == "bf16" and row.ok)
    found = json.loads(exported(report, "json"))
    case = next(case for case in found["cases"] if case["case"] == row.case)
    page = Text(exported(report, "html"))
    texts = {name: exported(report, name).decode() for name in ("md", "terminal")}

    for metric in ("throughput", "time.step", "memory.planning", "power.mean", "energy.item"):
        cell = row.cells[metric]
        assert (case["metrics"][metric]["text"], case["metrics"][metric]["unit"]) == (cell.text, cell.unit)
        assert cell.text in page.cells
        assert f"| {cell.text} |" in texts["md"]
        assert f" {cell.text} " in texts["terminal"]


def test_json_and_the_tidy_table_hold_the_same_raw_numbers(report: Report):
    found = json.loads(exported(report, "json"))
    assert found["schema"] == "wattmark.report/1"
    raw = {
        (case["case"], name): (metric["value"], metric["low"], metric["high"])
        for case in found["cases"]
        for name, metric in case["metrics"].items()
    }

    def parsed(text: str) -> float | None:
        return float(text) if text else None

    for row in rows(report):
        assert raw[row["case"], row["metric"]] == tuple(parsed(row[name]) for name in ("value", "low", "high"))


def test_what_keeps_records_from_being_compared_is_said_in_every_format():
    torch = {"version": "2.14.0+cpu", "threads": 2}
    report = build([record()], [record(environment={**CPU, "torch": torch}, run=replace(RUN, id="old"))])
    (table,) = report.comparability
    texts = {name: exported(report, name).decode() for name in ("md", "terminal", "json")}

    assert f"<summary>{table.title}</summary>" in texts["md"]
    assert "| torch.version ≠ ✕ | 2.14.0+cpu | 2.13.0+cpu |" in texts["md"]
    assert "torch.version ≠ ✕: 2.14.0+cpu | 2.13.0+cpu" in texts["terminal"]
    assert json.loads(texts["json"])["comparability"][0]["rows"][0][1]["text"] == "2.14.0+cpu"
    assert not any(table.title in exported(build([record()]), name).decode() for name in ("md", "terminal", "json"))


def test_what_became_of_a_case_over_its_runs_is_said_in_every_format():
    older = [record(run=replace(RUN, id=f"2026-{day}", started=f"2026-11-1{day}T10:00:00+00:00")) for day in range(2)]
    report = build([record()], earlier=older)
    assert report.over_runs is not None
    ((case, runs, since, now, spread, change),) = report.over_runs.rows
    texts = {name: exported(report, name).decode() for name in ("md", "terminal", "html")}

    assert (runs.text, since.text, now.text) == ("3", "2026-11-10", report.cases[0].cells["throughput"].text)
    assert change.text == "3 runs: too few to tell a change from chance, which takes 10."
    assert f"| {case.text} | 3 | 2026-11-10 | {now.full} | {spread.text} | {change.text} |" in texts["md"]
    assert all("2026-11-10" in text and now.full in text for text in texts.values())
    brief, whole = json.loads(exported(report, "json"))["history"]
    assert brief["rows"][0][3]["raw"] == whole["rows"][-1][3]["raw"] == now.raw
    assert json.loads(exported(build([record()]), "json"))["history"] == []


def test_the_terminal_begins_with_what_is_best(report: Report):
    text = exported(report, "terminal").decode()
    fastest = next(row[1] for row in report.summary.rows if not row[1].absent)

    assert text.index("Summary") < text.index(fastest.full) < text.index(fastest.under[:12]) < text.index("Status")


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_format_says_nan_or_infinity(any_report: Report, suffix: str):
    if suffix == "xlsx":
        book = openpyxl.load_workbook(io.BytesIO(exported(any_report, suffix)), data_only=True)
        text = " ".join(str(cell.value) for sheet in book for row in sheet.iter_rows() for cell in row if cell.value)
    else:
        text = exported(any_report, suffix).decode()

    words = set(text.replace('"', " ").replace(">", " ").replace("<", " ").replace(",", " ").split())
    assert words.isdisjoint({"NaN", "nan", "inf", "-inf", "Infinity", "None", "#DIV/0!", "#VALUE!", "#NAME?"})


def test_the_terminal_fits_100_columns(any_report: Report):
    lines = exported(any_report, "terminal").decode().splitlines()

    assert max(map(len, lines)) <= 100
    assert not any("…" in line for line in lines)


def test_markdown_tables_have_the_same_number_of_columns_in_every_row(any_report: Report):
    block: list[int] = []
    for line in [*exported(any_report, "md").decode().splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count("|"))
        else:
            assert len(set(block)) <= 1
            block = []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_store_of_nothing_but_failures_makes_a_report(suffix: str):
    assert exported(build([failure("crashed", "died of signal 11", stderr="boom")]), suffix)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_baseline_reaches_every_format_that_words_it(suffix: str):
    report = build([record(seconds=(0.1, 0.1, 0.101))], [record(seconds=(0.2, 0.2, 0.201))])
    content = exported(report, suffix)

    if suffix not in ("csv", "xlsx"):
        assert b"faster" in content


def test_an_unknown_suffix_lists_the_known_ones_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(SpecError, match=r"action\.json, bencher\.json, csv, html, .*, svg, .*, xlsx"):
        reports.write([record()], None, [tmp_path / "a.csv", tmp_path / "b.docx"])
    with pytest.raises(SpecError, match="no exporter 'cell'"):
        reports.write([record()], None, [tmp_path / "a.cell"])

    assert list(tmp_path.iterdir()) == []


def test_files_are_written_whole_with_their_folder_and_no_leftovers(tmp_path: Path):
    paths = [tmp_path / "new" / f"report.{suffix}" for suffix in FORMATS]

    reports.write([record()], None, paths)

    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)


def test_a_file_that_cannot_be_written_is_one_line_about_it(tmp_path: Path):
    (tmp_path / "taken.csv").mkdir()

    with pytest.raises(SpecError, match=r"taken\.csv: cannot be written"):
        reports.write([record()], None, [tmp_path / "taken.csv"])

    assert [path.name for path in tmp_path.iterdir()] == ["taken.csv"]


def test_a_bare_name_goes_to_stdout(capfdbinary: pytest.CaptureFixture[bytes]):
    reports.write([record()], None, [Path("csv")])

    assert capfdbinary.readouterr().out.startswith(b"run,case,workload,")
