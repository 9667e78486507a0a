"""docs/gallery is what its own commands make of the records that are kept in reports/reference."""

from __future__ import annotations

import base64
import json
import re
import shlex
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import openpyxl
import pytest

from bench.store import Store

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
REFERENCE = sorted(path for path in (ROOT / "reports" / "reference").rglob("*") if any(path.glob("*.record.json")))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery, made anew."""
    folder = tmp_path_factory.mktemp("gallery")
    (folder / "docs" / "gallery").mkdir(parents=True)
    for path in (ROOT / "docs" / "gallery").glob("*.toml"):
        shutil.copy(path, folder / "docs" / "gallery")
    for block in re.findall(r"^```console\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", "").splitlines():
            here = line.replace("reports/reference", shlex.quote(str(ROOT / "reports" / "reference")))
            arguments = [sys.executable, "-P", "-m", "bench", *shlex.split(here)[1:]]
            done = subprocess.run(arguments, cwd=folder, capture_output=True, text=True)
            assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return folder


def kept(*suffixes: str) -> list[str]:
    found = subprocess.run(["git", "ls-files", "docs/gallery"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in found.stdout.splitlines() if Path(name).suffix in suffixes]


def readable(page: bytes) -> str:
    """A page with what it packs unpacked, since compressors differ, and without its records."""

    def unpacked(found: re.Match[str]) -> str:
        return found[1] + json.dumps(json.loads(zlib.decompress(base64.b64decode(found[2]))))

    whole = re.sub(r"data:application/x-xz;base64,[A-Za-z0-9+/=]*", "", page.decode())
    whole = re.sub(r"records.tar.xz</a> \([^;]*;", "", whole)
    return re.sub(r'(id="(?:packed|traces)"[^>]*>)([A-Za-z0-9+/=]+)', unpacked, whole)


@pytest.mark.parametrize("name", kept(".md", ".csv", ".svg", ".json", ".txt"))
def test_the_gallery_is_what_its_commands_make(name: str, made: Path):
    assert (ROOT / name).read_bytes() == (made / name).read_bytes(), f"make it anew: {TEXT.splitlines()[0]}"


@pytest.mark.parametrize("name", kept(".html"))
def test_the_page_of_the_gallery_is_what_its_commands_make(name: str, made: Path):
    assert readable((ROOT / name).read_bytes()) == readable((made / name).read_bytes())


@pytest.mark.parametrize("name", kept(".xlsx"))
def test_the_workbook_of_the_gallery_has_the_same_cells(name: str, made: Path):
    def cells(path: Path) -> dict[str, list[tuple[object, ...]]]:
        book = openpyxl.load_workbook(path)
        return {sheet.title: list(sheet.iter_rows(values_only=True)) for sheet in book}

    assert cells(ROOT / name) == cells(made / name)


def test_every_picture_that_the_gallery_shows_is_there():
    shown = re.findall(r"\]\((gallery/[^)]+)\)", TEXT)

    assert shown
    assert [path for path in shown if not (ROOT / "docs" / path).exists()] == []


@pytest.mark.parametrize("store", REFERENCE, ids=lambda store: str(store.relative_to(ROOT / "reports" / "reference")))
def test_reference_records_are_read_by_this_version_and_name_no_folder_of_a_machine(store: Path):
    assert len(list(Store(store))) > 0
    for path in store.glob("*.record.json"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r'"[^"]*(/home/|/Users/|/root/|/tmp/)', text), path.name
