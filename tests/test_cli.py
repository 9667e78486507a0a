"""What the command line makes of paths."""

import subprocess
import sys
from pathlib import Path

import pytest

from bench.cli.options import without_home


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/home/ann/reviews", "~/reviews"),
        ("/home/anna/reviews", "/home/anna/reviews"),
        ("/mnt/home/ann/reviews", "/mnt/home/ann/reviews"),
    ],
)
def test_a_path_is_kept_without_the_home_directory_and_leads_to_the_same_place(monkeypatch, path, kept):
    monkeypatch.setenv("HOME", "/home/ann")

    assert without_home(Path(path)) == kept
    assert Path(kept).expanduser() == Path(path)


def test_a_folder_here_that_is_called_as_a_package_of_ours_hides_nothing(tmp_path):
    for name in ("reports", "workloads", "bench"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "notes.txt").write_text("mine")
    store = Path(__file__).parent / "records" / "impossible" / "bf16-in-fp32"
    # As the console script does: this folder is not on the path before `main` has put it there.
    command = [sys.executable, "-P", "-c", "from bench.cli import main; main()", "report", str(store), "-o", "r.md"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "labelled bf16" in (tmp_path / "r.md").read_text()


def test_a_workload_of_the_users_is_found_here_all_the_same(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Thing:\n    batch_size: int = 1\n"
        "    def prepare(self, setup): ...\n"
    )
    code = "from bench.cli import main; main()"
    command = [sys.executable, "-P", "-c", code, "run", "-w", "mine:Thing", "--set", "colour=red", "-o", "store"]

    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)

    assert done.returncode == 2
    assert "no workload of this matrix has the axis 'colour'" in done.stderr  # so it was found
