"""What can go wrong that the user, and not the code, has to mend."""

from __future__ import annotations


class WattmarkError(Exception):
    """Base of the errors that Wattmark raises on purpose."""


class SpecError(WattmarkError):
    """The user's input is wrong: one line that says what, where, and what would be right.

    The command line prints it without a traceback and exits with code 2.
    """


class Unavailable(WattmarkError):
    """A meter, device feature or input cannot be had here; the message is the reason kept in the record."""


class Inapplicable(Unavailable):
    """A meter is for other devices than this one, so that its reason tells less than that of a meter for it."""


class Unsupported(WattmarkError):
    """A device cannot run a case, or only by emulation; the message is the reason kept in the record."""


class Occupied(WattmarkError):
    """Somebody else uses the machine, which was to be measured alone; the message says who and how much."""


def in_one_line(error: Exception) -> str:
    """The reason that a record keeps where an exception costs one of its parts: its type and its first line."""
    return f"{type(error).__name__}: {(str(error).strip().splitlines() or ['no message'])[0]}"
