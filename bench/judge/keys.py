"""What must be equal before two records may be compared, and what is worth saying where it differs.

A hard key changes what is measured, so that a difference between the records could be its doing; a soft one seldom
does. Every fact of the environment is one or the other, except what names the case or is the thing under test.
Measured values that vary from run to run (idle power, temperature, load) are in no environment, and are no keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from bench.record import Record

# No keys: the commit is what a comparison is about, and a CPU's memory is told under ``memory``.
_NO_KEY = ("git*", "device.name")
_NO_KEY_OF_A_CPU = ("device.memory_bytes", "device.uuid")

# Which of several equal devices, and where files are looked up, does not change what a step does.
_SOFT = (
    *("cpu.microcode", "device.uuid"),
    *("variables.CUDA_VISIBLE_DEVICES", "variables.CUDA_DEVICE_ORDER", "variables.HF_HUB_OFFLINE"),
)
HARD = (
    *("case.*", "workload version", "inputs.*", "model.*", "precision.*", "clock", "made.how"),
    *("system.architecture", "system.libc", "system.virtual_machine", "system.product"),
    *("cpu.*", "memory.transparent_hugepages", "device.*", "torch.*", "variables.*", "allocator"),
)
# What decides how many operators, bytes and FLOPs a step comes to, whatever machine they run on.
COUNTED = (
    *("case.*", "workload version", "inputs.*", "model.*", "precision.*", "device.kind", "variables.*", "allocator"),
    *("torch.version", "torch.threads", "torch.cpu_capability", "libraries.transformers"),
)
# A release series is a hard key, its patch level a soft one: the first two numbers of a version.
_SERIES = ("python.version", "system.kernel")
_NOTHING: tuple[Any, ...] = (None, {})


def differences(base: Record, head: Record, keys: tuple[str, ...] = HARD) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The hard and the soft keys that differ, as ``field (old before, new now)``; ``keys`` are the hard ones.

    What neither side has is equal; what one side alone has differs, so that a record from before a fact was kept is
    not taken for one with the same. What only a measured process tells is compared where both sides measured, and what
    times the steps where both were timed: a step that was only counted has no clock.
    """
    both = (base, head)
    measured = all(record.status == "ok" and record.measured for record in both)
    timed = measured and all(record.measured[0].clock for record in both)
    hard: list[str] = []
    soft: list[str] = []
    for name, old, new in _differing("", *(_facts(record, measured, timed) for record in both)):
        (hard if is_hard(name, old, new, keys) else soft).append(f"{name} ({_shown(old)} before, {_shown(new)} now)")
    return tuple(hard), tuple(soft)


def _facts(record: Record, measured: bool, timed: bool) -> dict[str, Any]:
    """All keys of a record, nested as in its environment."""
    case = record.case
    facts: dict[str, Any] = {
        "case": {
            "workload": case.workload,
            "device": case.device,
            "precision": case.precision,
            "batch_size": case.batch_size,
            "parameters": dict(case.parameters),
            "data": case.data,
            "model": case.model,
        },
        **_without(record.environment, (*_NO_KEY, *(_NO_KEY_OF_A_CPU if case.device == "cpu" else ()))),
    }
    if measured:
        one = record.measured[0]
        facts |= {
            "workload version": record.version,
            "inputs": {name: (record.inputs or {}).get(name) for name in ("kind", "sha256")},
            "model": {name: (record.model or {}).get(name) for name in ("parameters", "weights")},
            # The probe's error is a float that is never the same twice; the settings are words.
            "precision": {
                name: setting for name, setting in (one.precision or {}).items() if not isinstance(setting, float)
            },
            "clock": one.clock if timed else None,
            "made": {"how": (one.made or {}).get("how")},
        }
    return facts


def _without(facts: Mapping[str, Any], patterns: tuple[str, ...], prefix: str = "") -> dict[str, Any]:
    return {
        name: _without(value, patterns, f"{prefix}{name}.") if isinstance(value, Mapping) else value
        for name, value in facts.items()
        if not _matches(f"{prefix}{name}", patterns)
    }


def _differing(name: str, old: Any, new: Any) -> Iterator[tuple[str, Any, Any]]:
    """The names at which two nested facts part, with both values; a part that one side lacks is named as a whole."""
    old, new = _known(old), _known(new)
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for part in {**old, **new}:
            yield from _differing(f"{name}.{part}" if name else part, old.get(part), new.get(part))
    elif old != new and not (old in _NOTHING and new in _NOTHING):
        yield name, old, new


def _known(value: Any) -> Any:
    """The value, or None for ``{"value": None, "reason": ...}``: why a fact cannot be had is no fact."""
    absent = isinstance(value, Mapping) and set(value) == {"value", "reason"} and value["value"] is None
    return None if absent else value


def is_hard(name: str, old: Any, new: Any, keys: tuple[str, ...] = HARD) -> bool:
    """Whether a fact of the environment that differs so keeps two records from being compared."""
    for whole in (old, new):
        if isinstance(whole, Mapping):
            return any(is_hard(f"{name}.{part}", value, None, keys) for part, value in whole.items())
    if name in _SERIES and keys is HARD:
        return _series(old) != _series(new)
    return _matches(name, keys) and not _matches(name, _SOFT)


def _series(version: Any) -> str:
    """``Linux 6.18`` of ``Linux 6.18.44-generic``."""
    found = re.match(r"\D*\d+(\.\d+)?", str(version))
    return found[0] if found else str(version)


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _shown(value: Any) -> str:
    if value is None:
        return "absent"
    return "recorded" if isinstance(value, Mapping) else str(value)
