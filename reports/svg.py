"""Every picture of a report as a file of its own, in SVG that follows the viewer's light or dark theme."""

from __future__ import annotations

import re
from collections.abc import Iterator

from reports.draw import Picture, draw
from reports.report import Report
from reports.styles import style
from reports.text import name_of


def export(report: Report) -> dict[str, bytes]:
    """A file for each picture: the charts and histories, and in the folder ``cases`` those of single cases."""
    look = f"<style>{style('theme.css', 'chart.css')}svg {{ background: var(--paper); }}</style>"
    files: dict[str, bytes] = {}
    for words, picture in _pictures(report):
        drawn = draw(picture).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        whole = re.sub(r"^(<svg [^>]*>)", lambda head: head[1] + look, drawn)
        files[_file(words, files)] = f"{whole}\n".encode()
    return files


def _pictures(report: Report) -> Iterator[tuple[tuple[str, ...], Picture]]:
    """Each picture with the words that its file is called by: that of a case by its folders too."""
    for group in report.charts:
        for picture in group.pictures:
            if not picture.missing:
                yield (f"{picture.title} {picture.subject}",), picture
    for history in report.history:
        yield (f"{history.title} {history.subject}",), history
    for row in report.cases:
        for part in row.pictures:
            yield ("cases", row.full_name, part.title), part


def _file(words: tuple[str, ...], taken: dict[str, bytes]) -> str:
    """A path that every file system takes, and that is not yet taken."""
    name = "/".join(re.sub(r"[^a-z0-9]+", "-", name_of(word.lower(), 80)).strip("-") or "chart" for word in words)
    number = 1
    while f"{name}{'' if number == 1 else f'-{number}'}.svg" in taken:
        number += 1
    return f"{name}{'' if number == 1 else f'-{number}'}.svg"
