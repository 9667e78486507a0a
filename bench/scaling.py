"""Several devices together: how many times as fast as fewer of them, and that it is not more than they are.

A published table has 8 devices at 21.5 times the rate of one: each of them 2.7 times as fast as one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.comparison import throughput_ratio
from bench.record import Record

DEVICES = "world_size"  # the axis that counts devices, by torch's name


def superlinear(records: Sequence[Record]) -> dict[tuple[str, str], list[str]]:
    """By run and case on several devices what cannot be of it: a throughput above that of fewer devices times how many
    more they are, beyond the interval of both."""
    of_problem: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        if _devices(record):
            of_problem.setdefault(_problem(record), []).append(record)
    found: dict[tuple[str, str], list[str]] = {}
    for alike in of_problem.values():
        for record in alike:
            told = _beyond(record, alike)
            if told:
                found[record.run.id, record.case.id] = [told]
    return found


def _beyond(record: Record, alike: Sequence[Record]) -> str | None:
    """What a case has too much over the fastest one on the fewest devices, each of which had no smaller a batch: with a
    larger one, a device of its own is faster."""
    fewest = min(map(_devices, alike))
    times = _devices(record) / fewest
    base = [one for one in alike if _devices(one) == fewest and one.case.batch_size * times >= record.case.batch_size]
    ratios = [ratio for one in base if (ratio := throughput_ratio(one, record))]
    if times == 1 or not ratios:
        return None
    ratio = min(ratios, key=lambda one: one.value)
    if (ratio.low or ratio.value) <= times:
        return None
    several = f"{_devices(record)} devices reach {ratio.value:.3g} times the throughput of {fewest}"
    return f"{several}, and {times:.3g} times is the most that they can"


def _devices(record: Record) -> int:
    """How many devices a case says that it ran on, 0 where it does not say."""
    number = record.case.parameters.get(DEVICES)
    return number if type(number) is int and number > 0 else 0


def _problem(record: Record) -> tuple[Any, ...]:
    """What two cases share that differ in their devices: the batch is each device's, or all of theirs."""
    case = record.case
    rest = tuple(sorted((name, value) for name, value in case.parameters.items() if name != DEVICES))
    return (record.run.id, case.workload, case.precision, rest, case.data, case.model)
