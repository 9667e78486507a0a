"""A page carries the records that it was made from, where they fit."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from dataclasses import replace
from pathlib import Path

from made_records import RUN, failures, many, record
from metered_records import powered
from test_packed import gpu_page

from bench.store import Store, read_below
from reports import build
from reports.archive import archive
from reports.html import export
from reports.packed import LARGEST


def names(packed: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        return tar.getnames()


def test_the_records_that_a_page_carries_make_the_same_page_again(tmp_path: Path):
    page = export(build([*many(), *failures(), *powered()]))
    link = re.search(rb'download="records.tar.xz" href="data:application/x-xz;base64,([^"]+)"', page)
    assert link

    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(link[1]))) as tar:
        tar.extractall(tmp_path, filter="data")

    assert export(build(read_below(tmp_path))) == page


def test_the_files_are_called_as_in_a_store(tmp_path: Path):
    path = Store(tmp_path).write(record())

    assert names(archive([record()], 100_000)) == [f"records/{path.name}"]


def test_records_that_do_not_fit_are_left_out_and_the_page_says_where_they_are():
    whole = len(archive(many(), LARGEST))

    assert archive(many(), whole)
    assert archive(many(), whole - 1) == b""
    assert archive(many(), 0) == b""
    assert b"x-xz" not in gpu_page()
    assert b"too large for this page: they are the files <code>*.record.json</code>" in gpu_page()


def test_a_name_from_elsewhere_leads_out_of_no_folder_and_takes_no_other_file_away():
    hostile = [replace(record(), run=replace(RUN, id=name)) for name in ("../../x", "..\\..\\x", "/etc/x", ".._.._x")]

    found = names(archive(hostile, 100_000))

    assert len(set(found)) == 4
    assert all(re.fullmatch(r"records/[\w.-]+\.record\.json", name) and "/.." not in name[8:] for name in found)
