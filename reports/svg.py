"""Every chart of a report as a picture of its own, in SVG that follows the viewer's light or dark theme."""

from __future__ import annotations

import re

from reports.draw import draw
from reports.report import Report
from reports.styles import style


def export(report: Report) -> dict[str, bytes]:
    """A file for each chart, called by its title and its problem."""
    pictures = [picture for group in report.charts for picture in group.pictures if not picture.missing]
    look = f"<style>{style('theme.css', 'chart.css')}svg {{ background: var(--paper); }}</style>"
    files: dict[str, bytes] = {}
    for picture in pictures:
        drawn = draw(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        whole = re.sub(r"^(<svg [^>]*>)", lambda head: head[1] + look, drawn)
        files[_file(f"{picture.title} {picture.subject}", files)] = f"{whole}\n".encode()
    return files


def _file(words: str, taken: dict[str, bytes]) -> str:
    """A name that every file system takes, and that is not yet taken."""
    name = re.sub(r"[^a-z0-9]+", "-", words.lower()).strip("-")[:80] or "chart"
    number = 1
    while f"{name}{'' if number == 1 else f'-{number}'}.svg" in taken:
        number += 1
    return f"{name}{'' if number == 1 else f'-{number}'}.svg"
