"""Watts and joules in a report: never without method, scope and error, and never a number where there is no meter."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from made_records import CPU, NO_ENERGY, record
from metered_records import COUNTER, NO_MIG_ENERGY, RAPL, gh200, gpu, metered, mig, rapl

import reports
from bench.record import Record
from reports import Report, build
from reports.cases import CaseRow
from reports.cell import Table
from reports.plan.sheet import FIRST_ROW

WORDED = ("html", "md", "terminal")
FORMATS = (*WORDED, "csv", "json", "xlsx")

GPU_WORDS = f"{COUNTER} (scope GPU, method ±5.2 %)"
MODULE_WORDS = f"{COUNTER} (scope module, method ±6.1 %)"
RAPL_WORDS = f"{RAPL} (scope CPU packages and DRAM, method's error unknown)"


def exported(report: Report, suffix: str) -> bytes:
    return reports.exporter(Path(f"report.{suffix}")).export(report)


class Shown(HTMLParser):
    """What a reader sees of a page without hovering."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(page)

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(report: Report, suffix: str) -> str:
    """The text of a worded format, on one line."""
    text = exported(report, suffix).decode()
    text = Shown(text.partition("<main>")[2]).text if suffix == "html" else text
    if suffix == "md":
        text = re.sub(r"&#(\d+);", lambda code: chr(int(code[1])), re.sub(r"</?code>", "", text))
    return " ".join(text.split())


def measured(report: Report) -> list[dict[str, Any]]:
    """The rows of the workbook's sheet Measured by their heads."""
    sheet = openpyxl.load_workbook(io.BytesIO(exported(report, "xlsx")), data_only=True)["Measured"]
    heads = [cell.value for cell in sheet[FIRST_ROW]]
    rows = sheet.iter_rows(min_row=FIRST_ROW + 1, values_only=True)
    return [dict(zip(heads, row, strict=True)) for row in rows]


def tidy(report: Report, metric: str) -> list[dict[str, str]]:
    found = csv.DictReader(io.StringIO(exported(report, "csv").decode()))
    return [row for row in found if row["metric"] == metric]


def by_scope(report: Report, scope: str) -> CaseRow:
    return next(row for row in report.cases if row.values["energy.item"].scope == scope)


def column(table: Table, title: str) -> list[str]:
    index = [head.title for head in table.columns].index(title)
    return [row[index].text for row in table.rows]


@pytest.mark.parametrize("suffix", WORDED)
def test_a_joule_is_shown_with_its_method_scope_and_error(metered: Report, suffix: str):
    text = shown(metered, suffix)

    for words in (GPU_WORDS, MODULE_WORDS, RAPL_WORDS):
        assert f"Power and energy: {words}; gross." in text


def test_the_tidy_table_and_json_hold_source_scope_and_error_of_a_joule(metered: Report):
    found = {row["scope"]: row for row in tidy(metered, "energy.item")}
    cases = json.loads(exported(metered, "json"))["cases"]
    in_json = {case["metrics"]["energy.item"]["scope"]: case["metrics"]["energy.item"] for case in cases}

    assert (found["GPU"]["source"], float(found["GPU"]["error"])) == (COUNTER, 0.052)
    assert (found["module"]["source"], float(found["module"]["error"])) == (COUNTER, 0.061)
    assert (found["CPU packages and DRAM"]["source"], found["CPU packages and DRAM"]["error"]) == (RAPL, "")
    assert (in_json["GPU"]["source"], in_json["GPU"]["error"]) == (COUNTER, 0.052)
    assert (in_json["CPU packages and DRAM"]["source"], in_json["CPU packages and DRAM"]["error"]) == (RAPL, None)


def test_the_workbook_has_gross_and_net_joules_and_idle_watts_with_where_they_come_from(metered: Report):
    rows = {row["Scope of power and energy"]: row for row in measured(metered)}

    row = rows["GPU"]
    assert row["Mean power, W"] == pytest.approx(400)
    assert row["Idle power, W"] == 80
    assert row["Gross energy per item, J"] == pytest.approx(400 / 80)
    assert row["Net energy per item, J"] == pytest.approx(320 / 80)
    assert (row["Method of power and energy"], row["Method's error, share"]) == (COUNTER, 0.052)
    assert rows["CPU packages and DRAM"]["Method's error, share"] == "unknown"


