"""The workbook of a plan, recalculated by a spreadsheet and held against its twin in Python."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import textwrap
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from made_plans import TODAY, WAYS, drawn, even, filled, ways, with_
from made_records import CPU, H100, failure, many, record
from metered_records import gpu, powered
from openpyxl.worksheet.cell_range import CellRange

from bench.case import PRECISIONS
from bench.record import STATUSES, Record
from reports import Report, build
from reports.plan import build as plan_of
from reports.plan import exporter, usual
from reports.plan.candidates import serial
from reports.plan.inputs import SECTIONS, Inputs, Source
from reports.plan.looks import INPUT
from reports.plan.plan import SHEETS
from reports.plan.point import JUDGED, REASONS
from reports.plan.scenarios import BEYOND, DEMANDS, UTILISATIONS, what_if
from reports.plan.sheet import FIRST_ROW
from reports.plan.step import MISSING, number
from reports.plan.totals import NOTHING

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
needs_libreoffice = pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice here to recalculate with")


def workbook_of(report: Report, inputs: Inputs | None = None) -> bytes:
    return exporter(Path("plan.xlsx")).export(plan_of(report, inputs or usual(report.cases, TODAY)))


@pytest.fixture(scope="module")
def workbook(report: Report) -> bytes:
    return workbook_of(report)


def opened(content: bytes, values: bool = False) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def formulas(content: bytes) -> list[str]:
    return [
        cell.value for sheet in opened(content) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]


def test_formulas_use_nothing_that_an_older_spreadsheet_lacks(workbook: bytes):
    found = formulas(workbook)
    texts = [re.findall(r'"([^"]*)"', text) for text in found]
    bare = " ".join(re.sub(r'"[^"]*"', '""', text) for text in found)

    # All of Excel 2007; none of them gives an array, and arrays are taken by SUMPRODUCT alone.
    assert set(re.findall(r"([A-Za-z_.]+)\(", bare)) <= {
        "IF", "AND", "OR", "ISNUMBER", "ISERROR", "ISTEXT", "COUNTIFS", "SUMIFS", "MATCH", "INDEX", "ROUNDUP",
        "ROUNDDOWN", "MIN", "MAX", "SQRT", "EXP", "LN", "SUMPRODUCT", "ROWS", "MID", "EXACT",
    }  # fmt: skip
    assert not re.search(r"\d[eE][+-]?\d|[\[#@{]", bare)
    assert max(map(len, found)) < 8192  # Excel's limits
    assert max(len(text) for one in texts for text in one) <= 255
    assert max(map(depth, found)) < 64


def depth(text: str) -> int:
    opened = deepest = 0
    for letter in re.sub(r'"[^"]*"', "", text):
        opened += {"(": 1, ")": -1}.get(letter, 0)
        deepest = max(deepest, opened)
    return deepest


def test_names_are_names_and_stand_for_cells_of_this_workbook(workbook: bytes):
    book = opened(workbook)
    used = set(re.findall(r"\b((?:plan|measured|inputs?|checks|what)_\w+)", " ".join(formulas(workbook))))

    assert used <= set(book.defined_names)
    for name, defined in book.defined_names.items():
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", name)  # no cell of any spreadsheet is called so
        ((sheet, cells),) = defined.destinations
        assert book[sheet][cells.replace("$", "")] is not None


def test_every_formula_carries_its_value(workbook: bytes):
    values = opened(workbook, values=True)
    seen = 0
    for sheet in opened(workbook):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f" and sheet.title != "Measured":
                    seen += 1
                    assert values[sheet.title][cell.coordinate].value not in (None, ""), (sheet.title, cell.coordinate)
    assert seen > 300


def test_the_workbook_can_be_filled_in_and_not_broken(workbook: bytes):
    book = opened(workbook)

    assert book.sheetnames == ["README", "Inputs", "Measured", "Operating point", *SHEETS, "What if", "Checks"]
    assert {"input_pue", "input_confidence", "measured_point", "plan_devices"} <= set(book.defined_names)
    yellow = {
        (sheet.title, cell.coordinate)
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if cell.fill.fgColor.rgb == f"FF{INPUT[1:].upper()}" and (sheet.title, cell.row) != ("README", legend(book))
    }
    assert all(sheet.protection.sheet and not sheet.protection.password for sheet in book)
    assert yellow == {
        (sheet.title, cell.coordinate)
        for sheet in book
        for row in sheet.iter_rows()
        for cell in row
        if not cell.protection.locked and (sheet.title, cell.row) != ("README", legend(book))
    }
    inputs = [cell.coordinate for row in book["Inputs"].iter_rows(min_row=FIRST_ROW + 1) for cell in (row[2],)]
    assert {("Inputs", cell) for cell in inputs} | {("What if", "B3")} <= yellow
    assert not book["Measured"].protection.autoFilter  # which is how the format says that it may be used
    assert book["Measured"].auto_filter.ref.startswith(f"A{FIRST_ROW}:")


def legend(book: Any) -> int:
    """The row of README that shows what yellow is."""
    return next(cell.row for cell in book["README"]["A"] if cell.value == "Input")


def test_a_yellow_cell_takes_only_what_its_input_takes(workbook: bytes, report: Report):
    sheet = opened(workbook)["Inputs"]
    rules = {str(rule.sqref): rule for rule in sheet.data_validations.dataValidation}
    rows = iter(range(FIRST_ROW + 2, sheet.max_row + 1))

    assert rules[f"C{FIRST_ROW + 1}"].type == "date"
    for section, owners in usual(report.cases, TODAY).sections.items():
        for entry in [entry for _ in owners for entry in SECTIONS[section]]:
            row = next(rows)
            rule = rules[f"C{row}"]
            assert rule.error == f"{entry.title} {entry.limits}."
            if entry.choices:
                assert (rule.type, rule.formula1) == ("list", f'"{",".join(entry.choices)}"')
                assert len(rule.formula1) <= 255
            elif not entry.words:
                assert (rule.type, rule.operator) == ("whole" if entry.whole else "decimal", None)  # between
                assert (float(rule.formula1), float(rule.formula2)) == (entry.least, entry.most)
                assert sheet.cell(row, 8).value == entry.least
            if entry.sourced:
                assert rules[f"E{row}"].type == "date"
    assert len(list(rows)) == 0


def test_every_sheet_can_be_printed_and_scrolled(workbook: bytes):
    for sheet in opened(workbook):
        assert sheet.page_setup.orientation == "landscape"
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert (sheet.page_setup.fitToWidth or 1, sheet.page_setup.fitToHeight) == (1, 0)
        if sheet.title not in ("README", "What if"):
            assert sheet.print_title_rows == f"${FIRST_ROW}:${FIRST_ROW}"
            assert sheet.freeze_panes.endswith(str(FIRST_ROW + 1))


def test_heads_and_reasons_have_the_room_that_they_need(workbook: bytes):
    book = opened(workbook, values=True)
    for name in ("Inputs", "Measured", "Operating point", *SHEETS):
        sheet = book[name]
        widths = {}
        for dimension in sheet.column_dimensions.values():  # columns of one width stand together
            widths |= dict.fromkeys(range(dimension.min, dimension.max + 1), dimension.width)
        rows = [FIRST_ROW] if name in ("Inputs", "Measured") else range(FIRST_ROW, sheet.max_row + 1)
        for cell in [cell for row in rows for cell in sheet[row] if isinstance(cell.value, str)]:
            lines = len(textwrap.wrap(cell.value, int(widths[cell.column])))
            assert sheet.row_dimensions[cell.row].height >= 15 * lines, (name, cell.coordinate)


def test_a_plan_is_the_same_file_whenever_it_is_written(report: Report):
    assert workbook_of(report) == workbook_of(report)


def test_no_price_and_no_carbon_figure_is_filled_in_for_the_user(workbook: bytes):
    sheet = opened(workbook, values=True)["Inputs"]
    sourced = [row for row in sheet.iter_rows(min_row=FIRST_ROW + 1, values_only=True) if row[9]]

    assert len(sourced) >= 9
    assert [row[1] for row in sourced if row[2] is not None] == ["Compute-optimal tokens per parameter"]
    assert all(row[4] and row[5] for row in sourced if row[2] is not None)


def test_measured_has_every_case_with_raw_numbers_or_the_reason(workbook: bytes, records: list[Record]):
    sheet = opened(workbook, values=True)["Measured"]
    head = [cell.value for cell in sheet[FIRST_ROW]]
    rows = [
        dict(zip(head, [cell.value for cell in row], strict=True)) for row in sheet.iter_rows(min_row=FIRST_ROW + 1)
    ]

    assert len(rows) == len(records)
    assert {row["Status"] for row in rows} == {"ok", "oom", "crashed", "unsupported"}
    oom = next(row for row in rows if row["Status"] == "oom")
    assert (oom["Throughput, items/s"], oom["Mean power, W"]) == ("oom", "oom")
    assert "out of memory" in oom["Reason"]
    cpu = next(row for row in rows if row["Device"] == CPU["device"]["label"])
    assert cpu["Mean power, W"] == "no energy counter here: /sys/class/powercap is not there"
    assert isinstance(cpu["Throughput, items/s"], float)
    assert cpu["Measured on"] == datetime(2026, 11, 20)


def test_device_memory_is_what_the_device_said(workbook: bytes):
    rows = opened(workbook, values=True)["Inputs"].iter_rows(min_row=FIRST_ROW + 1, values_only=True)

    assert {row[0]: row[2] for row in rows if row[1] == "Device memory"}[H100["device"]["label"]] == 85.0


def recalculated(contents: Sequence[bytes], folder: Path) -> list[Any]:
    """Workbooks as LibreOffice computes them anew; by default it would show what the files say."""
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n'
        '<item oor:path="/org.openoffice.Office.Calc/Formula/Load">'
        '<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>\n'
        "</oor:items>\n"
    )
    paths = [folder / f"plan{number}.xlsx" for number in range(len(contents))]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    subprocess.run(
        [
            *(str(SOFFICE), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"),
            *("--convert-to", "xlsx", "--outdir", str(folder / "out"), *map(str, paths)),
        ],
        capture_output=True,
        timeout=300,
        check=True,
    )
    return [openpyxl.load_workbook(folder / "out" / path.name, data_only=True) for path in paths]


def same(one: object, other: object) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == pytest.approx(other, rel=1e-11)
    return (one or "") == (other or "")


def differing(again: Any, written: bytes) -> list[tuple[str, str, object, object]]:
    """The cells that a spreadsheet computed otherwise than Python did."""
    return [
        (sheet.title, cell.coordinate, found, cell.value)
        for sheet in opened(written, values=True)
        for row in sheet.iter_rows()
        for cell in row
        if not same(found := again[sheet.title][cell.coordinate].value, cell.value)
    ]


@needs_libreoffice
def test_a_spreadsheet_computes_what_python_computed(report: Report, metered: Report, tmp_path: Path):
    written = [workbook_of(one) for one in (report, metered)]

    for again, content in zip(recalculated(written, tmp_path), written, strict=True):
        assert differing(again, content) == []


def fill_in(content: bytes, inputs: Inputs) -> bytes:
    """Type inputs into a workbook, as its user would."""
    book = opened(content)
    sheet = book["Inputs"]
    rows = iter(list(sheet.iter_rows(min_row=FIRST_ROW + 1)))
    next(rows)[2].value = serial(inputs.today)
    for section, of in inputs.sections.items():
        for owner, values in of.items():
            for entry in SECTIONS[section]:
                row = next(rows)
                assert row[1].value == entry.title
                put(row[2], values[entry.name])
                source = inputs.sources.get((section, owner, entry.name))
                if entry.sourced:
                    put(row[4], serial(source.date) if source else None)
                    put(row[5], source.source if source else None)
    return saved(book)


def put(cell: Any, value: Any, formula: bool = False) -> None:
    """Enter a value; a text is one, whatever it begins with, unless it is to be a formula."""
    cell.value = value
    if isinstance(value, str) and not formula:
        cell.data_type = "s"


def saved(book: Any) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


OTHER_CPU = {**CPU, "device": {**CPU["device"], "label": "AMD EPYC 9655"}}


def odd() -> list[Record]:
    """What plans seldom see: equal cases, hairs between them, a tie over devices, and nothing measured at all."""
    return [
        record(batch_size=8, seconds=(0.1, 0.1, 0.1)),
        record(batch_size=24, seconds=(0.3, 0.3, 0.3)),
        record(batch_size=16, seconds=(0.2 * (1 - 1e-13),) * 3, precision="bf16"),
        record(batch_size=8, seconds=(0.1, 0.1, 0.1), environment=OTHER_CPU),
        record("mine:model", batch_size=1, seconds=(0.02, 0.021, 0.02), unit="image"),
        record("mine:model", batch_size=2, seconds=(0.03, 0.031, 0.03), unit="row"),
        record("mine:Model", batch_size=1, seconds=(0.04, 0.041, 0.04), steps=200),
        gpu(workload="mine:Model", batch_size=4, steps=200),
        gpu(workload="mine:Model", batch_size=64, seconds=(0.5, 0.51, 0.5), steps=200),
        failure("timeout", "600 s", "mine:Never"),
        failure("oom", "out of memory", "mine:Never", precision="bf16"),
        record("mine:Fast", batch_size=4096, seconds=(1e-6, 1.01e-6, 1e-6), steps=20_000),
    ]


def every_way() -> list[Record]:
    """A workload for each of `WAYS`, some of them on CPUs without power too, and one with each way to be no point."""
    found = []
    steps = (*[0.08] * 22, 0.0805, 0.0805, 0.081)  # so that each percentile is another
    for index in range(len(WAYS)):
        name = f"way:N{index:02}"
        found += [
            gpu(workload=name, precision="fp32", batch_size=1, seconds=(0.03, 0.0301, 0.03), steps=200),
            gpu(workload=name, precision="bf16", batch_size=8, seconds=steps, steps=24),
        ]
        if index % 8 == 0:
            found.append(record(name, batch_size=4, seconds=(0.5, 0.51, 0.5)))
            found.append(record(name, batch_size=4, seconds=(0.42, 0.43, 0.42), environment=OTHER_CPU))
    others = [
        gpu(workload=f"way:N{WAYS.index(way):02}", precision=precision, batch_size=2, steps=200)
        for way in ({}, {"allowed_precision": "bf16"}, {"mode": "training"})
        for precision in ("tf32", "fp16", "bf16-pure")
    ]
    return [*found, *others, record("way:Half", precision="bf16"), *hopeless()]


def hopeless() -> list[Record]:
    """Cases of one workload that cannot be chosen, each for another reason."""
    bare, idle = record("none:At", batch_size=2), record("none:At", batch_size=3)
    work = {"sequence": 0.0, "token": 0.0}
    return [
        *(
            failure(status, "as it is", "none:At", batch_size=size)
            for size, status in enumerate(STATUSES[1:], start=10)
        ),
        replace(bare, replicates=tuple(replace(one, readings={}) for one in bare.replicates)),
        replace(
            idle,
            replicates=tuple(
                replace(one, samples=tuple(replace(sample, work=work) for sample in one.samples))
                for one in idle.replicates
            ),
        ),
        record("none:At", batch_size=4, memory=16e9),
        record("none:At", seconds=(0.1,)),
        record("none:Bound", seconds=(0.1,)),
    ]


@needs_libreoffice
def test_a_spreadsheet_follows_every_way_that_a_plan_can_take(tmp_path: Path):
    report = build(every_way())
    changed = ways(usual(report.cases, TODAY))
    plain = next(row for row in plan_of(report, changed[0]).rows if number(row["owned"]))
    rent = plain["owned"] / plain["devices"] / 8760
    changed[:2] = [even(changed[0], plain["device"], rent), even(changed[1], plain["device"], 1.1 * rent)]
    written = workbook_of(report)

    again = recalculated([fill_in(written, inputs) for inputs in changed], tmp_path)

    said: set[object] = set()
    numbers: set[str] = set()
    for book, inputs in zip(again, changed, strict=True):
        assert differing(book, workbook_of(report, inputs)) == []
        for row in plan_of(report, inputs).rows:
            said |= {value for value in row.values() if isinstance(value, str)}
            numbers |= {name for name, value in row.items() if number(value)}
    # Every number is one somewhere, and every text that formulas may end in was said, but for those of one table.
    assert {step.name for steps in SHEETS.values() for step in steps if step.format} - numbers == set()
    ends = {text for one in formulas(written) for text in re.findall(r'"([^"]*)"', one) if re.match("[a-z]{2}", text)}
    others = {NOTHING, BEYOND, "none of ", "all formulas", "ok", "price"}
    assert ends - said - set(REASONS) - set(MISSING.values()) - set(PRECISIONS) == others


@needs_libreoffice
def test_what_if_stops_where_the_objective_would_be_broken(tmp_path: Path):
    report = build([gpu(workload="mine:One", batch_size=1, seconds=(0.03, 0.0301, 0.03), steps=200)])
    inputs = filled(usual(report.cases, TODAY))
    (one,) = inputs.workload.values()
    tight = replace(inputs, workload={"mine:One": {**one, "mode": "online", "slo": 150.0, "percentile": "p95"}})
    plan = plan_of(report, tight)

    (again,) = recalculated([fill_in(workbook_of(report), tight)], tmp_path)

    assert 0.6 < plan.rows[0]["allowed"] < 0.7
    assert [BEYOND in line for line in plan.grid] == [share > plan.rows[0]["allowed"] for share in UTILISATIONS]
    assert differing(again, workbook_of(report, tight)) == []


@needs_libreoffice
def test_a_spreadsheet_follows_any_inputs_as_the_twin_does(tmp_path: Path):
    reports = [build(records) for records in (many(), powered(), odd())]
    kinds = [(0, False), (1, True), (2, True)]
    lots = [(report, kinds[:1] if index == 0 else kinds) for index, report in enumerate(reports)]  # many are slow
    empty = {id(report): usual(report.cases, TODAY) for report in reports}
    pairs = [(report, drawn(empty[id(report)], *kind)) for report, of in lots for kind in of]
    # Typed over what was empty and over what was full, in turn.
    over = {id(report): [workbook_of(report), workbook_of(report, filled(empty[id(report)]))] for report in reports}
    entered = [fill_in(over[id(report)][index % 2], inputs) for index, (report, inputs) in enumerate(pairs)]

    again = recalculated(entered, tmp_path)

    for book, (report, inputs) in zip(again, pairs, strict=True):
        assert differing(book, workbook_of(report, inputs)) == []


HOSTILE = (
    "=1+1", "+1:1", "-2:x", "@SUM(A1):x", "'quoted:\"x\"", "http://evil.example/x:y", "mailto:a@b.example", "1e5",
    "TRUE", "#REF!", "*", "?", "<>ok", "a&b<c>]]>:d", "{currency}:{point}", "planned in Training", "enter the rent",
    "\u202e\ud800:\x00\x1b[31m", "longer than a sheet's name:" + "x" * 400, "[Sheet]!A:B", "ünï:çødé 🚀", "ok", "",
)  # fmt: skip


@needs_libreoffice
def test_whatever_workloads_devices_and_reasons_are_called_they_stay_texts(tmp_path: Path):
    records = []
    for name in HOSTILE:
        device = {**H100, "device": {**H100["device"], "label": name}}
        records += [
            record(name, environment=device),
            failure("failed", name or "?", name or "?", precision=name or "?"),
        ]
    report = build(records)
    inputs = with_(filled(usual(report.cases, TODAY)), currency='=1+1&"')
    inputs = replace(inputs, sources=dict.fromkeys(inputs.sources, Source(TODAY, "=HYPERLINK(A1)")))
    content = workbook_of(report, inputs)

    (again,) = recalculated([content], tmp_path)

    assert differing(again, content) == []
    book = opened(content)
    assert not any(cell.hyperlink for sheet in book for row in sheet.iter_rows() for cell in row)
    plain = set(formulas(workbook_of(build([record()]), filled(usual(build([record()]).cases, TODAY)))))
    assert {shape(text) for text in formulas(content)} <= {shape(text) for text in plain}
    assert zipfile.ZipFile(io.BytesIO(content)).testzip() is None
    assert not [name for name in zipfile.ZipFile(io.BytesIO(content)).namelist() if "externalLink" in name]
    rows = list(book["Fleet"].iter_rows(min_row=FIRST_ROW + 1, values_only=True))
    assert {"=1+1", "TRUE", "1e5"} <= {row[0] for row in rows}
    document = json.loads(exporter(Path("json")).export(plan_of(report, inputs)))
    assert len(document["rows"]) == len(rows)


def shape(formula: str) -> str:
    """A formula without the numbers in it, which say where its cells are."""
    return re.sub(r"\d+", "0", formula)


@needs_libreoffice
def test_a_workbook_notices_what_is_typed_into_it(metered: Report, tmp_path: Path):
    inputs = filled(usual(metered.cases, TODAY))
    content = workbook_of(metered, inputs)
    place = {row[1].value: row[2].coordinate for row in opened(content)["Inputs"].iter_rows(min_row=FIRST_ROW + 1)}
    price = place["Electricity price"]
    spoiled = typed(
        content,
        {
            ("Inputs", price): "0,21",
            ("Inputs", place["PUE"]): 0.9,
            ("Inputs", place["Rent"].replace("C", "E")): "last year",
            ("Training", "D4"): "=1/0",
            ("What if", "B3"): 4,
        },
    )
    wrong = typed(content, {("Measured", "AH4"): "=1"})

    again, other = recalculated([spoiled, wrong], tmp_path)

    said = {row[0]: row[1] for row in again["Checks"].iter_rows(min_row=FIRST_ROW + 1, values_only=True)}
    assert re.fullmatch(r"2 of \d+ outside their limits, or texts in the place of numbers", said["Inputs"])
    assert re.fullmatch(r"1 of \d+ without a date or a source", said["Sources of prices and figures"])
    assert re.fullmatch(r"\d+ of all formulas end in an error", said["Formulas"])
    last = plan_of(metered, inputs).rows[3]
    for row, share in enumerate(UTILISATIONS, start=FIRST_ROW + 5):
        for column, demand in enumerate(DEMANDS, start=2):
            assert same(again["What if"].cell(row, column).value, what_if(last, demand, share))
    assert ("Measured", "AH4") in {(sheet, cell) for sheet, cell, *_ in differing(other, content)}


def typed(content: bytes, changes: Mapping[tuple[str, str], Any]) -> bytes:
    """The workbook with cells overwritten."""
    book = opened(content)
    for (sheet, cell), value in changes.items():
        put(book[sheet][cell], value, str(value).startswith("="))
    return saved(book)


def test_the_check_of_formulas_sees_every_formula_that_the_plan_hangs_on(workbook: bytes):
    book = opened(workbook)
    check = next(row[1] for row in book["Checks"].iter_rows(values_only=True) if row[0] == "Formulas")
    ranges = re.findall(r"ISERROR\('([^']+)'!([^)]+)\)", check)
    seen = [(sheet, CellRange(cells.replace("$", ""))) for sheet, cells in ranges]

    unseen = {
        (sheet.title, cell.coordinate)
        for sheet in book
        for row in sheet.iter_rows(min_row=FIRST_ROW + 1)
        for cell in row
        if cell.data_type == "f" and sheet.title not in ("Inputs", "Checks")  # units, and the checks themselves
        if not any(name == sheet.title and cell.coordinate in cells for name, cells in seen)
    }
    heads = {(name, cell) for name, cell in unseen if str(book[name][cell].value).startswith('="')}
    assert unseen - heads == set()
    assert {sheet for sheet, _ in seen} == {"README", "Measured", "Operating point", *SHEETS, "What if"}


def test_json_says_what_the_workbook_says(any_report: Report):
    plan = plan_of(any_report, filled(usual(any_report.cases, TODAY)))
    document = json.loads(exporter(Path("json")).export(plan))
    values = opened(exporter(Path("plan.xlsx")).export(plan), values=True)

    def agree(name: str, row: int, column: int, quantity: dict[str, Any]) -> None:
        assert same(values[name].cell(row, column).value, quantity.get("text", quantity["value"]))
        if quantity.get("unit"):
            assert values[name].cell(FIRST_ROW, column).value.endswith(f", {quantity['unit']}")

    for row, told in enumerate(document["rows"], start=FIRST_ROW + 1):
        for name, steps in SHEETS.items():
            for column, step in enumerate(steps, start=4):
                agree(name, row, column, told[name.lower()][step.name])
        for column, quantity in enumerate(told["operating_point"].values(), start=5):
            agree("Operating point", row, column, quantity)
    first = [cell.value for cell in values["Measured"][FIRST_ROW]].index("Step that must keep the objective, s") + 1
    for row, told in enumerate(document["measured"], start=FIRST_ROW + 1):
        for column, step in enumerate(JUDGED, start=first):
            agree("Measured", row, column, told[step.name])
    assert document["checks"] == {
        one.name: values["Checks"].cell(row, 2).value for row, one in enumerate(plan.checks, start=FIRST_ROW + 1)
    }
    for name, quantity in document["totals"].items():
        assert plan.totals[name] == (quantity["text"] if quantity["value"] is None else quantity["value"])
