"""How a case is gated: what is compared, how much change matters, how much may be spent on finding out.

This is the ``[gate]`` table of a matrix and the ``gate`` table of one of its cases.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bench.counted import COUNTERS
from bench.errors import SpecError

# What may be gated, and the metric that it is judged by.
COMPARED = {
    "time": "time.step",
    "throughput": "throughput",
    "memory": "memory.peak",
    "energy": "energy.item",
}

# Changes smaller than this count as none; memory is a count of bytes and is equal or not. Units: 1.
MARGINS = {"time": 0.03, "throughput": 0.03, "memory": 0.0, "energy": 0.05}


@dataclass(frozen=True)
class Gating:
    """How to gate a case.

    ``margin`` is the change within which a metric counts as unchanged, by name of `COMPARED` or of a counter
    (`bench.counted`); what it does not name has its value of `MARGINS`, and a counter 0. ``minimum`` is the
    smallest change that may be called one. ``pairs`` of processes screen, ``seconds`` is the time that a pair may
    measure one case, ``contaminated`` the share of further pairs that may replace spoiled ones. ``sequential``
    looks again and again instead of screening and confirming. Shares are of 1.
    """

    metrics: tuple[str, ...] = ("time", "memory")
    margin: Mapping[str, float] = field(default_factory=dict)
    minimum: float = 0.01
    pairs: int = 6
    seconds: float = 1.5
    contaminated: float = 0.5
    sequential: bool = False

    def margin_of(self, name: str) -> float:
        """The margin of what is gated, by its short name (`COMPARED`) or a counter's name."""
        return self.margin.get(name, MARGINS.get(name, 0.0))

    def override(self, table: Mapping[str, Any], where: str) -> Gating:
        """These settings with a TOML table's values in place of some.

        Raises:
            SpecError: a key or value is not known; ``where`` begins the message.
        """
        known = sorted(self.__dataclass_fields__)
        for key, value in table.items():
            if key not in known:
                raise SpecError(f"{where}: unknown key {key!r}; one of {', '.join(known)}")
            _check(key, value, f"{where}: {key} = {value!r}")
        changed = dict(table)
        if "metrics" in changed:
            changed["metrics"] = tuple(changed["metrics"])
        if "margin" in changed:
            changed["margin"] = {**self.margin, **changed["margin"]}
        return replace(self, **changed)


def _check(key: str, value: Any, what: str) -> None:
    if key == "metrics":
        if not isinstance(value, list) or not value or any(name not in COMPARED for name in value):
            raise SpecError(f"{what}; a list of {', '.join(COMPARED)} is needed")
    elif key == "margin":
        if not isinstance(value, dict) or not all(_share(part) for part in value.values()):
            raise SpecError(f"{what}; a table of shares from 0 to below 1 is needed, such as {{time = 0.03}}")
        known = (*COMPARED, *(counter.name for counter in COUNTERS.values() if not counter.gated))
        if unknown := [name for name in value if name not in known]:
            raise SpecError(f"{what}; nothing has a margin called {unknown[0]!r}; one of {', '.join(known)}")
    elif key == "sequential":
        if not isinstance(value, bool):
            raise SpecError(f"{what}; true or false")
    elif key == "pairs":
        if type(value) is not int or not 4 <= value <= 64:
            raise SpecError(f"{what}; a whole number from 4 to 64 is needed")
    elif key == "seconds":
        if type(value) not in (int, float) or value <= 0:
            raise SpecError(f"{what}; a number of seconds above 0 is needed")
    elif not _share(value):
        raise SpecError(f"{what}; a share from 0 to below 1 is needed")


def _share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 1
