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


class Unsupported(WattmarkError):
    """A device cannot run a case, or only by emulation; the message is the reason kept in the record."""
