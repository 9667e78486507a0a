"""JSON made into our dataclasses: the one reader of what `dataclasses.asdict` wrote, which says what does not fit."""

from __future__ import annotations

import json
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

Number = int | float  # JSON has both: what was written as a whole number stays one
LARGEST, _DIGITS = 1e100, 100  # nothing that was measured is larger, in any unit of ours


def parsed(text: str) -> Any:
    """What a JSON text says.

    Raises:
        ValueError: it is none, or a number in it is NaN, infinite or as good as that: sums of smaller ones are finite.
    """
    return json.loads(text, parse_constant=_refuse, parse_float=_float, parse_int=_int)


def document(text: str, schema: str) -> dict[str, Any]:
    """What a document of ours says, which names its schema.

    Raises:
        ValueError: it is not JSON as `parsed` wants it, or of another schema.
    """
    try:
        data = parsed(text)
    except ValueError as error:
        raise ValueError(f"not JSON ({error})") from error
    found = data.get("schema") if isinstance(data, dict) else None
    if found != schema:
        raise ValueError(f"its schema is {found!r}")
    return dict(data)


def typed(data: Any, kind: type[T]) -> T:
    """The dataclass that some JSON is of, checked down to its last number; what it has no field for is passed over.

    Raises:
        ValueError: something does not fit, as in "Expected `float`, got `str` - at `$.samples[0].seconds`".
    """
    import msgspec  # here, since the arms of a gate import this module, and their environments need not have it

    return msgspec.convert(data, type=kind)


def _float(text: str) -> float:
    number = float(text)
    return number if -LARGEST < number < LARGEST else _refuse(text)


def _int(text: str) -> int:
    return int(text) if len(text) <= _DIGITS else _refuse(text)


def _refuse(number: str) -> NoReturn:
    raise ValueError(f"{number[:40]} is no number that was measured")
