"""The largest batch that fits, by search."""

from __future__ import annotations

from collections.abc import Callable


def largest(fits: Callable[[int], bool], most: int = 1 << 16) -> int | None:
    """The largest batch size up to ``most`` for which ``fits`` holds, or None where not even 1 fits.

    Doubles until one does not fit, then halves the gap until it is at most a 32nd: exact up to 63 and to 3 % beyond,
    where the last few samples depend on how memory happens to be cut up, and each try builds the model anew. ``fits``
    is asked once for each size, and is taken to be monotonic: what fits at a size fits below it.

    >>> largest(lambda size: size <= 100)
    100
    """
    if not fits(1):
        return None
    low, high = 1, 2
    while high <= most and fits(high):
        low, high = high, high * 2
    high = min(high, most + 1)
    while high - low > max(1, low // 32):
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
