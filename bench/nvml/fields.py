"""Field values: many quantities behind one function, each with a type, a time and a return code of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import ask

# Which member of the union nvmlValue_t holds the value, by the type that comes with it (nvml.h, nvmlValueType_t).
_MEMBERS = {
    pynvml.NVML_VALUE_TYPE_DOUBLE: "dVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_INT: "uiVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG: "ulVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_LONG_LONG: "ullVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_LONG_LONG: "sllVal",
    pynvml.NVML_VALUE_TYPE_SIGNED_INT: "siVal",
    pynvml.NVML_VALUE_TYPE_UNSIGNED_SHORT: "usVal",
}


@dataclass(frozen=True)
class Field:
    """One of NVML's fields. ``scope`` says of which part, where a field has several (nvml.h, NVML_POWER_SCOPE)."""

    name: str
    number: int
    scope: int = 0


@dataclass(frozen=True)
class Stamped:
    """A value and the moment that NVML says it is of. Units: ``stamp`` s since 1970; ``value`` the reader's own."""

    value: float
    stamp: float


def read_field(handle: Any, field: Field, positive: str | None = None) -> Stamped:
    """The field's value, in NVML's own unit; where it can only be ``positive``, say in which unit.

    Raises:
        Unavailable: the call or the field was refused, in NVML's words; or 0 was answered where that cannot be: some
            drivers do where they have no sensor, or when asked too often.
    """
    (answer,) = read_fields(handle, [field])
    if isinstance(answer, str):
        raise Unavailable(answer)
    if positive is not None and answer.value <= 0:
        raise Unavailable(f"nvmlDeviceGetFieldValues, field {field.name}: answered {answer.value:g} {positive}")
    return answer


def read_fields(handle: Any, fields: Sequence[Field]) -> list[Stamped | str]:
    """For each field its value, in NVML's own unit, or the reason why there is none; all in one call.

    Raises:
        Unavailable: the call itself was refused.
    """
    answers = ask("nvmlDeviceGetFieldValues", handle, [(field.number, field.scope) for field in fields])
    return [_read(field, answer) for field, answer in zip(fields, answers, strict=True)]


def union_value(union: Any, kind: int) -> float:
    """The member of a nvmlValue_t that its type names; whole numbers stay exact.

    Raises:
        Unavailable: a type that this version does not know.
    """
    if kind not in _MEMBERS:
        raise Unavailable(f"NVML answered with a value of the unknown type {kind}")
    value: float = getattr(union, _MEMBERS[kind])
    return value


def _read(field: Field, answer: Any) -> Stamped | str:
    if answer.nvmlReturn != pynvml.NVML_SUCCESS:
        return f"nvmlDeviceGetFieldValues, field {field.name}: {pynvml.NVMLError(answer.nvmlReturn)}"
    try:
        return Stamped(union_value(answer.value, answer.valueType), answer.timestamp / 1e6)
    except Unavailable as unavailable:
        return f"nvmlDeviceGetFieldValues, field {field.name}: {unavailable}"
