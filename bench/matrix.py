"""A matrix: axes in a TOML file, whose product is the cases. Every mistake in it is one line before anything runs."""

from __future__ import annotations

import itertools
import math
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any

from bench.case import Case, without_usual
from bench.entry import (
    MAX,
    AxesOf,
    Entry,
    read_batch,
    read_entry,
    read_precision,
    read_table,
    read_value,
    refuse_unknown,
)
from bench.errors import SpecError, in_one_line
from bench.gating import Gating

_NUMBERS = ("replicates", "budget", "accelerator_budget", "timeout")
_SETTINGS = {"description", *_NUMBERS, "peaks", "gate", "cases"}


@dataclass(frozen=True)
class Matrix:
    """Entries, and how long to measure: ``budget`` and ``timeout`` are seconds of one replicate.

    An accelerator's budget is its own, since its energy counter ticks slowly: windows must be long for it. ``peaks``:
    what the devices reach at most is to be measured first."""

    name: str
    entries: tuple[Entry, ...]
    description: str = ""
    replicates: int = 3
    budget: float = 5.0
    accelerator_budget: float = 10.0
    timeout: float = 600.0
    peaks: bool = False
    gating: Gating = field(default_factory=Gating)


@dataclass(frozen=True)
class Override:
    """What the command line gives in place of the file's values; empty means that the file's stand."""

    workloads: Sequence[str] = ()
    precision: Sequence[str] = ()
    batch_size: Sequence[int | str] = ()
    axes: Mapping[str, Sequence[str]] = field(default_factory=dict)


def names() -> list[str]:
    """The matrices that ship with Wattmark."""
    folder = resources.files("bench") / "matrices"
    return sorted(path.name.removesuffix(".toml") for path in folder.iterdir() if path.name.endswith(".toml"))


def load(name: str, axes_of: AxesOf) -> Matrix:
    """The matrix of a TOML file, or of a name that ships with us.

    Raises:
        SpecError: there is no such matrix, or something in it is not known.
    """
    path = Path(name)
    shipped = resources.files("bench") / "matrices" / f"{name}.toml"
    if path.suffix == ".toml" and path.is_file():
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise SpecError(f"matrix {name!r}: cannot be read: {in_one_line(error)}") from error
    elif shipped.is_file():
        text = shipped.read_text(encoding="utf-8")
    else:
        raise SpecError(f"matrix {name!r}: no such file or name; a path to a .toml file or one of {', '.join(names())}")
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"matrix {name!r}: not TOML: {error}") from error
    return parse(data, path.stem, axes_of)


def parse(data: Mapping[str, Any], name: str, axes_of: AxesOf) -> Matrix:
    """The matrix of a parsed TOML file.

    Raises:
        SpecError: something in it is not known.
    """
    where = f"matrix {name!r}"
    refuse_unknown(data, _SETTINGS, where)
    tables = data.get("cases")
    if not isinstance(tables, list) or not tables:
        raise SpecError(f"{where}: has no [[cases]] table; each names a workload and lists values for its axes")
    settings = {key: data[key] for key in ("description", *_NUMBERS, "peaks") if key in data}
    for key in _NUMBERS:
        if key in settings and not _above_0(settings[key], whole=key == "replicates"):
            what = "whole number" if key == "replicates" else "number"
            raise SpecError(f"{where}: {key} = {settings[key]!r}; a {what} above 0 is needed")
    if settings.get("peaks", False) not in (True, False):
        raise SpecError(f"{where}: peaks = {data['peaks']!r}; true or false is needed")
    gating = Gating().override(read_table(data.get("gate", {}), f"{where}, [gate]"), f"{where}, [gate]")
    places = (f"{where}, [[cases]] {number}" for number in range(1, len(tables) + 1))
    entries = tuple(read_entry(table, place, axes_of, gating) for table, place in zip(tables, places, strict=True))
    return Matrix(name, entries, gating=gating, **settings)


def _above_0(value: Any, whole: bool) -> bool:
    return type(value) in ((int,) if whole else (int, float)) and 0 < value < math.inf


