"""What the command line makes of paths."""

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
