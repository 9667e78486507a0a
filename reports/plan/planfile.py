"""A planner's inputs as a TOML file: read with a line for every mistake, and written as a template to fill in."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from bench.errors import SpecError
from reports.cases import CaseRow
from reports.plan.inputs import CHINCHILLA, SECTIONS, Input, Inputs, Quantity, Source, defaults

Place = tuple[str, str, str]  # section, whose it is, name
_LONGEST = 500  # characters of a source


def usual(rows: Sequence[CaseRow], today: date) -> Inputs:
    """The inputs as long as nobody gave any: policies as usual, and what the records themselves say."""
    return Inputs(
        today,
        defaults("general"),
        {row.problem: _workload(row.problem, rows) for row in rows},
        {row.device_label: _device(row) for row in rows},
        {("general", "", "tokens_per_parameter"): CHINCHILLA},
    )


def read(path: Path, rows: Sequence[CaseRow], today: date) -> Inputs:
    """The inputs that a file gives, over the usual ones.

    Raises:
        SpecError: the file cannot be read, or holds what is no input, or a value that makes no sense.
    """
    try:
        given = tomllib.loads(path.read_text(encoding="utf-8-sig"))  # some editors begin a file with a mark
    except OSError as error:
        raise SpecError(f"--inputs {path}: cannot be read ({error.strerror or error})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"--inputs {path}: is no TOML ({error})") from error
    return _Reader(str(path)).over(usual(rows, today), given)


def template(inputs: Inputs) -> str:
    """The inputs as a file that `read` reads: what is not known stands there as a comment to fill in."""
    return "\n".join(_lines(inputs)) + "\n"


def _workload(problem: str, rows: Sequence[CaseRow]) -> dict[str, Quantity]:
    """A workload whose steps have a loss is a training step."""
    trains = any(row.values["loss.first"].value is not None for row in rows if row.problem == problem)
    return {**defaults("workload"), "mode": "training" if trains else "online"}


def _device(row: CaseRow) -> dict[str, Quantity]:
    known: dict[str, Quantity] = {"device_memory": row.device_memory / 1e9 if row.device_memory else None}
    if row.device == "cpu":  # torch's cpu is the whole machine
        known["devices_per_node"] = 1
    return {**defaults("device"), **known}


def _told(source: object) -> bool:
    return isinstance(source, str) and bool(source.strip()) and source.isprintable() and len(source) <= _LONGEST


class _Reader:
    """Lays a file's values over the usual ones."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._sources: dict[Place, Source] = {}

    def over(self, usual: Inputs, given: Mapping[str, Any]) -> Inputs:
        self._known("section", given, ["today", *SECTIONS])
        today = given.get("today", usual.today)
        if type(today) is not date or today.year < 2000:
            raise SpecError(f"{self._path}: today = {today!r} is no date such as {usual.today}")
        return replace(
            usual,
            today=today,
            general=self._section("general", "", given.get("general", {}), usual.general),
            workload=self._owners("workload", given, usual.workload),
            device=self._owners("device", given, usual.device),
            sources={**usual.sources, **self._sources},
        )

    def _owners(self, section: str, given: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
        tables = self._table(f"[{section}]", given.get(section, {}))
        # A workload's name stands for all its problems, such as sequence lengths; the full name wins.
        named = {owner: [key for key in (owner.split(" ")[0], owner) if key in tables] for owner in usual}
        known = [*usual, *(owner.split(" ")[0] for owner in usual if section == "workload")]
        self._known(section, tables, list(dict.fromkeys(known)))
        found = {}
        for owner, values in usual.items():
            for key in dict.fromkeys(named[owner]):
                values = self._section(section, owner, tables[key], values)
            found[owner] = values
        return found

    def _section(self, section: str, owner: str, given: Any, usual: Mapping[str, Quantity]) -> dict[str, Quantity]:
        where = f"[{section}]" if section == "general" else f"[{section}.{json.dumps(owner, ensure_ascii=False)}]"
        entries = {entry.name: entry for entry in SECTIONS[section]}
        table = self._table(where, given)
        self._known(f"input of {where}", table, list(entries))
        found = dict(usual)
        for name, value in table.items():
            found[name] = self._value((section, owner, name), f"{self._path}: {where} {name}", entries[name], value)
        return found

    def _value(self, place: Place, where: str, entry: Input, value: Any) -> Quantity:
        if entry.sourced:
            if not isinstance(value, dict) or set(value) != {"value", "date", "source"}:
                right = '{ value = 1.23, date = 2026-11-24, source = "where it is from" }'
                raise SpecError(f"{where}: needs its date and source: {right}")
            if type(value["date"]) is not date or value["date"].year < 2000 or not _told(value["source"]):
                raise SpecError(
                    f"{where}: date is a date such as 2026-11-24, source a line of text that says where it is from"
                )
            self._sources[place] = Source(value["date"], value["source"])
            value = value["value"]
        if not entry.takes(value):
            raise SpecError(f"{where} = {value!r}: {entry.limits}")
        return value  # type: ignore[no-any-return]

    def _table(self, where: str, value: Any) -> Mapping[str, Any]:
        if not isinstance(value, dict):
            raise SpecError(f"{self._path}: {where} is a table, not {value!r}")
        return value

    def _known(self, what: str, given: Mapping[str, Any], known: Sequence[str]) -> None:
        for name in given:
            if name not in known:
                near = difflib.get_close_matches(name, known, 1)
                meant = f"; did you mean {near[0]}?" if near else ""
                raise SpecError(f"{self._path}: there is no {what} {name!r}{meant} Known: {', '.join(known)}")


def _lines(inputs: Inputs) -> Iterator[str]:
    yield "# What `wattmark plan STORE --inputs THIS_FILE` plans with. Take the # from a line to give its value."
    yield "# A price or a carbon figure has its date and source, so that a reader can judge it."
    yield f"today = {inputs.today}  # what ages count to"
    for section, owners in inputs.sections.items():
        for owner, values in owners.items():
            yield f"\n[{section}]" if section == "general" else f"\n[{section}.{json.dumps(owner, ensure_ascii=False)}]"
            for entry in SECTIONS[section]:
                source = inputs.sources.get((section, owner, entry.name))
                yield _line(entry, inputs.in_currency(entry.unit), values[entry.name], source)


def _line(entry: Input, unit: str, value: Quantity, source: Source | None) -> str:
    unit = f" [{unit}]" if unit else ""
    told = f"  # {entry.title}{unit}. {entry.meaning}"
    if entry.choices:
        told += f" One of: {', '.join(entry.choices)}."
    if value is None:
        shown = "0.0"
        if entry.sourced:
            shown = '{ value = 0.0, date = 2026-01-01, source = "" }'
        return f"# {entry.name} = {shown}{told}"
    text = json.dumps(value, ensure_ascii=False)
    if entry.sourced and source:
        text = f"{{ value = {text}, date = {source.date}, source = {json.dumps(source.source, ensure_ascii=False)} }}"
    return f"{entry.name} = {text}{told}"
