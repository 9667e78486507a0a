"""The judgement itself as one JSON document, every digit kept; nothing is derived here."""

from __future__ import annotations

from reports.gate.face import Face


def export(face: Face) -> bytes:
    """The document as UTF-8 text; a lone surrogate, which has no such form, is written as its escape."""
    return face.judgement.to_json().encode("utf-8", "backslashreplace")
