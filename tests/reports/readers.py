"""Reads outputs back as the programs do that they are made for: what those see as structure, and the texts in it."""

from __future__ import annotations

import csv
import importlib
import io
import json
import pkgutil
import re
import tomllib
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from prometheus_client.parser import text_string_to_metric_families

from reports.text import FORMULA, line


@dataclass(frozen=True)
class Read:
    """What a program makes of an output. ``structure`` is all that is no text."""

    structure: Any
    texts: list[str]


def known(package: str) -> set[str]:
    """The exporters of a package: its modules that lay something out, or send it."""
    folder = importlib.import_module(package).__path__
    modules = (importlib.import_module(f"{package}.{module.name}") for module in pkgutil.iter_modules(folder))
    return {module.__name__ for module in modules if hasattr(module, "export") or hasattr(module, "send")}


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, its texts, its links, and whatever else it holds."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: Counter[tuple[str, ...]] = Counter()
        self.classes: set[str] = set()
        self.links: list[str] = []
        self.texts: list[str] = []
        self.others: list[str] = []
        self._within: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within.append(tag)
        self.elements[tag, *sorted(name for name, _ in attrs)] += 1
        given = {name: value or "" for name, value in attrs}
        self.classes |= set(given.get("class", "").split())
        self.links += [given[name] for name in ("href", "src") if name in given]
        self.texts += [given[name] for name in ("title", "aria-label") if name in given]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._within:
            while self._within.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self._within):
            self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.others += [data] if data.strip() else []

    def handle_decl(self, decl: str) -> None:
        self.others.append(decl)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)


def html(content: bytes, text: str) -> Read:
    """A page. Whether a command stands in it depends on what a shell can read."""
    page = Page(content.decode())
    links = {re.sub(r"(?<=[#-])[-\w]*$|;base64,.*", "", link, flags=re.DOTALL) for link in page.links}
    once = [page.elements[tag,] for tag in ("script", "style", "title")]
    return Read([set(page.elements) - {("pre", "tabindex")}, once, page.classes, links, page.others], page.texts)


# What GitHub makes of a text after it has read the Markdown: mentions, references and pictures.
_LATER = re.compile(r"(?<!\w)@\w|#\d|(?i:\bgh-\d)|:(?:[a-z][\w+-]*|100|1234|8ball|[+-]1):")
_CODE = re.compile(r"<(code|pre)\b.*?</\1>", re.DOTALL)
_INLINE = {"code", "pre", "p"}


def markdown(content: bytes, text: str) -> Read:
    """As GitHub reads it, by its own program. What is code is no structure of ours."""
    cmark = pytest.importorskip("cmarkgfm")
    unsafe = cmark.Options.CMARK_OPT_UNSAFE  # with the tags that GitHub takes out afterwards
    shown = cmark.github_flavored_markdown_to_html(content.decode(), options=unsafe)
    outside = Page(_CODE.sub("", shown))
    later = [found for part in outside.texts for found in _LATER.findall(part)]
    blocks = {element: count for element, count in outside.elements.items() if element[0] not in _INLINE}
    codes = ["".join(Page(code[0]).texts) for code in _CODE.finditer(shown)]
    return Read([blocks, later, Page(shown).links, Page(shown).others], [*outside.texts, *codes])


_COUNTED = {"batch_size", "value", "low", "high", "replicates", "samples", "error"}


def table(content: bytes, text: str) -> Read:
    """As a spreadsheet takes it: a cell that begins like a formula is one."""
    lines = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    head, *rows = lines
    cells = [(name, cell) for row in rows for name, cell in zip(head, row, strict=True)]
    counted = Counter(
        (name, bool(cell), bool(cell) and float(cell) > -1e300) for name, cell in cells if name in _COUNTED
    )
    texts = [*head, *(cell for name, cell in cells if name not in _COUNTED)]
    begun = [cell for cell in texts if cell.startswith((*FORMULA, "\t", "\r", "\n"))]
    return Read([len(head), len(set(head)), len(rows), counted, begun], [cell.removeprefix("'") for cell in texts])


def document(content: bytes, text: str) -> Read:
    """JSON, in which there are no numbers that JSON has not."""
    found = json.loads(content.decode(), parse_constant=_refuse)
    return Read(_shape(found, line(text)[:60]), list(_strings(found)))


