"""Whether both arms run under the same conditions, apart from what the comparison is about."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bench.gate.arms import Place

# What the sources of an arm decide: their commit, and the OpenMP libraries that their imports bring along.
SOURCES = frozenset({"git", "torch.openmp_runtime"})
# What the packages of an arm decide; how NVML describes a GPU needs one of them. How many threads there are is a
# setting, whichever version of torch is asked.
PACKAGES = SOURCES | {"python", "torch", "libraries", "device.nvml"}
SETTINGS = frozenset({"torch.threads", "torch.interop_threads"})


def may_differ(base: Place, head: Place) -> frozenset[str]:
    """What the comparison of two places is about, as names of `differences`."""
    return SOURCES if base.python == head.python else PACKAGES


def differences(base: Mapping[str, Any], head: Mapping[str, Any], allowed: Collection[str] = SOURCES) -> list[str]:
    """How the environments of both arms (`bench.environment`) differ beyond what is allowed; a finished phrase each.

    A name that is allowed covers what is below it (``torch`` covers ``torch.version``), apart from `SETTINGS`.

    >>> base, head = {"version": "2.12", "threads": 2}, {"version": "2.13", "threads": 1}
    >>> differences({"torch": base}, {"torch": head}, {"torch"})
    ['torch.threads is 2 in base and 1 in head']
    """
    told, found = dict(_facts(base)), dict(_facts(head))
    return [
        f"{name} is {_shown(told.get(name, 'not told'))} in base and {_shown(found.get(name, 'not told'))} in head"
        for name in sorted(told.keys() | found.keys())
        if _known(told.get(name, "not told")) != _known(found.get(name, "not told"))
        if name in SETTINGS or not any(f"{name}.".startswith(f"{covering}.") for covering in allowed)
    ]


def _facts(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every fact below, by its dotted name."""
    if not isinstance(value, Mapping) or _is_absent(value):
        yield name, value
        return
    for key, part in value.items():
        yield from _facts(part, f"{name}.{key}" if name else str(key))


def _is_absent(value: Any) -> bool:
    return isinstance(value, Mapping) and set(value) == {"value", "reason"}


def _known(value: Any) -> Any:
    """The value; why a fact cannot be had is no fact."""
    return None if _is_absent(value) else value


def _shown(value: Any) -> str:
    return f"absent ({value['reason']})" if _is_absent(value) else str(value)
