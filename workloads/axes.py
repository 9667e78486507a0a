"""Refusing an axis value that a workload cannot mean."""

from __future__ import annotations

from typing import Any, Literal, get_args, get_origin, get_type_hints


def check(workload: Any, **ranges: tuple[int, int | None]) -> None:
    """Hold every field of a workload against its type, and those named in ``ranges`` against (least, most).

    Raises:
        ValueError: a value is outside its `Literal`, its range or its type; the line says what would be right.
    """
    for name, hint in get_type_hints(type(workload)).items():
        value = getattr(workload, name)
        if get_origin(hint) is Literal and value not in get_args(hint):
            raise ValueError(f"{name} {value!r}: must be one of {', '.join(map(str, get_args(hint)))}")
        if hint is bool and not isinstance(value, bool):
            raise ValueError(f"{name} {value!r}: must be true or false")
    for name, (least, most) in ranges.items():
        value = getattr(workload, name)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            bounds = f"at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"{name} {value!r}: must be a whole number {bounds}")
