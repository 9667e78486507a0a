"""The file of a plan's inputs: what it may say, and what is said of its mistakes."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from made_plans import TODAY, with_
from made_records import H100, many, record

from bench.errors import SpecError
from bench.store import Store
from reports import build as report_of
from reports.plan import read, usual
from reports.plan.inputs import Inputs, Source
from reports.plan.planfile import template


def given(tmp_path: Path, text: str) -> Inputs:
    file = tmp_path / "plan.toml"
    file.write_text(text, encoding="utf-8")
    return read(file, report_of(many()).cases, TODAY)


def test_the_template_reads_back_as_the_inputs_that_it_was_made_of(tmp_path: Path):
    inputs = usual(report_of(many()).cases, TODAY)

    assert given(tmp_path, template(inputs)) == inputs


USED = 'value = 1, date = 2026-01-01, source = "a list"'


def test_every_input_of_the_template_can_be_filled_in_by_taking_its_hash_away(tmp_path: Path):
    filled = []
    for entry in template(usual(report_of(many()).cases, TODAY)).splitlines():
        if entry.startswith("# ") and " = " in entry:
            entry = entry[2:].replace("= 0.0 ", "= 1 ").replace('value = 0.0, date = 2026-01-01, source = ""', USED)
        filled.append(entry)

    inputs = given(tmp_path, "\n".join(filled))

    assert all(value is not None for values in inputs.device.values() for value in values.values())
    assert all(value is not None for value in inputs.general.values())


def test_a_workloads_name_stands_for_all_its_problems_and_a_full_name_wins(tmp_path: Path):
    inputs = given(
        tmp_path,
        '[workload."bert:Pretrain"]\ndemand = 5\ngrowth = 0.5\n'
        '[workload."bert:Pretrain sequence_length=512"]\ndemand = 7\n',
    )

    assert inputs.workload["bert:Pretrain sequence_length=128"]["demand"] == 5
    assert inputs.workload["bert:Pretrain sequence_length=512"]["demand"] == 7
    assert inputs.workload["bert:Pretrain sequence_length=512"]["growth"] == 0.5


def test_a_price_keeps_its_date_and_source(tmp_path: Path):
    price = '{ value = 0.21, date = 2026-10-01, source = "tariff 7" }'
    inputs = given(tmp_path, f"[general]\nelectricity_price = {price}\n")

    assert inputs.general["electricity_price"] == 0.21
    assert inputs.sources["general", "", "electricity_price"] == Source(date(2026, 10, 1), "tariff 7")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[general]\nelectricity_price = 0.2", "needs its date and source"),
        ('[general]\nelectricity_price = { value = 1, date = "today", source = "x" }', "date is a date such as"),
        ('[general]\nelectricity_price = { value = 1, date = 2026-01-01, source = " " }', "says where it is from"),
        ("[general]\ntarget_utilisation = 1.5", "is a number of at least 0.01 and at most 1"),
        ("[general]\ntarget_utilisation = true", "is a number of at least 0.01"),
        ("[general]\ntarget_utilisation = nan", "is a number of at least 0.01"),
        ("[general]\nhorizon = inf", "is a number of at least 0 and at most 30"),
        ("[general]\nspares = 1.5", "is a whole number of at least 0"),
        ("[general]\npue = '1.2'", "is a number of at least 1 and at most 10"),
        ('[general]\ncurrency = ""', "is a line of at most 20 characters"),
        ('[general]\ncurrency = "a\\nb"', "is a line of at most 20 characters"),
        ("[general]\ncurrency = 3", "is a line of at most 20 characters"),
        ("[general]\ndepreciation = 1e999", "is a number of at least 0.1 and at most 50"),
        ('[workload."bert:Pretrain"]\ngrowth = -1', "is a number of at least -0.99"),
        (f'[workload."bert:Pretrain"]\ndemand = 1{"0" * 400}', "is a number of at least 0"),
        ('[workload."bert:Pretrain"]\nallowed_precision = "int8"', "is one of any, fp32, tf32, bf16, fp16, bf16-pure"),
        ('[workload."bert:Pretrain"]\nmode = ["online"]', "is one of online, offline, training"),
        ('[workload]\n"bert:Pretrain" = 3', "is a table, not 3"),
        ("today = 2026-11-24T10:00:00", "is no date such as"),
        ("[general]\nelectricity_price = {value = 1, date = 0026-01-01, source = 'x'}", "date is a date such as"),
        ("[general]\nelectricity_price = {value = 1, date = 2026-01-01, source = 'x', by = 'me'}", "needs its date"),
        ("[general]\nelectricity_price = {value = 'x', date = 2026-01-01, source = 'x'}", "is a number of at least 0"),
        ('[general]\nconfidence = "median"', "is one of lower bound, mean"),
        ("[general]\ntarget_utilization = 0.7", "did you mean target_utilisation?"),
        ("[genral]\npue = 1.2", "did you mean general?"),
        ('[workload."bert:Pretrian"]\ndemand = 1', "did you mean bert:Pretrain?"),
        ('[device."H100"]\nrent = 1', "there is no device 'H100'"),
        ("general = 3", "[general] is a table, not 3"),
        ("today = 3", "is no date such as"),
        ("[general", "is no TOML"),
        ("[general]\npue = 1.1\npue = 1.2", "is no TOML"),
    ],
)
def test_a_mistake_in_the_file_is_one_line_that_says_where_and_what_would_be_right(
    tmp_path: Path, text: str, told: str
):
    with pytest.raises(SpecError) as caught:
        given(tmp_path, text)

    assert told in str(caught.value)
    assert "plan.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_the_users_mistake(tmp_path: Path):
    with pytest.raises(SpecError, match="cannot be read"):
        read(tmp_path / "none.toml", report_of(many()).cases, TODAY)
    with pytest.raises(SpecError, match="cannot be read"):
        read(tmp_path, report_of(many()).cases, TODAY)
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9")
    with pytest.raises(SpecError, match="is no TOML"):
        read(tmp_path / "latin.toml", report_of(many()).cases, TODAY)


def test_a_file_may_begin_with_the_mark_that_some_editors_write(tmp_path: Path):
    assert given(tmp_path, "\ufeff[general]\npue = 1.25\n").general["pue"] == 1.25


def test_the_template_of_work_and_devices_with_odd_names_reads_back(tmp_path: Path):
    odd = {**H100, "device": {**H100["device"], "label": 'H"100\\ \x7f=1+1 [80\tGB] # \u202e'}}
    cases = report_of([record('mine:Model "a"', environment=odd)]).cases
    inputs = with_(usual(cases, TODAY), demand=3.0, currency="€ #")
    (tmp_path / "plan.toml").write_text(template(inputs), encoding="utf-8")

    assert read(tmp_path / "plan.toml", cases, TODAY) == inputs


def test_the_command_says_it_in_one_line_and_ends_with_2(tmp_path: Path):
    (tmp_path / "plan.toml").write_text("[general]\nconfidence = 'high'\n")
    store = Store(tmp_path / "store")
    store.write(record())

    def planned(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "bench", "plan", "store", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    wrong = planned("--inputs", "plan.toml")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1
    assert "plan.toml: [general] confidence = 'high': is one of lower bound, mean" in wrong.stderr
    odd = planned("-o", "plan.docx")
    assert (odd.returncode, odd.stderr.count("\n")) == (2, 1)
    assert planned("-o", "made.toml").returncode == 0
    assert planned("--inputs", "made.toml", "--json").returncode == 0
