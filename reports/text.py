"""Strings that came with a record, made harmless before they enter a cell.

Names, reasons and stderr are written by other programs. Escape sequences would move a terminal's cursor, a
right-to-left override would turn a line around, a lone surrogate cannot be encoded. What is left afterwards is
printable text, which each exporter still quotes by the rules of its own format.
"""

from __future__ import annotations

import hashlib
import re
import sys
import unicodedata
from functools import lru_cache

# What a spreadsheet takes for the beginning of a formula, the wide forms where its language has them.
FORMULA = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")

# Control sequences of ECMA-48: CSI ... final byte, and OSC ... ended by BEL or ST.
_SEQUENCE = re.compile(r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|\x1b\].*?(?:\x07|\x1b\\)", re.DOTALL)
_HIDDEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}


@lru_cache(maxsize=10_000, typed=True)  # a report says the same words of many cases; True is not 1.0
def line(text: object, limit: int = 500) -> str:
    """One printable line of at most ``limit`` characters; what cannot be printed is shown as its escape.

    >>> line("a\\nb\\x1b[31m!")
    'a\\\\nb!'
    """
    shown = str(text).strip()
    if not shown.isprintable():
        shown = "".join(map(_visible, _SEQUENCE.sub("", shown).strip()))
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


@lru_cache(maxsize=10_000, typed=True)
def name_of(text: object, limit: int = 200) -> str:
    """A name on one printable line: where it must be cut, it ends in a hash, so that no two names become one.

    >>> name_of("bert:Pretrain"), name_of("x" * 300, limit=12)
    ('bert:Pretrain', 'xxx…0d4e2ca9')
    """
    whole = line(text, limit=sys.maxsize)
    if len(whole) <= limit:
        return whole
    return f"{whole[: limit - 9]}…{hashlib.sha256(whole.encode()).hexdigest()[:8]}"


def tail(text: str, lines: int = 30, limit: int = 6000) -> str:
    """The last lines of a program's output; of a line that a progress bar redrew, the last state."""
    kept = _SEQUENCE.sub("", text[-4 * limit :]).rstrip().split("\n")[-lines:]
    states = (entry.rstrip("\r").rpartition("\r")[2] for entry in kept)
    return "\n".join("".join(map(_visible, state.expandtabs(4))) for state in states)[-limit:]


def _visible(character: str) -> str:
    code = ord(character)
    if code & 0xFFFE != 0xFFFE and unicodedata.category(character) not in _HIDDEN:
        return character
    if character in "\n\r\t":
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
