"""The largest batch that fits, by search."""

from __future__ import annotations

from collections.abc import Callable


def largest(fits: Callable[[int], bool], most: int = 1 << 16) -> int | None:
    """The largest batch size up to ``most`` for which ``fits`` holds, or None where not even 1 fits.

    Doubles until one does not fit, then halves the gap. ``fits`` is asked once for each size, and is taken to be
    monotonic: what fits at a size fits below it.

    >>> largest(lambda size: size <= 100)
    100
    """
    if not fits(1):
        return None
    low, high = 1, 2
    while high <= most and fits(high):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
