"""JSON made into our dataclasses: the one reader of what `dataclasses.asdict` wrote, which says what does not fit."""

from __future__ import annotations

from typing import Any, TypeVar

T = TypeVar("T")

Number = int | float  # JSON has both: what was written as a whole number stays one


def typed(data: Any, kind: type[T]) -> T:
    """The dataclass that some JSON is of, checked down to its last number; what it has no field for is passed over.

    Raises:
        ValueError: something does not fit, as in "Expected `float`, got `str` - at `$.samples[0].seconds`".
    """
    import msgspec  # here, since the arms of a gate import this module, and their environments need not have it

    return msgspec.convert(data, type=kind)
