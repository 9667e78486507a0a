"""A directory of records: one atomic file a record; merging stores is copying files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from bench.errors import SpecError, in_one_line
from bench.record import Record

SUFFIX = ".record.json"


class Store:
    """Records in a directory, each in ``<run>.<case>.record.json``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def traces(self) -> Path:
        """Where profiles keep their traces, in files that their records name."""
        return self.path / "traces"

    def write(self, record: Record) -> Path:
        """Keep a record; a power cut leaves the old one or the new one, never half of one."""
        target = self.path / file_name(record)
        write_whole(target, content(record))
        return target

    def create(self) -> None:
        """Have the directory there before anything is measured for it.

        Raises:
            SpecError: nothing can be written there.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path).close()
        except OSError as error:
            raise SpecError(f"-o {self.path}: cannot be written ({error.strerror or error})") from error

    def __iter__(self) -> Iterator[Record]:
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            yield record_of(path)


def file_name(record: Record) -> str:
    """What a record's file is called."""
    return f"{record.run.id}.{record.case.id}{SUFFIX}"


def content(record: Record) -> bytes:
    """What stands in a record's file; half a letter, which UTF-8 cannot say, stands in it as JSON's escape."""
    return record.to_json().encode(errors="backslashreplace")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all: readers see the old one or the new one, after a power cut too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".") as folder:
        whole = Path(folder) / path.name
        with whole.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(whole, path)


def record_of(file: Path) -> Record:
    """The record in a file.

    Raises:
        SpecError: the file cannot be read, or holds no record of a schema that this version knows.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: cannot be read as a record: {in_one_line(error)}") from error
    return Record.from_json(text, where=str(file))


def read(paths: list[Path]) -> list[Record]:
    """All records of some stores (directories) or record files, oldest run first.

    Raises:
        SpecError: a path is not there, or holds no record that can be read.
    """
    records: list[Record] = []
    for path in paths:
        if path.is_file():
            found = [record_of(path)]
        elif path.is_dir():
            found = list(Store(path))
        else:
            raise SpecError(f"{path}: no such store; give a directory that `wattmark run -o` wrote")
        if not found:
            raise SpecError(f"{path}: holds no *{SUFFIX} file; give a directory that `wattmark run -o` wrote")
        records += found
    return in_order(records)


def read_below(folder: Path) -> list[Record]:
    """The records of all stores in a folder, at any depth.

    Raises:
        SpecError: there is none.
    """
    found = sorted(folder.rglob(f"*{SUFFIX}")) if folder.is_dir() else []
    if not found:
        raise SpecError(f"--history {folder}: holds no *{SUFFIX} file at any depth; give a folder of stores")
    return read(found)


def in_order(records: Iterable[Record]) -> list[Record]:
    """The records with the oldest run first."""
    return sorted(records, key=lambda record: (record.run.started, record.run.id))
