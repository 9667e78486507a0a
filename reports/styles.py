"""The style sheets of pages and pictures, as they stand beside the templates."""

from __future__ import annotations

from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


def style(*names: str) -> str:
    """Style sheets, one after another."""
    return "".join(TEMPLATES.joinpath(name).read_text(encoding="utf-8") for name in names)
