"""Every output of a few records as it was when somebody last looked at it.

A change of an output is a change of a file in ``golden``, and is reviewed there: ``pytest tests/reports/test_golden.py
--accept-golden`` makes the files anew. They hold what a reader sees: of a page the outline, of long documents a form
that can be compared line by line, of numbers the digits on which all machines agree.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from made_judgements import paired
from made_records import CPU, H100, failure, record
from metered_records import gpu
from outline import outline
from profiled_records import ON_CUDA
from test_plan import with_
from test_roofline import counted, peak

import reports
from bench.record import Record, Run
from reports import Report, build
from reports import plan as plans
from reports.gate import annotation_lines
from reports.gate import build as face
from reports.gate import exporter as face_exporter

FOLDER = Path(__file__).parent / "golden"
ACCEPT = "pytest tests/reports/test_golden.py --accept-golden"

OOM = "OutOfMemoryError: CUDA out of memory. Tried to allocate 12.00 GiB"
EMULATED = "emulated: on AMD EPYC 9R14 a matrix product in fp16 takes 41 times as long as in fp32"
STDERR = 'Traceback (most recent call last):\n  File "step.py", line 3\nSegmentation fault'


def few() -> list[Record]:
    """One of each kind: two devices, with power and without, two precisions, a profile, a roof, and ways to fail."""
    return [
        record(),
        counted(record(environment=H100, seconds=(0.0104, 0.0105, 0.0103), watts=412.0, memory=2.4e9, steps=100)),
        replace(gpu(seconds=(0.0041, 0.00415, 0.00412)), profile=ON_CUDA.to_json()),
        record(
            environment=H100, precision="bf16", batch_size=16, seconds=(0.0079, 0.008, 0.0078), watts=431.0, steps=100
        ),
        failure("oom", OOM, precision="bf16", batch_size=4096, environment=H100),
        failure("unsupported", EMULATED, precision="fp16", batch_size=8),
        peak(5.2e13, environment=H100),
        peak(2.7e12, environment=H100, memory=True),
        failure("crashed", "died of signal 11 (SIGSEGV)", "resnet:Train", "bf16", 16, {"depth": 50}, CPU, STDERR),
    ]


def run_of(day: int) -> Run:
    return Run(f"2026111{day}-081500-c3d4", f"2026-11-1{day}T08:15:00+00:00", "wattmark run quick", 0, 3, "0.1.0")


@cache
def report() -> Report:
    """The records beside those of the week before, when a case was slower and another not there yet."""
    before = [replace(one, run=run_of(1)) for one in few() if one.case.batch_size != 16]
    before[2] = gpu(seconds=(0.0046, 0.00465, 0.00462), run=run_of(1))
    slower = [gpu(seconds=(0.0046, 0.00461, 0.00459), run=run_of(day)) for day in (2, 3, 4)]
    return build(few(), before, [*before, *slower])


@cache
def plan() -> plans.Plan:
    cases = report().cases
    given = {"demand": 5000.0, "peak_to_mean": 2.0, "rent": 2.5, "devices_per_node": 8, "pue": 1.3, "host_power": 400.0}
    return plans.build(report(), with_(plans.usual(cases, date(2026, 11, 24)), **given))


def folded(document: Any, indent: str = "") -> str:
    """JSON in which what holds nothing but texts and numbers stands in one line: a cell, a metric, a dot."""
    parts = document.values() if isinstance(document, dict) else document if isinstance(document, list) else ()
    if not any(isinstance(part, (dict, list)) for part in parts):
        return json.dumps(document, ensure_ascii=False)
    inner = indent + " "
    if isinstance(document, list):
        left, right, lines = "[", "]", [folded(part, inner) for part in document]
    else:
        left, right = "{", "}"
        lines = [f"{json.dumps(name, ensure_ascii=False)}: {folded(part, inner)}" for name, part in document.items()]
    return f"{left}\n{inner}" + f",\n{inner}".join(lines) + f"\n{indent}{right}"


def agreed(text: str) -> str:
    """Numbers with the digits on which all machines agree: logarithms differ in the last ones."""
    return re.sub(r"\d+\.\d{9,}(?:e[+-]?\d+)?", lambda digits: f"{float(digits[0]):.12g}", text)


def whole(content: bytes) -> str:
    return agreed(content.decode())


def json_of(content: bytes) -> str:
    return agreed(folded(json.loads(content))) + "\n"


def page_of(content: bytes) -> str:
    """How large the records are that a page carries depends on who packed them."""
    return re.sub(r"\([\d.]+ kB;", "(… kB;", agreed(outline(content)))


def picture(name: str) -> Callable[[], str]:
    """A picture without its style sheet, whose changes are another matter."""

    def made() -> str:
        files = reports.exporter(Path("x.svg")).export(report())  # type: ignore[union-attr]
        return re.sub("<style>.*?</style>", "<style>…</style>", whole(files[name]), flags=re.DOTALL)

    return made


def of_report(name: str, shown: Callable[[bytes], str]) -> Callable[[], str]:
    return lambda: shown(reports.exporter(Path(name)).export(report()))  # type: ignore[union-attr]


def of_plan(name: str, shown: Callable[[bytes], str]) -> Callable[[], str]:
    return lambda: shown(plans.exporter(Path(name)).export(plan()))


def of_gate(name: str, shown: Callable[[bytes], str]) -> Callable[[], str]:
    return lambda: shown(face_exporter(Path(name)).export(face(paired())))


CASE = "cases/bert-pretrain-cuda-0-bf16-batch-8"
GOLDEN: dict[str, Callable[[], str]] = {
    "report.md": of_report("x.md", whole),
    "report.csv": of_report("x.csv", whole),
    "report.json": of_report("x.json", json_of),
    "report.txt": of_report("terminal", whole),
    "report.prom": of_report("x.prom", whole),
    "report.bencher.json": of_report("x.bencher.json", json_of),
    "report.action.json": of_report("x.action.json", json_of),
    "report.html.txt": of_report("x.html", page_of),
    "split.svg": picture(f"{CASE}/split-of-a-step-profiled.svg"),
    "throughput.svg": picture("throughput-bert-pretrain.svg"),
    "roofline.svg": picture("roofline-of-cuda-0-bert-pretrain.svg"),
    "history.svg": picture("throughput-over-runs-bert-pretrain-cuda-0-bf16-batch-8.svg"),
    "ladder.svg": picture(f"{CASE}/memory-ladder.svg"),
    "timeline.svg": picture(f"{CASE}/replicate-0-over-time.svg"),
    "plan.json": of_plan("x.json", json_of),
    "plan.txt": of_plan("terminal", whole),
    "plan.toml": of_plan("x.toml", whole),
    "gate.md": of_gate("x.md", whole),
    "gate.xml": of_gate("x.xml", whole),
    "gate.json": of_gate("x.json", json_of),
    "gate.txt": of_gate("terminal", whole),
    "gate.html.txt": of_gate("x.html", page_of),
    "gate.github.txt": lambda: "".join(f"{line}\n" for line in annotation_lines(face(paired()))),
}


def hold(name: str, now: str, was: str) -> None:
    """Fail with what changed, where something did."""
    lines = list(difflib.unified_diff(was.splitlines(), now.splitlines(), f"golden/{name}", "now", lineterm="", n=1))
    if lines:
        more = [f"... and {len(lines) - 60} lines more"] if len(lines) > 60 else []
        told = f"{name} is not as it was. Where that is meant: {ACCEPT}, and look at what `git diff` says."
        pytest.fail("\n".join([told, *lines[:60], *more]), pytrace=False)


@pytest.mark.parametrize("name", GOLDEN)
def test_an_output_is_as_it_was_when_it_was_last_looked_at(name: str, pytestconfig: pytest.Config):
    file = FOLDER / name
    now = GOLDEN[name]()
    if pytestconfig.getoption("--accept-golden"):
        FOLDER.mkdir(exist_ok=True)
        file.write_text(now, encoding="utf-8", newline="\n")

    hold(name, now, file.read_text(encoding="utf-8") if file.exists() else "")


def test_every_golden_file_is_held_against_something():
    assert {file.name for file in FOLDER.iterdir()} == set(GOLDEN)


def test_a_word_that_changed_is_shown_with_the_command_that_accepts_it():
    was = GOLDEN["report.md"]()

    with pytest.raises(pytest.fail.Exception) as caught:
        hold("report.md", was.replace("Caveats", "Warnings"), was)

    told = str(caught.value).splitlines()
    assert "--accept-golden" in told[0]
    assert {"-### Caveats", "+### Warnings"} <= set(told)
    assert len(told) < 12


def test_golden_files_tell_nothing_of_the_machine_or_the_day():
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in GOLDEN)

    assert str(Path.home()) not in text
    assert str(FOLDER.parents[2]) not in text
    assert str(date.today()) not in text


def test_numbers_are_held_to_the_digits_on_which_machines_agree():
    assert agreed("a 0.12345678901234567 b 1.5e-07 12.25") == "a 0.123456789012 b 1.5e-07 12.25"
    assert agreed("79.70509116269842") != agreed("79.70509116369842")
