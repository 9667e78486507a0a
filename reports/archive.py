"""The records of a report as one archive, that a page carries along for whoever wants every sample."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Sequence

from bench.record import Record
from bench.store import content, file_name

_LONGEST = 200  # characters of a file's name that every file system takes
_MOST = 64  # times the room: records have never been packed as well as that


def archive(records: Sequence[Record], room: int) -> bytes:
    """The records' files as in a store, as ``.tar.xz``; nothing where they do not fit into ``room`` bytes."""
    files: dict[str, bytes] = {}
    size = 0
    for record in records:
        files[_name(record, files)] = whole = content(record)
        size += len(whole)
        if size > _MOST * room:  # also where there is no room at all
            return b""
    packed = _tar(files)
    return packed if len(packed) <= room else b""


def _name(record: Record, taken: dict[str, bytes]) -> str:
    """A file's name, whatever the record's program called it: without folders, not too long, and not taken."""
    name = re.sub(r"[^\w.-]", "_", file_name(record), flags=re.ASCII)[-_LONGEST:]
    while name in taken:
        name = f"_{name}"
    return name


def _tar(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:xz", preset=6) as tar:
        for name, whole in files.items():
            member = tarfile.TarInfo(f"records/{name}")
            member.size = len(whole)
            tar.addfile(member, io.BytesIO(whole))
    return packed.getvalue()
