"""What the meters found out about themselves and the device around the windows, by replicate."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.record import Record
from reports.cell import Cell, Column, Table, absent, plain
from reports.environments import flatten
from reports.number import quantity
from reports.origin import error_words
from reports.text import line

Words = Callable[[Any], str]

_NAMED = 5  # other processes that are named; more make the table longer, not clearer
_DRAWN = ("timeline", "windows", "throttled")  # as a picture


def meters_table(record: Record) -> Table:
    """A row for each fact, and for each value of it where replicates differ; one that could not be had is absent with
    its reason."""
    told = {
        one.index: {(meter, title): cell for meter, facts in one.meters.items() for title, cell in _facts(facts)}
        for one in record.replicates
        if one.meters
    }
    nothing = absent("not recorded for this replicate")
    columns = Column("Meter"), Column("What"), Column("Value"), Column("Replicates")
    rows: list[tuple[Cell, ...]] = []
    for meter, title in dict.fromkeys(key for facts in told.values() for key in facts):
        of_value: dict[Cell, list[int]] = {}
        for index, facts in told.items():
            of_value.setdefault(_with_reason(facts.get((meter, title), nothing)), []).append(index)
        for cell, indices in of_value.items():
            which = "all" if len(indices) == len(record.replicates) else ", ".join(map(str, indices))
            rows.append((Cell(line(meter)), Cell(title), cell, Cell(which)))
    return Table("Meters", columns, tuple(rows))


def _with_reason(cell: Cell) -> Cell:
    return cell._replace(under=cell.note) if cell.absent else cell


def _facts(facts: Mapping[str, Any]) -> Iterator[tuple[str, Cell]]:
    for name, fact in facts.items():
        if name in _DRAWN:
            continue
        title, words = _WORDS.get(name, (name, None))
        cell = _worded(words, fact) if words else None
        if cell:
            yield title, cell
        else:
            yield from flatten({name: fact})


def _worded(words: Words, fact: Any) -> Cell | None:
    """The fact as a sentence; None where it is not of the form that the name stands for in our own meters."""
    if isinstance(fact, Mapping) and fact.get("reason"):
        return absent(str(fact["reason"]))
    try:
        return plain(words(fact))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _name(fact: Any) -> str:
    if not isinstance(fact, str):
        raise TypeError(f"a name is a text, not {fact!r}")
    return fact


def _tick(fact: Any) -> str:
    if not isinstance(fact, Mapping):
        return quantity(fact, "s")
    ends = f"{quantity(fact['least'], 's')} to {quantity(fact['most'], 's')}"
    return f"{quantity(fact['median'], 's')} (median; {ends}) over {fact['ticks']:d} ticks"


def _rate(fact: Any) -> str:
    wanted, most = quantity(fact["wanted"], "s"), quantity(fact["most"], "s")
    return f"every {quantity(fact['median'], 's')} (median; wanted {wanted}, at most {most}), {fact['rounds']:d} rounds"


def _before(fact: Any) -> str:
    steady = "steady after" if fact["settled"] else "not steady within"
    return f"{steady} {quantity(fact['seconds'], 's')}"


def _foreign(fact: Any) -> str:
    others = [_other(other) for other in fact]
    more = [f"and {len(others) - _NAMED} more"] if len(others) > _NAMED else []
    return "; ".join([*others[:_NAMED], *more]) or "none seen"


def _other(other: Mapping[str, Any]) -> str:
    """A process on the device, or one that used the CPU."""
    name = line(other["name"] or "a process without a name", 60)
    if "cpu_share" in other:
        return f"{name}, {other['cpu_share']:.0%} of the CPUs"
    memory = "memory not known" if other["memory"] is None else quantity(other["memory"], "B")
    return f"{name} (process {other['pid']:d}), {memory}, {other['when']} the case"


_WORDS: dict[str, tuple[str, Words | None]] = {
    "reason": ("Not there", _name),
    "name": ("Watched device", _name),
    "uuid": ("UUID of the device", _name),
    "scope": ("Scope of power and energy", _name),
    "error": ("Error of the method", lambda fact: error_words([fact])),
    "mig": ("MIG slices", lambda fact: "on" if fact else "off"),
    "power_limit": ("Power limit in force", lambda fact: quantity(fact, "W")),
    "power_limit_default": ("Power limit by default", lambda fact: quantity(fact, "W")),
    "tick": ("Energy counter ticks every", _tick),
    "rate": ("Sampled", _rate),
    "power_period": ("New power value every", lambda fact: quantity(fact, "s")),
    "before": ("Idle device before the case", _before),
    "memory_before": ("Device memory in use before the case", lambda fact: quantity(fact, "B")),
    "foreign": ("Other processes", _foreign),
    "pids": ("The driver's process numbers are", lambda fact: {"own": "ours", "host": "the host's"}[fact]),
}
