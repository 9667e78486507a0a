"""What tells one run or gate from every other: a name with its beginning, and the seed that it draws from."""

from __future__ import annotations

import os
from datetime import UTC, datetime


def stamp(now: datetime | None = None) -> tuple[str, str]:
    """A name that no other run or gate has, and when it began (UTC, ISO 8601); without ``now`` that is this moment."""
    begun = now or datetime.now(UTC)
    return f"{begun:%Y%m%dT%H%M%S}-{os.urandom(2).hex()}", begun.isoformat(timespec="seconds")


def drawn(seed: int | None = None) -> int:
    """The seed that was asked for, or one of 32 bits that the system draws."""
    return int.from_bytes(os.urandom(4), "big") if seed is None else seed