@pytest.mark.parametrize(
    ("one", "reason"),
    [(mig(), NO_MIG_ENERGY), (record(environment=CPU), NO_ENERGY.reason)],
    ids=["MIG slice", "no power meter"],
)
@pytest.mark.parametrize("suffix", FORMATS)
def test_where_there_is_no_meter_every_format_has_the_reason_and_no_number(one: Record, reason: str, suffix: str):
    report = build([one])

    if suffix == "xlsx":
        (row,) = measured(report)
        assert {row[head] for head in ("Mean power, W", "Gross energy per item, J", "Net energy per item, J")} == {
            reason
        }
        assert not isinstance(row["Idle power, W"], float)
        assert (row["Scope of power and energy"], row["Method's error, share"]) == ("unavailable", None)
    elif suffix == "csv":
        for metric in ("power.mean", "energy.item", "energy.item.net"):
            (line,) = tidy(report, metric)
            assert (line["value"], line["low"], line["scope"], line["error"]) == ("", "", "", "")
            assert line["reason"] == reason
    elif suffix == "json":
        (case,) = json.loads(exported(report, suffix))["cases"]
        for metric in ("power.mean", "energy.item", "energy.item.net"):
            found = case["metrics"][metric]
            assert (found["value"], found["raw"], found["text"], found["note"]) == (None, None, "—", reason)
    else:
        text = shown(report, suffix)
        assert f"Not measured: Power, Gross energy per item ({reason})." in text
        assert "Power and energy:" not in text  # no joule is shown, so nothing is said of one
        assert not re.search(r"[0-9] J/sequence", text)


def test_a_single_absence_beside_joules_has_a_footnote_with_its_reason(metered: Report):
    table = metered.results[0]
    index = [head.title for head in table.columns].index("Gross energy per item")
    notes = [table.notes[row[index].mark - 1] for row in table.rows if row[index].absent and row[index].mark]

    assert set(notes) == {NO_MIG_ENERGY, NO_ENERGY.reason}


def test_one_method_is_told_once_and_several_at_each_number():
    alone = build([gpu(), gpu(batch_size=16)]).results[0]
    mixed = build([gpu(), gh200()]).results[0]

    assert [remark for remark in alone.remarks if "energy" in remark] == [f"Power and energy: {GPU_WORDS}; gross."]
    assert alone.notes == ()
    assert not [remark for remark in mixed.remarks if remark.startswith("Power and energy")]
    for title, watts in (("Power", ("400.0", "620.0")), ("Gross energy per item", ("5.00", "3.88"))):
        index = [head.title for head in mixed.columns].index(title)
        told = {row[index].text: mixed.notes[row[index].mark - 1] for row in mixed.rows}
        assert told == {
            watts[0]: f"Power and energy: {GPU_WORDS}; gross.",
            watts[1]: f"Power and energy: {MODULE_WORDS}; gross.",
        }


def test_errors_that_differ_are_told_from_the_least_to_the_most():
    other = metered(record(environment=CPU, batch_size=4), 150.0, 60.0, RAPL, "CPU packages", error=0.12)
    one = metered(record(environment=CPU), 180.0, 60.0, RAPL, "CPU packages", error=0.03)

    remarks = build([one, other]).results[0].remarks

    assert f"Power and energy: {RAPL} (scope CPU packages, method ±3.0 % to ±12 %); gross." in remarks


def test_repeatability_and_the_methods_error_are_never_called_alike(metered: Report):
    row = by_scope(metered, "GPU")
    table = next(table for table in row.details if table.title == "Metrics")
    spreads, errors = column(table, "±"), column(table, "Method's error")
    energy = column(table, "Metric").index("energy.item, gross")

    assert (spreads[energy], errors[energy]) == ("±4.2 %", "method ±5.2 %")
    assert not [spread for spread in spreads if "method" in spread]
    assert all(error.startswith("method") for error in errors if error)
    assert column(table, "95 % interval")[energy] == "4.83 to 5.21"
    assert column(table, "Replicates")[energy] == "3"
    assert row.cells["energy.item"].note.endswith(f"3 replicates; source: {GPU_WORDS}")