def override(matrix: Matrix, wanted: Override, axes_of: AxesOf) -> Matrix:
    """The matrix with the command line's values in place of the file's.

    A workload that the matrix has no entry for is taken with its own defaults. Raises:
        SpecError: a value, axis or workload is not known.
    """
    entries = list(matrix.entries)
    if wanted.workloads:
        entries = []
        for name in dict.fromkeys(wanted.workloads):
            own = [read_entry({"workload": name}, f"workload {name}", axes_of, matrix.gating)]
            entries += [entry for entry in matrix.entries if entry.workload == name] or own
    for axis, texts in wanted.axes.items():
        entries = _set_axis(entries, axis, texts, axes_of)
    if wanted.precision:
        precision = tuple(read_precision(value, "--precision") for value in wanted.precision)
        entries = [replace(entry, precision=precision) for entry in entries]
    if wanted.batch_size:
        sizes = tuple(read_batch(value, "--batch") for value in wanted.batch_size)
        entries = [replace(entry, batch_size=sizes) for entry in entries]
    return replace(matrix, entries=tuple(entries))


def timed(matrix: Matrix, replicates: int | None, budget: float | None, timeout: float | None) -> Matrix:
    """The matrix with other lengths of measuring, where they are given."""
    return replace(
        matrix,
        replicates=replicates or matrix.replicates,
        budget=budget or matrix.budget,
        accelerator_budget=budget or matrix.accelerator_budget,
        timeout=timeout or matrix.timeout,
    )


def expand(matrix: Matrix, devices: Sequence[str], data: str = "auto", model: str | None = None) -> list[Case]:
    """The cases of a matrix on some devices: the product of each entry's axes, each case once.

    Raises:
        SpecError: no entry is meant for any of the devices.
    """
    if not any(entry.on_device(device, devices) for entry in matrix.entries for device in devices):
        kinds = ", ".join(sorted({entry.on for entry in matrix.entries if entry.on}))
        raise SpecError(f"matrix {matrix.name!r}: no case for {', '.join(devices)}; its entries are for: {kinds}")
    return [case for case, _ in gated(matrix, devices, data, model)]


def gated(
    matrix: Matrix, devices: Sequence[str], data: str = "auto", model: str | None = None
) -> list[tuple[Case, Gating]]:
    """The cases of `expand`, each with how it is gated; a case that two entries make is gated as the last one says."""
    found = (
        (replace(case, batch_size=size), entry.gating)
        for case, entry in _points(matrix, devices, data, model)
        for size in entry.batch_size
        if isinstance(size, int)
    )
    return list({case.id: (case, gating) for case, gating in found}.values())


def searches(matrix: Matrix, devices: Sequence[str], data: str = "auto", model: str | None = None) -> list[Case]:
    """The cases, at batch size 1, whose largest batch size that fits is asked for."""
    found = (case for case, entry in _points(matrix, devices, data, model) if MAX in entry.batch_size)
    return list({case.id: case for case in found}.values())


def _points(matrix: Matrix, devices: Sequence[str], data: str, model: str | None) -> Iterator[tuple[Case, Entry]]:
    """Every combination of the axes other than the batch size, with the entry that it is of."""
    for device, meant in itertools.product(devices, matrix.entries):
        entry = meant.on_device(device, devices)
        if entry is not None:
            for precision, *parameters in itertools.product(entry.precision, *entry.axes.values()):
                axes = without_usual(dict(zip(entry.axes, parameters, strict=True)))
                yield Case(entry.workload, device, str(precision), 1, axes, data, model), entry


def _set_axis(entries: list[Entry], axis: str, texts: Sequence[str], axes_of: AxesOf) -> list[Entry]:
    """The entries with an axis replaced wherever the workload has it."""
    where = f"--set {axis}={','.join(texts)}"
    if axis in ("batch_size", "precision", "device"):
        raise SpecError(f"{where}: give it as --{axis.removesuffix('_size')}")
    having = {entry.workload for entry in entries if axis in axes_of(entry.workload)}
    if not having:
        known = sorted({name for entry in entries for name in axes_of(entry.workload)} - {"batch_size"})
        raise SpecError(f"{where}: no workload of this matrix has the axis {axis!r}; their axes are {', '.join(known)}")
    changed = []
    for entry in entries:
        if entry.workload in having:
            kind = axes_of(entry.workload)[axis]
            values = tuple(read_value(_typed(text, kind.kind), axis, kind, where) for text in texts)
            entry = replace(entry, axes={**entry.axes, axis: values})
        changed.append(entry)
    return changed


def _typed(text: str, kind: type) -> Any:
    """A command-line word as the axis's type; the word itself where it does not fit, for `_value` to refuse."""
    if kind is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    try:
        return kind(text) if kind in (int, float) else text
    except ValueError:
        return text
