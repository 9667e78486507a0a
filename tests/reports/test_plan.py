"""The capacity plan: its arithmetic by hand, and its workbook recalculated by a spreadsheet."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from made_records import CPU, H100, failure, many, record

from bench.record import Record
from reports import Report, build
from reports.capacity import PLAN, USABLE, Quantity, evaluate, formula
from reports.plan import Inputs, candidates, examples, plan, targets, usable
from reports.sheet import FIRST_ROW
from reports.xlsx import export

SOFFICE = shutil.which("soffice") or shutil.which("libreoffice")

KNOWN: dict[str, Quantity] = {
    "demand": 1000.0,
    "peak_to_mean": 2.0,
    "growth": 0.5,
    "target_utilisation": 0.6,
    "pue": 1.5,
    "electricity_price": 0.2,
    "devices_per_node": 8,
    "price": 2.5,
    "host_power": 400.0,
    "point": 100.0,
    "power": 300.0,
}


def follow(**changes: Quantity) -> dict[str, Quantity]:
    """All steps of the plan, each fed with those before it."""
    known = {**KNOWN, **changes}
    for step in PLAN:
        known[step.name] = evaluate(step, known)
    return known


def test_a_plan_by_hand():
    known = follow()

    assert known["peak"] == 3000
    assert known["devices"] == 50  # 3000 / (100 * 0.6)
    assert known["nodes"] == 7
    assert known["kilowatts"] == pytest.approx((50 * 300 + 7 * 400) * 1.5 / 1000)
    assert known["energy"] == pytest.approx(26.7 * 8760)
    assert known["rent"] == pytest.approx(50 * 2.5 * 8760)
    assert known["cost"] == pytest.approx(50 * 2.5 * 8760 + 26.7 * 8760 * 0.2)
    assert known["cost_per_million"] == pytest.approx((125 + 5.34) / (1500 * 3600) * 1e6)


def test_a_hair_above_a_whole_number_is_no_further_device():
    assert follow(demand=0.3, peak_to_mean=1.0, growth=0.0, point=0.1, target_utilisation=1.0)["devices"] == 3


@pytest.mark.parametrize(
    ("lacking", "empty", "told"),
    [
        ("power", ("kilowatts", "energy", "electricity", "cost", "cost_per_million"), "power not measured"),
        ("demand", ("peak", "devices", "nodes", "cost"), "enter the mean demand in Inputs"),
        ("price", ("rent", "cost"), "enter the price per device-hour in Inputs"),
        ("host_power", ("kilowatts", "cost"), "enter the host power in Inputs"),
    ],
)
def test_what_is_missing_is_said_in_all_that_follows_and_nowhere_else(lacking: str, empty: tuple[str, ...], told: str):
    known = follow(**{lacking: None})

    assert {known[name] for name in empty} == {told}
    assert all(isinstance(known[step.name], (int, float)) for step in PLAN if known[step.name] != told)


def test_without_an_operating_point_nothing_is_zero():
    known = follow(point="no operating point")

    assert {known[step.name] for step in PLAN if step.name != "peak"} == {"no operating point"}


def case(**changes: Quantity) -> Quantity:
    known: dict[str, Quantity] = {
        "throughput": 100.0, "low": 90.0, "memory": 70e9, "device_memory": 80.0, "memory_headroom": 0.1,
        "confidence": "lower bound", **changes,
    }  # fmt: skip
    return evaluate(USABLE, known)


def test_a_case_is_usable_by_its_lower_bound_if_it_fits_with_head_room():
    assert case() == 90.0
    assert case(confidence="mean") == 100.0
    assert case(memory=72e9) == 90.0
    assert case(memory=72.1e9) == "does not fit the memory"
    assert case(low="no interval") == "no lower bound"
    assert case(memory="no driver") == "memory not measured"
    assert case(device_memory=None) == "enter the device memory in Inputs"
    assert case(throughput="oom") == "oom"


def test_the_operating_point_is_the_highest_lower_bound_and_not_the_highest_mean():
    steady = record(batch_size=8, seconds=(0.1, 0.1001, 0.0999))
    shaky = record(batch_size=16, seconds=(0.18, 0.26, 0.18))
    rows = build([steady, shaky]).cases
    cases, inputs = candidates(rows), examples(rows)

    def chosen(inputs: Inputs) -> Mapping[str, Quantity]:
        return plan(targets(rows)[0], cases, [usable(one, inputs) for one in cases], inputs)

    assert chosen(inputs)["batch_size"] == 8
    assert chosen(replace(inputs, policy={**inputs.policy, "confidence": "mean"}))["batch_size"] == 16


def test_different_work_is_planned_apart():
    rows = build([record(parameters={"sequence_length": length}) for length in (128, 512)]).cases

    assert [target.problem for target in targets(rows)] == [
        "bert:Pretrain sequence_length=128", "bert:Pretrain sequence_length=512",
    ]  # fmt: skip


def test_a_target_without_a_candidate_counts_why():
    rows = build([failure("oom", "out of memory"), record(memory=16e9), record(batch_size=1, seconds=(0.1,))]).cases
    cases, inputs = candidates(rows), examples(rows)

    known = plan(targets(rows)[0], cases, [usable(one, inputs) for one in cases], inputs)

    assert known["place"] == (
        "none of the 3 qualifies: 1 not measured, 1 do not fit the memory, 1 without memory or lower bound"
    )
    assert known["devices"] == "no operating point"


@pytest.fixture(scope="module")
def workbook(records: list[Record]) -> bytes:
    return export(build(records))


def opened(content: bytes, values: bool = False) -> Any:
    return openpyxl.load_workbook(io.BytesIO(content), data_only=values)


def formulas(content: bytes) -> list[str]:
    return [
        cell.value for sheet in opened(content) for row in sheet.iter_rows() for cell in row if cell.data_type == "f"
    ]


def test_formulas_use_nothing_that_an_older_spreadsheet_lacks(workbook: bytes):
    found = " ".join(formulas(workbook))

    assert set(re.findall(r"([A-Z][A-Z.]+)\(", found)) <= {
        "IF", "ISNUMBER", "MAXIFS", "COUNTIFS", "MATCH", "INDEX", "ROUND", "ROUNDUP",
    }  # fmt: skip
    assert not re.search(r"\d[eE][+-]?\d|\[|#|@|\{", found)


def test_every_formula_carries_its_value(workbook: bytes):
    values = opened(workbook, values=True)
    for sheet in opened(workbook):
        for row in sheet.iter_rows():
            for cell in row:
                if cell.data_type == "f" and sheet.title == "Plan":
                    assert values[sheet.title][cell.coordinate].value not in (None, "")


def test_the_workbook_can_be_filled_in_and_not_broken(workbook: bytes):
    book = opened(workbook)

    assert book.sheetnames == ["README", "Inputs", "Measured", "Plan"]
    assert {"input_pue", "input_confidence", "measured_usable"} <= set(book.defined_names)
    assert book["Measured"].protection.sheet
    assert not book["Inputs"].protection.sheet
    assert (book["Measured"].freeze_panes, book["Plan"].freeze_panes) == ("E4", "D4")
    rules = book["Inputs"].data_validations.dataValidation
    assert {rule.type for rule in rules} == {"decimal", "list"}
    lists = [rule.formula1 for rule in rules if rule.type == "list"]
    assert lists == ['"mean,lower bound"']


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


def recalculated(content: bytes, folder: Path) -> Any:
    """The workbook as LibreOffice computes it anew; by default it would show what the file says."""
    profile = folder / "profile" / "user"
    profile.mkdir(parents=True, exist_ok=True)
    (profile / "registrymodifications.xcu").write_text(
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<oor:items xmlns:oor="http://openoffice.org/2001/registry">\n'
        '<item oor:path="/org.openoffice.Office.Calc/Formula/Load">'
        '<prop oor:name="OOXMLRecalcMode" oor:op="fuse"><value>0</value></prop></item>\n'
        "</oor:items>\n"
    )
    (folder / "plan.xlsx").write_bytes(content)
    subprocess.run(
        [
            *(str(SOFFICE), f"-env:UserInstallation={(folder / 'profile').as_uri()}", "--headless"),
            *("--convert-to", "xlsx", "--outdir", str(folder / "out"), str(folder / "plan.xlsx")),
        ],
        capture_output=True,
        timeout=180,
        check=True,
    )
    return openpyxl.load_workbook(folder / "out" / "plan.xlsx", data_only=True)


def same(one: object, other: object) -> bool:
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == pytest.approx(other, rel=1e-12)
    return (one or "") == (other or "")


needs_libreoffice = pytest.mark.skipif(SOFFICE is None, reason="no LibreOffice here to recalculate with")


@needs_libreoffice
def test_a_spreadsheet_computes_what_python_computed(any_report: Report, tmp_path: Path):
    workbook = export(any_report)

    again = recalculated(workbook, tmp_path)

    for sheet in opened(workbook, values=True):
        for row in sheet.iter_rows():
            for cell in row:
                assert same(again[sheet.title][cell.coordinate].value, cell.value), (sheet.title, cell.coordinate)


# What a planner may do to the inputs: by the title in column A, or the head of a device's column.
CHANGES: dict[str, dict[str, Quantity]] = {
    "more demand": {"demand": 98765.4, "growth": 0.37, "peak_to_mean": 3.1, "target_utilisation": 0.55},
    "by the mean": {"confidence": "mean", "pue": 1.07, "electricity_price": 0.31},
    "small devices": {"device_memory": 2.0, "memory_headroom": 0.25, "devices_per_node": 3},
    "emptied": {"price": None, "host_power": None},
    "no demand": {"demand": 0.0},
}


@needs_libreoffice
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_spreadsheet_follows_changed_inputs_as_the_twin_does(change: Mapping[str, Quantity], tmp_path: Path):
    records = [one for one in many() if one.case.parameters.get("sequence_length") != 128]
    rows = build(records).cases
    inputs = examples(rows)
    changed = Inputs(
        {name: change.get(name, value) for name, value in inputs.policy.items()},
        {problem: change.get("demand", value) for problem, value in inputs.demand.items()},
        {
            device: {name: change.get(name, value) for name, value in values.items()}
            for device, values in inputs.device.items()
        },
    )
    book = opened(export(build(records)))
    fill_in(book, changed)
    file = io.BytesIO()
    book.save(file)

    again = recalculated(file.getvalue(), tmp_path)

    cases = candidates(rows)
    rates = [usable(one, changed) for one in cases]
    measured = again["Measured"]
    column = next(cell.column for cell in measured[FIRST_ROW] if str(cell.value).startswith("To plan with"))
    for row, rate in enumerate(rates, start=FIRST_ROW + 1):
        assert same(measured.cell(row, column).value, rate)
    for row, target in enumerate(targets(rows), start=FIRST_ROW + 1):
        known = plan(target, cases, rates, changed, FIRST_ROW + 1)
        found = [cell.value for cell in again["Plan"][row]][-len(PLAN) :]
        assert again["Plan"].cell(row, 5).value == known["place"]
        for step, value in zip(PLAN, found, strict=True):
            assert same(value, known[step.name]), (row, step.name, value, known[step.name])


def fill_in(book: Any, inputs: Inputs) -> None:
    """Type inputs into the sheet, as its user would."""
    sheet = book["Inputs"]
    for name, value in inputs.policy.items():
        _, place = next(book.defined_names[f"input_{name}"].destinations)
        sheet[place.replace("$", "")] = value
    for row in sheet.iter_rows(min_row=FIRST_ROW):
        if row[0].value in inputs.demand:
            row[1].value = inputs.demand[row[0].value]
        if row[0].value in inputs.device:
            for cell, value in zip(row[1:], inputs.device[row[0].value].values(), strict=False):
                cell.value = value


def test_a_formula_is_guarded_by_what_it_needs():
    step = next(step for step in PLAN if step.name == "electricity")

    assert formula(step, {"energy": "A1", "electricity_price": "input_electricity_price"}) == (
        "=IF(ISNUMBER(A1),IF(ISNUMBER(input_electricity_price),A1*input_electricity_price,"
        '"enter the electricity price in Inputs"),A1)'
    )


def test_device_memory_is_what_the_device_said(workbook: bytes):
    sheet = opened(workbook, values=True)["Inputs"]
    memory = {row[0].value: row[1].value for row in sheet.iter_rows(min_row=FIRST_ROW)}

    assert memory[H100["device"]["label"]] == 85.0
