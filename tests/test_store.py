"""Stores: a directory of records."""

import os
from dataclasses import replace

import pytest

from bench.errors import SpecError
from bench.store import Store, read


def test_a_store_gives_back_what_was_written(tmp_path, record):
    made = [record(), record(batch_size=4)]
    for one in made:
        Store(tmp_path).write(one)

    assert {one.case.id: one for one in Store(tmp_path)} == {one.case.id: one for one in made}


def test_writing_a_case_again_replaces_its_record_and_leaves_nothing_else(tmp_path, record):
    Store(tmp_path).write(record([], status="interrupted", reason="1 of 3"))
    Store(tmp_path).write(record())

    assert [one.status for one in Store(tmp_path)] == ["ok"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_write_that_fails_leaves_the_old_record_whole(tmp_path, record, monkeypatch):
    Store(tmp_path).write(record())

    def power_cut(*_):
        raise OSError("power cut")

    monkeypatch.setattr(os, "replace", power_cut)
    with pytest.raises(OSError, match="power cut"):
        Store(tmp_path).write(record([], status="oom", reason="later"))

    assert [one.status for one in Store(tmp_path)] == ["ok"]


def test_stores_merge_by_copying_and_foreign_files_are_not_read(tmp_path, record):
    Store(tmp_path / "a").write(record())
    Store(tmp_path / "b").write(record(batch_size=4))
    for path in (tmp_path / "b").iterdir():
        path.rename(tmp_path / "a" / path.name)
    (tmp_path / "a" / "report.json").write_text("{}")

    assert len(read([tmp_path / "a"])) == 2


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_what_is_no_store_is_refused_with_its_path(tmp_path, name):
    (tmp_path / "empty").mkdir()

    with pytest.raises(SpecError, match=name):
        read([tmp_path / name])


def test_half_a_letter_is_kept_where_a_text_holds_one(tmp_path, record):
    broken = replace(record(), reason="\ud800 and \u00e9")

    path = Store(tmp_path).write(broken)

    assert "\u00e9".encode() in path.read_bytes()
    assert list(Store(tmp_path)) == [broken]


@pytest.mark.parametrize("content", [b"\xff\xfe{}", b"{", b"[]"], ids=["not UTF-8", "half a file", "no record"])
def test_what_is_no_record_is_told_in_one_line_with_its_file(tmp_path, content):
    file = tmp_path / "20261120-101500-a1b2.case.record.json"
    file.write_bytes(content)

    for path in (file, tmp_path):
        with pytest.raises(SpecError) as told:
            read([path])
        assert str(told.value).startswith(f"{file}: ")
        assert "\n" not in str(told.value)
