"""All profiled cases in one table: where each one's step goes."""

from __future__ import annotations

from collections.abc import Sequence

from bench.profile import Profile, profile_of, why_none
from reports.cases import CaseRow
from reports.cell import Cell, Column, Table, absent
from reports.number import quantity
from reports.profile.tables import called, percent
from reports.text import line

_SHARES = {"idle": "Device idle", "launch_bound": "Launch-bound", "tensor_core": "Tensor cores"}


def overview(rows: Sequence[CaseRow]) -> Table | None:
    """A row for each case that was to be profiled; None where there is none."""
    found = [(row, profile_of(row.record)) for row in rows if row.record.profile is not None]
    if not found:
        return None
    columns = (
        Column("Case"),
        Column("Step, watched", "", True, "A profiled step is slower than a measured one."),
        Column("Split of the step"),
        Column("Longest operator", meaning="With its share of all operators' self time."),
        *(Column(title, "%", True) for title in _SHARES.values()),
    )
    without = (f"{row.full_name}: not profiled: {line(why)}." for row, _ in found if (why := why_none(row.record)))
    table = Table("Profiles", columns, tuple(_row(row, profile) for row, profile in found), tuple(without))
    kept = [place for place, _ in enumerate(columns) if any(not row[place].absent for row in table.rows)]
    for place in reversed([place for place, _ in enumerate(columns) if place not in kept]):
        table = table.without(place)
    return table


def _row(row: CaseRow, profile: Profile | None) -> tuple[Cell, ...]:
    if profile is None:
        why = absent(str(why_none(row.record)))
        return (Cell(row.full_name), *[why] * (3 + len(_SHARES)))
    return (
        Cell(row.full_name),
        Cell(quantity(profile.seconds / profile.steps, "s"), raw=profile.seconds / profile.steps),
        _split(profile),
        _longest(profile),
        *(_share(profile, name) for name in _SHARES),
    )


def _split(profile: Profile) -> Cell:
    whole = sum(phase.seconds for phase in profile.phases)
    if not whole:
        return absent(profile.absent.get("phases", "no phase took any time"))
    return Cell(", ".join(f"{line(one.name)} {percent(one.seconds, whole)} %" for one in profile.phases))


def _longest(profile: Profile) -> Cell:
    if not profile.operators:
        return absent("no operator ran")
    first = max(profile.operators, key=lambda one: one.self_seconds)
    return Cell(f"{called(first)} {percent(first.self_seconds, profile.operator_seconds)} %")


def _share(profile: Profile, name: str) -> Cell:
    reading = profile.shares.get(name)
    if reading is None or reading.value is None:
        return absent((reading and reading.reason) or "not profiled")
    return Cell(percent(reading.value, 1), "%", reading.value, size=0.01)
