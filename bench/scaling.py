"""Several devices together: how many times as fast as fewer of them, and that it is not more than they are.

A published table has 8 devices at 21.5 times the rate of one: each of them 2.7 times as fast as one alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.case import WORLD_SIZE
from bench.comparison import Ratio, throughput_ratio
from bench.record import Record


def superlinear(records: Sequence[Record]) -> dict[tuple[str, str], list[str]]:
    """By run and case on several devices what cannot be of it: a throughput above that of fewer devices times how many
    more they are, beyond the interval of both."""
    of_problem: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        of_problem.setdefault(_problem(record), []).append(record)
    found: dict[tuple[str, str], list[str]] = {}
    for alike in of_problem.values():
        fewest = min(record.case.devices for record in alike)
        base = [record for record in alike if record.case.devices == fewest]
        for record in alike:
            told = _beyond(record, base) if record.case.devices > fewest else None
            if told:
                found[record.run.id, record.case.id] = [told]
    return found


def _beyond(record: Record, base: Sequence[Record]) -> str | None:
    """What a case has too much over the fastest one on fewer devices, none of which had a smaller batch: with a larger
    one, a device of its own is faster."""
    fewest = base[0].case.devices
    times = record.case.devices / fewest
    fair = [one for one in base if one.case.batch_size * times >= record.case.batch_size]
    ratio = min((ratio for one in fair if (ratio := throughput_ratio(one, record))), key=_value, default=None)
    if ratio is None or (ratio.low or ratio.value) <= times:
        return None
    several = f"{record.case.devices} devices reach {ratio.value:.3g} times the throughput of {fewest}"
    return f"{several}, and {times:.3g} times is the most that they can"


def _value(ratio: Ratio) -> float:
    return ratio.value


def _problem(record: Record) -> tuple[Any, ...]:
    """What two cases share that differ in their devices: the batch is each device's, or all of theirs."""
    case = record.case
    rest = tuple(sorted((name, value) for name, value in case.parameters.items() if name != WORLD_SIZE))
    return (record.run.id, case.workload, case.precision, rest, case.data, case.model)
