"""The panes of some profiles for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.record import Record
from reports.profile.tables import profile_tables
from reports.terminal import Part, heading, laid_out, sentences, table


def words(records: Sequence[Record]) -> str:
    """The tables of each profiled case under its name."""
    return laid_out(part for record in records for part in _parts(record)).decode()


def _parts(record: Record) -> Iterator[Part]:
    yield heading(str(record.case))
    for one in profile_tables(record):
        if one.rows:
            yield from table(one)
        else:
            yield heading(one.title)
            yield from sentences(one.remarks)
