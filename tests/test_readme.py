"""The README's examples, run in order as they stand."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from bench import matrix
from bench.case import PRECISIONS
from bench.measured_peaks import is_peak
from bench.run import axes_of
from bench.store import Store

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def test_every_example_runs_as_written(tmp_path):
    for kind, name, text in BLOCKS:
        if name:
            (tmp_path / name).write_text(text)
        for line in text.splitlines() if kind == "console" else ():
            program, *arguments = shlex.split(line)
            assert program == "wattmark", line
            done = subprocess.run(
                [sys.executable, "-P", "-m", "bench", *arguments], cwd=tmp_path, capture_output=True, text=True
            )
            assert done.returncode == 0, f"{line}\n{done.stderr}"

    stored = [r for store in ("first", "second", "mine") for r in Store(tmp_path / store)]
    assert any(is_peak(r.case) for r in stored)
    found = {(r.case.precision, r.status) for r in stored if not is_peak(r.case)}
    # On an older CPU bf16 is emulated, which is an answer.
    assert {("fp32", "ok")} < found <= {("fp32", "ok"), ("bf16", "ok"), ("bf16", "unsupported")}
    assert len(list(Store(tmp_path / "mine"))) == 8
    assert (tmp_path / "both.html").stat().st_size > 10_000
    assert "baseline" in (tmp_path / "change.html").read_text().lower()
    own = subprocess.run([sys.executable, "own.py"], cwd=tmp_path, capture_output=True, text=True)
    assert "image/s" in own.stdout, own.stderr
    pytest = [sys.executable, "-m", "pytest", "test_mine.py"]
    marked = subprocess.run(pytest, cwd=tmp_path, capture_output=True, text=True)
    assert "1 passed" in marked.stdout, marked.stdout


def test_the_readme_names_every_workload_matrix_and_precision():
    for name in ("bert:Pretrain", "bert:Finetune", "bert:Classify", "resnet:Classify", "resnet:Train"):
        assert axes_of(name)
        assert f"`{name}`" in README
    for name in (*matrix.names(), *PRECISIONS):
        assert f"`{name}`" in README


def test_nothing_in_the_readme_is_left_to_be_filled_in():
    assert not re.search(r"\b(OUTPUT|REMARK|TODO|TBD)\w*\b", README)
