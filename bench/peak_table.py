"""Peaks of devices that `bench.peaks` does not know, or knows wrong, from a file of the user's.

What it says of a device is kept in the environment of every record, so that a record stands alone. ::

    [[device]]
    label = "NVIDIA B300"                 # as `wattmark list devices` names it
    source = "data sheet of 2025, dense"  # who says so: it stands beside every number that is made with it
    bandwidth = 8e12                      # B/s
    flops = { fp32 = 77e12, bf16 = 2.5e15 }  # FLOP/s
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.case import PRECISIONS
from bench.errors import SpecError
from bench.roof import arithmetic

_KEYS = ("label", "source", "bandwidth", "flops")
_NAMES = tuple(dict.fromkeys(map(arithmetic, PRECISIONS)))

PeakTable = Mapping[str, Mapping[str, Any]]  # what a file says of a device, by its label


def load(path: Path) -> PeakTable:
    """The devices of a file.

    Raises:
        SpecError: it cannot be read, or says something that is no peak.
    """
    where = f"--peak-table {path}"
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"{where}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise SpecError(f"{where}: not TOML ({error})") from error
    devices = content.get("device")
    if set(content) != {"device"} or not isinstance(devices, list):
        raise SpecError(f"{where}: needs tables [[device]] with {', '.join(_KEYS)}, and nothing else")
    return {given["label"]: given for given in (_device(one, where) for one in devices)}


def _device(given: Any, where: str) -> dict[str, Any]:
    for key in given:
        if key not in _KEYS:
            raise SpecError(f"{where}: unknown key {key!r}; one of {', '.join(_KEYS)}")
    for key in ("label", "source"):
        if not isinstance(given.get(key), str) or not given[key].strip():
            raise SpecError(f"{where}: a device without {key}; it needs one, in words")
    flops = given.get("flops", {})
    if not isinstance(flops, dict):
        raise SpecError(f"{where}: flops = {flops!r}; a table by precision is needed, such as {{fp32 = 67e12}}")
    for name, rate in flops.items():
        if name not in _NAMES:
            raise SpecError(f"{where}: precision {name!r}; one of {', '.join(_NAMES)}")
        _rate(rate, f"{where}: flops.{name}", "FLOP/s")
    if "bandwidth" in given:
        _rate(given["bandwidth"], f"{where}: bandwidth", "B/s")
    return {**given, "flops": flops}


def _rate(value: Any, where: str, unit: str) -> None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value <= 0:
        raise SpecError(f"{where} = {value!r}; a number of {unit} above 0 is needed")
