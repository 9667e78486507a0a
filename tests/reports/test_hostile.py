"""Everything that came from outside is text in every output and nothing else: read back by what each is made for."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import readers
from hostile import TEXTS, face, poisoned, records, report, twin
from made_records import record
from metered_records import gpu
from readers import Read
from trackers import Run, mlflow_runs, tensorboard_runs, wandb_runs

import reports
import reports.gate
import reports.plan
from bench.record import Record
from reports.exporters import put
from reports.text import line

TODAY = date(2026, 11, 24)
Content = Any  # bytes, or files by their names
Reader = Callable[[Content, str], Read]

# Every output by the module that makes it, with a path that asks for it and what reads it back.
OUTPUTS: dict[str, tuple[str, Reader]] = {
    "reports.action_json": ("x.action.json", readers.document),
    "reports.bencher_json": ("x.bencher.json", readers.benchmarks),
    "reports.csv": ("x.csv", readers.table),
    "reports.html": ("x.html", readers.html),
    "reports.json": ("x.json", readers.document),
    "reports.md": ("x.md", readers.markdown),
    "reports.prom": ("x.prom", readers.gauges),
    "reports.svg": ("x.svg", readers.pictures),
    "reports.terminal": ("terminal", readers.terminal),
    "reports.plan.json": ("x.json", readers.document),
    "reports.plan.terminal": ("terminal", readers.terminal),
    "reports.plan.toml": ("x.toml", readers.toml),
    "reports.plan.xlsx": ("x.xlsx", readers.workbook),
    "reports.gate.html": ("x.html", readers.html),
    "reports.gate.json": ("x.json", readers.document),
    "reports.gate.md": ("x.md", readers.markdown),
    "reports.gate.terminal": ("terminal", readers.terminal),
    "reports.gate.xml": ("x.xml", readers.xml),
    "reports.gate.github": ("", readers.annotations),
}
TRACKERS = {"reports.mlflow", "reports.tensorboard", "reports.wandb"}  # of which one test reads all texts at once
SAME = {"reports.xlsx"}  # which is the workbook of a plan
RAW = "reports.gate.json"  # the judgement as it is, to be read by programs alone


def made(output: str, text: str) -> Content:
    """An output with a text in all places."""
    package, _, name = output.rpartition(".")
    path = Path(OUTPUTS[output][0])
    if name == "github":
        return reports.gate.annotation_lines(face(text))
    if package == "reports.gate":
        return reports.gate.exporter(path).export(face(text))
    if package == "reports.plan":
        cases = report(text).cases
        plan = reports.plan.build(report(text), reports.plan.usual(cases, TODAY))
        return reports.plan.exporter(path).export(plan)
    return reports.exporter(path).export(report(text))  # type: ignore[union-attr]


def read(output: str, content: Content, text: str) -> Read:
    return OUTPUTS[output][1](content, text)


@cache
def calm(output: str, text: str) -> Read:
    return read(output, made(output, text), text)


def squeezed(text: str) -> str:
    """The beginning of a text without what a line may be broken at."""
    return re.sub(r"\s", "", text)[:60]


def test_every_exporter_is_read_back():
    packages = ("reports", "reports.plan", "reports.gate")

    assert set(OUTPUTS) - {"reports.gate.github"} | TRACKERS | SAME == set().union(*map(readers.known, packages))


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_hostile_text_is_text_and_nothing_else(output: str, text: str):
    found = read(output, made(output, text), text)

    assert found.structure == calm(output, twin(text)).structure
    shown = squeezed(text if output == RAW else line(text))
    assert any(shown in re.sub(r"\s", "", part) for part in found.texts)
    if output != RAW:
        odd = {character for part in found.texts for character in part if not character.isprintable()}
        assert odd <= {"\n", "\u202f"}


@pytest.mark.parametrize("output", OUTPUTS)
def test_texts_that_are_blank_make_an_output_too(output: str):
    assert read(output, made(output, " \n\t"), "blank")


# What stands in an output when its exporter forgets to quote.
RAW_TEXTS = {
    "html": "<img src=x>", "md": "@evil", "csv": "=1+1", "json": '","evil":"', "prom": '"} 1\nevil{x="',
    "svg": "<script/>", "terminal": "\x1b]0;evil\x07", "toml": '"]\n["evil', "xml": '"/><evil x="',
    "github": "x\n::error::", "bencher_json": '":{},"evil', "action_json": '","evil":"',
}  # fmt: skip


@pytest.mark.parametrize("output", [output for output in OUTPUTS if not output.endswith("xlsx")])
def test_a_reader_notices_what_was_not_quoted(output: str):
    name = output.rpartition(".")[2]
    content = made(output, "dull")
    raw = RAW_TEXTS[name]
    if name == "github":
        content = "\n".join(content).replace("dull", raw, 1).split("\n")
    elif name == "svg":
        content = {file: one.replace(b"dull", raw.encode(), 1) for file, one in content.items()}
    else:
        content = content.replace(b"dull", raw.encode(), 1)

    try:
        found = read(output, content, "dull").structure
    except (ValueError, SyntaxError, AssertionError):
        return
    assert found != calm(output, "dull").structure


@pytest.mark.parametrize(("place", "value"), [("D4", "=HYPERLINK(1)"), ("E4", "@SUM(1)")])
def test_the_reader_of_workbooks_notices_a_formula(place: str, value: str):
    book = openpyxl.load_workbook(io.BytesIO(made("reports.plan.xlsx", "dull")))
    book["Measured"][place].value = value
    file = io.BytesIO()
    book.save(file)

    _, _, *found = read("reports.plan.xlsx", file.getvalue(), "dull").structure
    _, _, *usual = calm("reports.plan.xlsx", "dull").structure

    assert found[:2] != usual[:2]


@pytest.fixture(scope="module")
def everything() -> list[Record]:
    """A record for each text, each in a run of its own."""
    return [poisoned(gpu(batch_size=size), text) for size, text in enumerate(TEXTS.values(), start=1)]


def tensorboard(records: list[Record], folder: Path) -> list[Run]:
    files = reports.exporter(Path("x.tensorboard")).export(reports.build(records))  # type: ignore[union-attr]
    put(folder / "log.tensorboard", files)
    assert {path.parent.parent for path in folder.rglob("events.*")} == {folder / "log"}
    return tensorboard_runs(folder / "log")


SENT: Mapping[str, Callable[[list[Record], Path], list[Run]]] = {
    "tensorboard": tensorboard, "mlflow": mlflow_runs, "wandb": wandb_runs,
}  # fmt: skip


@pytest.mark.parametrize("tracker", SENT)
def test_a_tracker_gets_every_case_with_its_texts_as_they_are(tracker: str, everything: list[Record], tmp_path: Path):
    pytest.importorskip(tracker)

    found = {int(run.parameters["batch_size"]): run for run in SENT[tracker](everything, tmp_path)}

    assert len(found) == len(TEXTS)
    for size, text in enumerate(TEXTS.values(), start=1):
        assert found[size].parameters["workload"] == line(text)
        assert found[size].metrics["throughput"] == pytest.approx(size / 0.1)


def test_an_axis_called_like_a_column_of_ours_takes_no_ones_place(tmp_path: Path):
    axes = {"device": "mine", "value": 3, "batch_size": "large"}
    content = reports.exporter(Path("x.csv")).export(reports.build([record(parameters=axes)]))  # type: ignore[union-attr]

    head, row = (line.split(",") for line in content.decode().splitlines()[:2])

    cells = dict(zip(head, row, strict=True))
    assert len(cells) == len(head)
    assert (cells["device"], cells["parameter.device"], cells["parameter.value"]) == ("cpu", "mine", "3")
    (run,) = tensorboard([record(parameters=axes)], tmp_path)
    assert (run.parameters["batch_size"], run.parameters["parameter.batch_size"]) == (8, "large")


def test_names_that_begin_alike_stay_different_however_long_they_are():
    long = [record(parameters={"prompt": f"{'x' * 1000}{end}"}) for end in "ab"]

    found = reports.build(long).cases

    assert len({row.full_name for row in found}) == len({row.problem for row in found}) == 2
    assert all(f"batch {row.batch_size}" in row.name for row in reports.build(records("y" * 1000)).cases)
