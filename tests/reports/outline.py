"""A page as a reviewer reads it: what it says, in its order and nesting, without style, script and drawings.

Each element stands on a line of its own under the one that holds it, called as in a style sheet (``p.remark``); a row
of a table is one line. What a pointer is told stands in braces, where a link leads behind an arrow.
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

_EMPTY = {"meta", "link", "input", "br"}
_CELLS = {"td", "th"}
_UNSEEN = {"html", "head", "body", "thead", "tbody", "caption", "script", "style", "title", "desc", *_EMPTY}
_WITHIN = {"a", "span", "code", "small", "sup"}  # a line
# What ends where another one begins, since its own end may be left out.
_ENDS = {"td": _CELLS, "th": _CELLS, "tr": {*_CELLS, "tr"}, "tbody": {*_CELLS, "tr", "thead"}}
_NAMED = "\0"  # ends what an element is called


def outline(page: bytes) -> str:
    """The page in lines."""
    return _Outline(page.decode()).text


class _Outline(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self._lines: list[str] = []
        self._open: list[tuple[str, str]] = []  # elements, each with what is written at its end
        self._ended = True  # whether what follows stands behind an element, and not in its line
        self.feed(page)
        self.close()

    @property
    def text(self) -> str:
        return "".join(re.sub(rf"{_NAMED}\s*$", "", line.rstrip()).replace(_NAMED, ": ") + "\n" for line in self._lines)

    @property
    def _tags(self) -> list[str]:
        return [tag for tag, _ in self._open]

    def _line(self, words: str) -> None:
        depth = sum(tag not in _UNSEEN | _WITHIN for tag in self._tags)
        self._lines.append("  " * depth + words)

    def _say(self, words: str) -> None:
        if self._ended and words.strip():
            self._line("")
            self._ended = False
        if self._lines:
            self._lines[-1] += words

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        while self._open and self._tags[-1] in _ENDS.get(tag, ()):
            self._open.pop()
        given = {name: value or "" for name, value in attrs}
        name = "".join(f".{word}" for word in given.get("class", "").split())
        told = f" {{{given['title']}}}" if "title" in given else ""
        link = re.sub("base64,.*", "base64,…", given.get("href", ""), flags=re.DOTALL)
        end = ""
        if "svg" in self._tags or tag in _UNSEEN:
            pass
        elif tag in _CELLS:
            self._lines[-1] += f" | {f'{name}{told} '.lstrip()}"
        elif tag in _WITHIN:
            before = {"small": " / ", "sup": " ^", "code": "`"}.get(tag, ", " if name == ".unit" else "")
            end = {"code": "`", "a": f" → {link}"}.get(tag, "")
            self._say(f"{before}{told}")
        else:
            self._ended = False
            place = f"#{given['id']}" if "id" in given else ""
            self._line(f"{tag}{name}{place}{' open' if 'open' in given else ''}{told}{_NAMED}")
        if tag not in _EMPTY:
            self._open.append((tag, end))

    def handle_endtag(self, tag: str) -> None:
        while tag in self._tags:
            ended, end = self._open.pop()
            self._say(end)
            self._ended = self._ended or ended == "title" or ended not in _WITHIN | _UNSEEN
            if ended == tag:
                return

    def handle_data(self, data: str) -> None:
        within = self._tags[-2:]
        if within[-1:] == ["pre"]:
            for line in data.splitlines():
                self._line(line)
        elif within in (["svg", "title"], ["svg", "desc"]):
            self._line(f"{within[1]}: {data}")
        elif not {"svg", "script", "style"} & set(self._tags):
            self._say(re.sub(r"\s+", " ", data))