def toml(content: bytes, text: str) -> Read:
    """A file of inputs."""
    found = tomllib.loads(content.decode())
    return Read(_shape(found, line(text)[:60]), list(_strings(found)))


def benchmarks(content: bytes, text: str) -> Read:
    """Cases by their names, each with its measures."""
    found = json.loads(content.decode(), parse_constant=_refuse)
    return Read([len(found), Counter(repr(_shape(one, line(text)[:60])) for one in found.values())], list(found))


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _shape(part: Any, text: str) -> Any:
    """Of a document everything but its texts and numbers; a name that has the text in it is a text too."""
    if isinstance(part, dict):
        return sorted(("?" if text in line(name) else name, repr(_shape(value, text))) for name, value in part.items())
    return [_shape(value, text) for value in part] if isinstance(part, list) else type(part).__name__


def _strings(part: Any) -> Iterator[str]:
    if isinstance(part, str):
        yield part
    elif isinstance(part, dict):
        yield from part
        yield from (text for value in part.values() for text in _strings(value))
    elif isinstance(part, list):
        yield from (text for value in part for text in _strings(value))


_COLOUR = re.compile(r"\x1b\[[\d;]*m")


def terminal(content: bytes, text: str) -> Read:
    """As a terminal takes it: colours are ours, and nothing else is a command. A text may be broken anywhere."""
    shown = _COLOUR.sub("", content.decode())
    commands = [character for character in shown if not (character.isprintable() or character in "\n\u202f")]
    return Read([set(_COLOUR.findall(content.decode())), commands], [re.sub(r"\s", "", shown)])


def xml(content: bytes, text: str) -> Read:
    """Any XML."""
    root = ElementTree.fromstring(content)
    elements = Counter((one.tag, *sorted(one.attrib)) for one in root.iter())
    return Read(elements, [text for one in root.iter() for text in (one.text or "", *one.attrib.values())])


def pictures(files: Mapping[str, bytes], text: str) -> Read:
    """Pictures by their names, which every file system takes."""
    assert all(re.fullmatch(r"(cases/[a-z0-9-]{1,80}/)?[a-z0-9][a-z0-9-]{0,90}\.svg", name) for name in files)
    parts = [xml(content, text) for content in files.values()]
    return Read(
        [len(files), {element for part in parts for element in part.structure}],
        [text for part in parts for text in part.texts],
    )


def gauges(content: bytes, text: str) -> Read:
    """As Prometheus reads them: no two samples are the same one."""
    families = text_string_to_metric_families(content.decode())
    samples = [sample for family in families for sample in family.samples]
    assert len({(sample.name, *sorted(sample.labels.items())) for sample in samples}) == len(samples)
    names = Counter((sample.name, *sample.labels) for sample in samples)
    comments = Counter(line.split(" ")[1] for line in content.decode().splitlines() if line.startswith("#"))
    return Read([names, comments], [value for sample in samples for value in sample.labels.values()])


def workbook(content: bytes, text: str) -> Read:
    """As a spreadsheet takes it, and every part of the file as XML."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        inside = {name: ElementTree.fromstring(parts.read(name)) for name in parts.namelist()}
    outside = [one.attrib for root in inside.values() for one in root.iter() if one.get("TargetMode")]
    book = openpyxl.load_workbook(io.BytesIO(content))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    formulas = Counter(cell.value for cell in cells if cell.data_type == "f")
    texts = [cell for cell in cells if cell.data_type == "s"]
    bare = [cell.value for cell in texts if cell.value.startswith(FORMULA) and not cell.quotePrefix]
    links = [cell.hyperlink for cell in cells if cell.hyperlink]
    kinds = Counter((cell.parent.title, cell.data_type) for cell in cells)
    names = {name: value.attr_text for name, value in book.defined_names.items()}
    return Read([set(inside), outside, formulas, bare, links, kinds, names], [cell.value for cell in texts])


def annotations(lines: list[str], text: str) -> Read:
    """Lines of GitHub's log: each is one command."""
    found = [re.fullmatch(r"::(error|warning) title=([^:,\r\n]*)::([^\r\n]*)", line) for line in lines]
    codes = re.compile("%(25|0D|0A|3A|2C)")
    texts = [codes.sub(lambda code: chr(int(code[1], 16)), match[2] + match[3]) for match in found if match]
    assert not any("%" in codes.sub("", match[2] + match[3]) for match in found if match)
    return Read([match and match[1] for match in found], texts)
