"""Where a number comes from, in words: its method, what it is of, and how far the method may be off.

The interval over replicates says how well a number repeats, the error how far all replicates may be off together. They
are never added up nor called alike: ``±2 %`` alone is over replicates, ``method ±5 %`` is the error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache

from bench.metric import METRICS
from bench.rates import Value
from reports.number import spread

Origin = tuple[str | None, str | None]  # method and scope: what two numbers must share to be compared


def origin(*values: Value) -> str:
    """The method, scope and error of values that share the first two. Of watts and joules all three are told.

    >>> origin(Value("energy.item", "J/image", 2.0, source="NVML energy counter", scope="GPU", error=0.052))
    'NVML energy counter (scope GPU, method ±5.2 %)'
    """
    first = values[0]
    return _origin(first.source, first.scope, is_power(first), *dict.fromkeys(value.error for value in values))


@lru_cache(maxsize=1000)  # a report says the same of all its cases
def _origin(method: str | None, scope: str | None, full: bool, *errors: float | None) -> str:
    parts = [f"scope {scope}"] if scope else ["scope unknown"] if full else []
    parts += [error_words(errors)] if full or any(error is not None for error in errors) else []
    told = f"({', '.join(parts)})" if parts else ""
    return f"{method or ('method unknown' if full or told else '')} {told}".strip()


def by_origin(values: Iterable[Value]) -> dict[Origin, list[Value]]:
    """Those of the values that were measured, gathered by method and scope."""
    found: dict[Origin, list[Value]] = {}
    for value in values:
        if value.value is not None:
            found.setdefault((value.source, value.scope), []).append(value)
    return found


def is_power(value: Value) -> bool:
    """Whether a value is in watts or joules, which say nothing without their method, scope and error."""
    return value.unit.partition("/")[0] in ("W", "J")


def called(metric: str) -> str:
    """A metric's name; of an energy it says which of the two it is, gross or net.

    >>> called("energy.item"), called("energy.item.net"), called("time.step")
    ('energy.item, gross', 'energy.item.net', 'time.step')
    """
    gross = METRICS[metric].unit.partition("/")[0] == "J" and not metric.endswith(".net")
    return f"{metric}, gross" if gross else metric


def error_words(errors: Sequence[float | None]) -> str:
    """How far a method may be off, from the least to the most of some cases.

    >>> error_words([0.052]), error_words([0.052, None, 0.1]), error_words([None])
    ('method ±5.2 %', 'method ±5.2 % to ±10 % where known', "method's error unknown")
    """
    known = sorted(error for error in errors if error is not None)
    if not known:
        return "method's error unknown"
    ends = dict.fromkeys(spread(100.0, 100 - 100 * error, 100 + 100 * error) for error in (known[0], known[-1]))
    return f"method {' to '.join(ends)}" + (" where known" if len(known) < len(errors) else "")
