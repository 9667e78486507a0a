"""One record goes through every output, and each has the same numbers of it, as what it is made for reads them."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pandas
import pytest
from metered_records import gpu
from prometheus_client.parser import text_string_to_metric_families
from readers import known
from trackers import mlflow_runs, tensorboard_runs, wandb_runs

import reports
from bench.metric import METRICS
from bench.record import Record
from reports import Report, build
from reports import plan as plans
from reports.exporters import put
from reports.number import number
from reports.plan.sheet import FIRST_ROW

# By metric: the number in its SI unit, or the text with its unit that a reader sees. What a plan takes for its
# throughput, the lower end of the interval, is called low.
Numbers = Mapping[str, Any]

ONE: Record = gpu(seconds=(0.10037, 0.10219, 0.09941))  # numbers that nothing else here comes to


@pytest.fixture(scope="module")
def report() -> Report:
    return build([ONE])


def made(name: str, report: Report) -> Any:
    return reports.exporter(Path(name)).export(report)  # type: ignore[union-attr]


def planned(name: str, report: Report) -> bytes:
    plan = plans.build(report, plans.usual(report.cases, date(2026, 11, 24)))
    return plans.exporter(Path(name)).export(plan)


class Tables(HTMLParser):
    """The tables of a page: rows of texts, and the metrics that the first row says it has."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.rows: list[list[list[str]]] = []
        self.metrics: list[list[str]] = []
        self._inside = False
        self.feed(page.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = self._inside and tag not in ("small", "sup", "caption")
        if tag == "table":
            self.rows.append([])
            self.metrics.append([])
        elif tag == "tr":
            self.rows[-1].append([])
        elif tag in ("td", "th"):
            self.rows[-1][-1].append("")
            self._inside = True
            self.metrics[-1] += [dict(attrs).get("data-metric") or ""] if tag == "th" else []
        elif ("class", "unit") in attrs:
            self.rows[-1][-1][-1] += ", "

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag != "table"

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.rows[-1][-1][-1] += data.strip()


def html(report: Report, folder: Path) -> Numbers:
    """The table of a case, and what stands in the results beside it."""
    page = Tables(made("html", report))
    (metrics,) = (table for table in page.rows if table and table[0][:3] == ["Metric", "Value", "Unit"])
    found = {name.partition(",")[0]: f"{value} {unit}".strip() for name, value, unit, *_ in metrics[1:]}
    ((names, (head, cells)),) = (both for both in zip(page.metrics, page.rows, strict=True) if any(both[0]))
    units = [title.partition(", ")[2] for title in head]
    for name, text, unit in zip(names, cells, units, strict=True):
        assert not name or f"{text} {unit}".strip() == found[name]
    return found


_TITLES = {
    "Throughput": "throughput", "Time per step": "time.step", "Memory": "memory.planning", "Power": "power.mean",
    "Gross energy per item": "energy.item",
}  # fmt: skip


def markdown(report: Report, folder: Path) -> Numbers:
    lines = [line.strip("| ").split(" | ") for line in made("md", report).decode().splitlines()]
    (head, _, cells) = next(lines[at : at + 3] for at, cells in enumerate(lines) if cells[0] == "Device")
    titles = (title.partition(", ") for title in head)
    return {_TITLES[title]: f"{cell} {unit}" for (title, _, unit), cell in zip(titles, cells, strict=True) if unit}


def terminal(report: Report, folder: Path) -> Numbers:
    """The numbers of the case's line but its interval; their units stand above them."""
    lines = made("terminal", report).decode().splitlines()
    (at,) = (at for at, line in enumerate(lines) if line.startswith(" cuda:0 bf16"))
    texts = re.sub(r"±\S+ %", "", lines[at].partition("caveat")[2]).split()
    units = lines[at - 2].split()[-len(texts) - 1 :]  # and the one of ± is ±
    units = [unit for unit in units if unit != "±"]
    return {name: f"{text} {unit}" for name, text, unit in zip(_TITLES.values(), texts, units, strict=True)}


_DRAWN = {
    "throughput-bert-pretrain.svg": {"cuda:0 · bf16": "throughput"},
    "memory-bert-pretrain.svg": {"cuda:0 · bf16": "memory.planning"},
    "gross-energy-per-item-bert-pretrain.svg": {"cuda:0 · bf16": "energy.item"},
    "cases/bert-pretrain-cuda-0-bf16-batch-8/memory-ladder.svg": {
        "requested by tensors": "memory.requested", "allocated in blocks": "memory.allocated",
        "reserved by torch": "memory.reserved", "used by the process": "memory.process",
        "used on the device": "memory.device",
    },
}  # fmt: skip


def pictures(report: Report, folder: Path) -> Numbers:
    files = made("x.svg", report)
    found = {}
    for file, names in _DRAWN.items():
        texts = {kind: [] for kind in ("label", "value")}
        for one in ElementTree.fromstring(files[file]).iter("{http://www.w3.org/2000/svg}text"):
            texts.setdefault(one.get("class") or "", []).append(one.text)
        found |= {names[label]: value for label, value in zip(texts["label"], texts["value"], strict=True)}
    return found


def csv(report: Report, folder: Path) -> Numbers:
    table = pandas.read_csv(io.BytesIO(made("csv", report)))
    return {row.metric: row.value for row in table.itertuples() if row.value == row.value}


def document(report: Report, folder: Path) -> Numbers:
    """The raw numbers, of which the texts beside them are said elsewhere."""
    (case,) = json.loads(made("json", report))["cases"]
    return {name: one["value"] for name, one in case["metrics"].items() if one["value"] is not None}


def bencher(report: Report, folder: Path) -> Numbers:
    (measures,) = json.loads(made("x.bencher.json", report)).values()
    slugs = {name.replace(".", "-"): name for name in METRICS}
    return {slugs[slug]: measure["value"] for slug, measure in measures.items()}


def action(report: Report, folder: Path) -> Numbers:
    return {one["name"].rpartition(": ")[2]: one["value"] for one in json.loads(made("x.action.json", report))}


def prometheus(report: Report, folder: Path) -> Numbers:
    """Every gauge by the longest metric that its name begins with: a unit follows it."""
    families = text_string_to_metric_families(made("prom", report).decode())
    found = {sample.name: sample.value for family in families for sample in family.samples}
    names = {f"wattmark_{name.replace('.', '_')}": name for name in sorted(METRICS, key=len)}
    return {
        [name for begin, name in names.items() if gauge.startswith(begin)][-1]: value
        for gauge, value in found.items()
        if gauge != "wattmark_case" and not gauge.endswith(("_low", "_high"))
    }


def tensorboard(report: Report, folder: Path) -> Numbers:
    put(folder / "log.tensorboard", made("x.tensorboard", report))
    (run,) = tensorboard_runs(folder / "log")
    return {name: pytest.approx(value, rel=1e-6) for name, value in run.metrics.items()}  # it keeps 32 bits


def mlflow(report: Report, folder: Path) -> Numbers:
    pytest.importorskip("mlflow")
    (run,) = mlflow_runs([ONE], folder)
    return run.metrics


def wandb(report: Report, folder: Path) -> Numbers:
    pytest.importorskip("wandb")
    (run,) = wandb_runs([ONE], folder)
    return run.metrics


_MEASURED = {
    "Throughput, items/s": "throughput", "Lower bound, items/s": "low", "Time per step, s": "time.step",
    "Latency p50, s": "latency.p50", "Memory, B": "memory.planning", "Mean power, W": "power.mean",
    "Maximum power, W": "power.max", "Idle power, W": "power.idle", "Gross energy per item, J": "energy.item",
    "Net energy per item, J": "energy.item.net",
}  # fmt: skip
_POINT = {
    "Mean throughput, items/s": "throughput", "Throughput to plan with, items/s": "low",
    "Time per step, s": "time.step", "Memory, B": "memory.planning", "Mean power of a device, W": "power.mean",
    "Maximum power of a device, W": "power.max", "Idle power of a device, W": "power.idle",
}  # fmt: skip


def _sheets(content: bytes) -> Numbers:
    """The measured row, and the values that the formulas over it carry."""
    book = openpyxl.load_workbook(io.BytesIO(content), data_only=True)
    found: list[dict[str, Any]] = []
    for sheet, names in (("Measured", _MEASURED), ("Operating point", _POINT)):
        head, cells = book[sheet].iter_rows(min_row=FIRST_ROW, max_row=FIRST_ROW + 1, values_only=True)
        found.append({names[title]: cell for title, cell in zip(head, cells, strict=True) if title in names})
    measured, point = ({name: pytest.approx(value, rel=1e-14) for name, value in one.items()} for one in found)
    assert {name: measured[name].expected for name in point} == point  # to the 16 digits that a spreadsheet has
    assert set(point) == set(_POINT.values())
    return measured


def report_workbook(report: Report, folder: Path) -> Numbers:
    return _sheets(made("xlsx", report))


def plan_workbook(report: Report, folder: Path) -> Numbers:
    return _sheets(planned("x.xlsx", report))


def plan_document(report: Report, folder: Path) -> Numbers:
    names = {
        "throughput": "throughput", "point": "low", "time": "time.step", "memory": "memory.planning",
        "power": "power.mean", "maximum": "power.max", "idle": "power.idle",
    }  # fmt: skip
    (row,) = json.loads(planned("x.json", report))["rows"]
    assert row["operating_point"]["low"] == row["operating_point"]["point"]
    return {name: row["operating_point"][place]["value"] for place, name in names.items()}


def plan_terminal(report: Report, folder: Path) -> Numbers:
    (text,) = re.findall(r"bf16 · batch 8 +([\d.]+) ", planned("terminal", report).decode())
    return {"low": text}


def plan_inputs(report: Report, folder: Path) -> Numbers:
    """A file to fill in has no number of a case."""
    return {}


EVERY = frozenset(["every metric that was measured"])
FEW = frozenset(_TITLES.values())
READERS: dict[str, tuple[frozenset[str], Callable[[Report, Path], Numbers]]] = {
    "reports.action_json": (frozenset({"time.step", "memory.planning", "energy.item"}), action),
    "reports.bencher_json": (EVERY, bencher),
    "reports.csv": (EVERY, csv),
    "reports.html": (EVERY, html),
    "reports.json": (EVERY, document),
    "reports.md": (FEW, markdown),
    "reports.mlflow": (EVERY, mlflow),
    "reports.prom": (EVERY, prometheus),
    "reports.svg": (frozenset(name for names in _DRAWN.values() for name in names.values()), pictures),
    "reports.tensorboard": (EVERY, tensorboard),
    "reports.terminal": (FEW, terminal),
    "reports.wandb": (EVERY, wandb),
    "reports.xlsx": (frozenset(_MEASURED.values()), report_workbook),
    "reports.plan.json": (frozenset(_POINT.values()), plan_document),
    "reports.plan.terminal": (frozenset({"low"}), plan_terminal),
    "reports.plan.toml": (frozenset(), plan_inputs),
    "reports.plan.xlsx": (frozenset(_MEASURED.values()), plan_workbook),
}


@pytest.mark.parametrize("output", sorted(known("reports") | known("reports.plan")))
def test_every_output_has_the_same_numbers_of_a_record(output: str, report: Report, tmp_path: Path):
    (row,) = report.cases
    raw = {name: value.value for name, value in row.values.items() if value.value is not None}
    shown = {name: row.cells[name].full for name in raw}
    promised, read = READERS[output]

    found = read(report, tmp_path)

    assert set(found) == (set(raw) if promised == EVERY else promised)
    raw["low"] = row.values["throughput"].low
    shown["low"] = number(row.values["throughput"].low)
    assert {name: (shown if isinstance(text, str) else raw)[name] for name, text in found.items()} == found


def test_what_is_shown_is_the_number_in_the_unit_beside_it(report: Report):
    (row,) = report.cases

    for name, cell in row.cells.items():
        if not cell.absent:
            told = float(cell.text.replace("\u202f", "")) * cell.size
            assert told == pytest.approx(row.values[name].value, rel=0.05), name  # two digits are the fewest shown
