"""Baselines: the records that later runs are held against, each accepted on purpose and with a reason.

A baseline is a store with one record a case, and with ``baseline.json``, the log of what was accepted, when, and why.
Nobody is named in it: who accepted what, version control knows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import bench
from bench.caveats import caveats
from bench.errors import SpecError
from bench.judge.keys import differences
from bench.judge.stored import ANSWERS, newest
from bench.rates import value
from bench.record import Record
from bench.store import SUFFIX, Store, read, record_of, write_whole
from bench.typed import document, typed

SCHEMA = "wattmark.baseline/1"
LOG = "baseline.json"
SHOWN = ("throughput", "time.step")  # whose change is logged


@dataclass(frozen=True)
class Accepted:
    """One case of an acceptance.

    ``replaced`` is the run that was the baseline before, ``differences`` are the keys that differ from it, ``change``
    is new over old, minus 1, by metric; a new case has none of them. ``caveats`` are the record's (`bench.caveats`).
    """

    case: str
    id: str
    run: str
    caveats: tuple[str, ...] = ()
    replaced: str | None = None
    differences: tuple[str, ...] = ()
    change: Mapping[str, float] | None = None


@dataclass(frozen=True)
class Acceptance:
    """One call of `accept`: when (UTC), why, and what."""

    accepted: str
    reason: str
    wattmark: str
    cases: tuple[Accepted, ...]


@dataclass(frozen=True)
class Row:
    """A case of a baseline, as `show` tells it. ``accepted`` and ``reason`` are None for a record that was copied in by
    hand; ``environment`` holds the facts that a reader knows a machine by."""

    case: str
    run: str
    measured: str
    accepted: str | None
    reason: str | None
    environment: Mapping[str, str]
    values: Mapping[str, float | None]
    caveats: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The row as plain data."""
        return asdict(self)


def accept(stores: Iterable[Path], into: Path, reason: str) -> Acceptance:
    """Make the newest record of each case of some stores the baseline of that case; other cases stay as they are.

    What ran out of memory or is not supported is an answer too, and a baseline: ending otherwise is then a change.

    Raises:
        SpecError: no reason is given, a case failed or was not finished, or the baseline cannot be written. Nothing is
            changed then.
    """
    why = " ".join(reason.split())
    if not why:
        raise SpecError("baseline accept: --reason is empty; say why these numbers are right from now on")
    accepted = newest(read(list(stores)))
    for record in accepted.values():
        if record.status not in ("ok", *ANSWERS):
            raise SpecError(f"baseline accept: {record.case} is {record.status} ({record.reason}); measure it again")
    history = log(into)
    store = Store(into)
    store.create()
    before = newest(store)
    entry = Acceptance(
        f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S+00:00}",
        why,
        bench.__version__,
        tuple(_case(before.get(name), record) for name, record in sorted(accepted.items())),
    )
    # The old ones go last: a power cut leaves both, and the newest counts.
    kept = {store.write(record) for record in accepted.values()}
    for path in set(into.glob(f"*{SUFFIX}")) - kept:
        if record_of(path).case.id in accepted:
            path.unlink()
    document = {"schema": SCHEMA, "log": [asdict(one) for one in (*history, entry)]}
    write_whole(into / LOG, (json.dumps(document, allow_nan=False, indent=1, ensure_ascii=False) + "\n").encode())
    return entry


def show(path: Path) -> list[Row]:
    """The cases of a baseline, by name.

    Raises:
        SpecError: there is no baseline, or its log cannot be read.
    """
    last = {(case.id, case.run): entry for entry in log(path) for case in entry.cases}
    records = newest(read([path]))
    return [_row(record, last.get((name, record.run.id))) for name, record in sorted(records.items())]


def log(path: Path) -> list[Acceptance]:
    """What was accepted into a baseline, oldest first; nothing, where there is no log.

    Raises:
        SpecError: the log is none that this version knows.
    """
    file = path / LOG
    if not file.exists():
        return []
    try:
        return typed(document(file.read_text(encoding="utf-8"), SCHEMA).get("log"), list[Acceptance])
    except (OSError, ValueError) as error:
        raise SpecError(f"{file}: not a log of schema {SCHEMA}: {error}") from error


def _case(old: Record | None, new: Record) -> Accepted:
    if old is None:
        return Accepted(str(new.case), new.case.id, new.run.id, tuple(caveats(new)))
    hard, soft = differences(old, new)
    pairs = {metric: (value(old, metric).value, value(new, metric).value) for metric in SHOWN}
    change = {metric: after / before - 1 for metric, (before, after) in pairs.items() if before and after}
    return Accepted(str(new.case), new.case.id, new.run.id, tuple(caveats(new)), old.run.id, (*hard, *soft), change)


def _row(record: Record, entry: Acceptance | None) -> Row:
    return Row(
        case=str(record.case),
        run=record.run.id,
        measured=record.run.started,
        accepted=entry.accepted if entry else None,
        reason=entry.reason if entry else None,
        environment=_facts(record.environment),
        values={metric: value(record, metric).value for metric in SHOWN},
        caveats=tuple(caveats(record)),
    )


def _facts(environment: Mapping[str, Any]) -> dict[str, str]:
    """Device, torch, driver and commit, as far as they are known."""
    device, torch, git = (_part(environment, name) for name in ("device", "torch", "git"))
    found = {
        "device": device.get("label"),
        "torch": torch.get("version"),
        "driver": _part(device, "nvml").get("driver"),
        "commit": git.get("commit"),
    }
    return {name: fact for name, fact in found.items() if isinstance(fact, str)}


def _part(facts: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = facts.get(name)
    return part if isinstance(part, Mapping) else {}
