"""The workbook of a plan, recalculated by a spreadsheet and held against its twin in Python."""

from __future__ import annotations

import io
import json
import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from made_records import CPU, H100, many
from metered_records import powered

from bench.record import Record
from reports import Report, build
from reports.plan import build as plan_of
from reports.plan import exporter, usual
from reports.plan.candidates import serial
from reports.plan.inputs import SECTIONS, Input, Inputs, Quantity, Source
from reports.plan.plan import SHEETS
from reports.plan.sheet import FIRST_ROW

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")
TODAY = date(2026, 11, 24)
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
    found = " ".join(formulas(workbook))

    assert set(re.findall(r"([A-Z][A-Z.]+)\(", found)) <= {
        "IF", "AND", "ISNUMBER", "ISERROR", "MAXIFS", "MINIFS", "COUNTIFS", "MATCH", "INDEX", "ROUND", "ROUNDUP",
        "ROUNDDOWN", "MIN", "SQRT", "SUMPRODUCT", "ROWS",
    }  # fmt: skip
    assert not re.search(r"\d[eE][+-]?\d|\[|#|@|\{", found)
    assert max(map(len, formulas(workbook))) < 8192  # Excel's limit


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
    assert {"input_pue", "input_confidence", "measured_usable", "plan_devices"} <= set(book.defined_names)
    assert book["Measured"].protection.sheet
    assert book["Inputs"].protection.sheet
    inputs = book["Inputs"]
    entered = [row[2] for row in inputs.iter_rows(min_row=FIRST_ROW + 1)]
    assert all(not cell.protection.locked for cell in entered)
    assert all(cell.protection.locked for row in book["Measured"].iter_rows() for cell in row)
    rules = inputs.data_validations.dataValidation
    assert {rule.type for rule in rules} == {"decimal", "list"}
    assert '"online,offline,training"' in {rule.formula1 for rule in rules if rule.type == "list"}
    assert "A1" not in book["Measured"].freeze_panes


def test_no_price_and_no_carbon_figure_is_filled_in_for_the_user(workbook: bytes):
    sheet = opened(workbook, values=True)["Inputs"]
    sourced = [row for row in sheet.iter_rows(min_row=FIRST_ROW + 1, values_only=True) if row[6] == "yes"]

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
def test_a_spreadsheet_computes_what_python_computed(any_report: Report, tmp_path: Path):
    workbook = workbook_of(any_report)

    (again,) = recalculated([workbook], tmp_path)

    assert differing(again, workbook) == []


def fill_in(content: bytes, inputs: Inputs) -> bytes:
    """Type inputs into a workbook, as its user would."""
    book = opened(content)
    sheet = book["Inputs"]
    rows = iter(list(sheet.iter_rows(min_row=FIRST_ROW + 1)))
    next(rows)[2].value = serial(inputs.today)
    owners = {"general": {"": inputs.general}, "workload": inputs.workload, "device": inputs.device}
    for section, of in owners.items():
        for owner, values in of.items():
            for entry in SECTIONS[section]:
                row = next(rows)
                assert row[1].value == entry.title
                row[2].value = values[entry.name]
                source = inputs.sources.get((section, owner, entry.name))
                if entry.sourced:
                    row[4].value = serial(source.date) if source else None
                    row[5].value = source.source if source else None
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def drawn(inputs: Inputs, seed: int) -> Inputs:
    """Inputs such as planners may enter, some of them left empty."""
    lot = random.Random(seed)
    sources: dict[tuple[str, str, str], Source] = {}

    def value(place: tuple[str, str, str], entry: Input) -> Quantity:
        if entry.choices:
            return lot.choice(entry.choices)
        if entry.sourced and lot.random() < 0.8:
            sources[place] = Source(TODAY, "drawn by lot")
        if lot.random() < 0.12:
            return None
        low, high = _RANGES.get(entry.name, (max(entry.least, 0.05), entry.most or 10.0))
        return lot.randint(int(low), int(high)) if entry.format == "#,##0" else round(lot.uniform(low, high), 4)

    def section(name: str, owner: str) -> dict[str, Quantity]:
        return {entry.name: value((name, owner, entry.name), entry) for entry in SECTIONS[name]}

    return replace(
        inputs,
        general=section("general", ""),
        workload={owner: section("workload", owner) for owner in inputs.workload},
        device={owner: section("device", owner) for owner in inputs.device},
        sources=sources,
    )


# What an input may be drawn from, where that is not from its least to its most or 10.
_RANGES = {
    "demand": (0.0, 9e5), "slo": (1.0, 3000.0), "training_items": (1e6, 1e10), "parameters": (1e6, 1e12),
    "peak": (1e12, 1e15), "tokens": (1e8, 1e13), "deadline": (1.0, 2000.0), "device_memory": (1.0, 100.0),
    "host_power": (0.0, 900.0),
    "rated_power": (100.0, 1000.0), "price": (0.0, 40_000.0), "node_price": (0.0, 90_000.0), "rack_power": (0.5, 60.0),
    "oldest": (0, 9), "devices_per_node": (1, 8), "nodes_per_rack": (1, 12), "spares": (0, 3), "growth": (-0.5, 1.0),
}  # fmt: skip


@needs_libreoffice
def test_a_spreadsheet_follows_any_inputs_as_the_twin_does(tmp_path: Path):
    reports = [build(many()), build(powered())]
    changed = [drawn(usual(report.cases, TODAY), seed) for seed in range(6) for report in reports]
    pairs = [(reports[index % 2], inputs) for index, inputs in enumerate(changed)]
    typed = [fill_in(workbook_of(report), inputs) for report, inputs in pairs]

    again = recalculated(typed, tmp_path)

    numbers = 0
    for book, (report, inputs) in zip(again, pairs, strict=True):
        assert differing(book, workbook_of(report, inputs)) == []
        rows = plan_of(report, inputs).rows
        numbers += sum(isinstance(row["devices"], int) or isinstance(row["days"], float) for row in rows)
    assert numbers > 10  # what was drawn makes plans, and not only reasons


@needs_libreoffice
def test_the_comparison_notices_a_formula_that_computes_something_else(report: Report, tmp_path: Path):
    workbook = workbook_of(report)
    book = opened(workbook)
    book["Measured"]["AF4"].value = "=1"
    file = io.BytesIO()
    book.save(file)

    (again,) = recalculated([file.getvalue()], tmp_path)

    assert ("Measured", "AF4") in {(sheet, cell) for sheet, cell, *_ in differing(again, workbook)}


def test_json_says_what_the_workbook_says(report: Report):
    plan = plan_of(report, usual(report.cases, TODAY))
    document = json.loads(exporter(Path("json")).export(plan))
    values = opened(exporter(Path("plan.xlsx")).export(plan), values=True)

    for name, steps in SHEETS.items():
        for row, told in enumerate(document["rows"], start=FIRST_ROW + 1):
            for column, step in enumerate(steps, start=4):
                quantity = told[name.lower()][step.name]
                shown = quantity["value"] if quantity["value"] is not None else quantity["text"]
                assert same(values[name].cell(row, column).value, shown)
    assert document["checks"] == {
        check.name: values["Checks"].cell(row, 2).value for row, check in enumerate(plan.checks, start=FIRST_ROW + 1)
    }