def test_gross_and_net_are_both_named_so_with_the_errors_of_each(metered: Report):
    table = by_scope(metered, "GPU").details[0]
    names = column(table, "Metric")
    values = dict(zip(names, zip(column(table, "Value"), column(table, "Method's error"), strict=True), strict=True))

    assert values["energy.item, gross"] == ("5.00", "method ±5.2 %")
    assert values["energy.item.net"] == ("4.00", "method ±7.8 %")  # 5.2 % of 400 W and of 80 W, of 320 W
    assert values["power.idle"] == ("80.00", "method ±5.2 %")


def test_what_nobody_knows_of_a_joule_is_said_and_not_left_open(metered: Report):
    table = by_scope(metered, "CPU packages and DRAM").details[0]
    energy = column(table, "Metric").index("energy.item, gross")

    assert column(table, "Method's error")[energy] == "unknown"
    assert column(table, "Method's error")[column(table, "Metric").index("time.step")] == ""


def test_joules_of_different_scopes_are_not_ranked_against_each_other(metered: Report):
    least = metered.summary.rows[0][3]

    assert least.text == "3.88 J/sequence"
    assert MODULE_WORDS in least.under
    assert "by another method or scope 5.00 J/sequence: cuda:0 (NVIDIA H100 80GB HBM3)" in least.under
    assert f"batch 2; {RAPL_WORDS}" in least.under


def test_joules_of_one_scope_are_ranked_and_only_the_least_is_named():
    least = build([gpu(), gpu(batch_size=16, seconds=(0.15,) * 3)]).summary.rows[0][3]

    assert least.under == f"cuda:0 · bf16 · batch 16; {GPU_WORDS}"


def test_a_chart_of_joules_says_where_they_come_from_and_others_do_not(metered: Report):
    throughput, memory, energy, *_ = metered.charts[0].pictures

    assert (throughput.note, memory.note) == ("", "")
    assert f"cpu: {RAPL_WORDS}" in energy.note
    assert f"cuda:0 (NVIDIA GH200 480GB): {MODULE_WORDS}" in energy.note
    assert build([gpu()]).charts[0].pictures[2].note == f"{GPU_WORDS}."
    assert energy.note in shown(metered, "html")


def test_joules_of_an_interrupted_case_are_told_of_too():
    stopped = replace(gh200(), status="interrupted", reason="1 of 3 replicates measured")

    text = shown(build([gpu(), stopped]), "terminal")

    assert GPU_WORDS in text
    assert MODULE_WORDS in text


def test_a_record_from_before_scopes_says_that_they_are_unknown():
    old = metered(record(), 100.0, 20.0, "NVML total energy counter (whole GPU)", None, None)  # type: ignore[arg-type]

    remarks = build([old]).results[0].remarks

    assert (
        "Power and energy: NVML total energy counter (whole GPU) (scope unknown, method's error unknown); gross."
        in remarks
    )


def test_the_plan_says_whose_power_it_counts():
    sheet = openpyxl.load_workbook(io.BytesIO(exported(build([gpu(), gh200(), rapl(), mig()]), "xlsx")), data_only=True)
    heads = [cell.value for cell in sheet["Operating point"][FIRST_ROW]]
    place, device = heads.index("Scope of the power"), heads.index("Device")
    scopes = {
        row[device]: row[place] for row in sheet["Operating point"].iter_rows(min_row=FIRST_ROW + 1, values_only=True)
    }

    marked = [str(each.sqref) for each in sheet["Operating point"].conditional_formatting]
    scope = f"{openpyxl.utils.get_column_letter(place + 1)}{FIRST_ROW + 1}"
    assert not [cells for cells in marked if scope in openpyxl.worksheet.cell_range.CellRange(cells)]  # it says no lack
    assert scopes == {
        "NVIDIA H100 80GB HBM3": "GPU",
        "NVIDIA GH200 480GB": "module",
        CPU["device"]["label"]: "CPU packages and DRAM",
        "NVIDIA H100 80GB HBM3 MIG 3g.40gb": "unavailable",
    }
