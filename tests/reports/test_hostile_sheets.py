"""A spreadsheet that computes whatever it takes for a formula finds none in texts that came from outside."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hostile import TEXTS, poisoned
from metered_records import gpu
from test_workbook import SOFFICE, needs_libreoffice, workbook_of

import reports
from reports import Report, build
from reports.text import line

pytestmark = needs_libreoffice

_TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_LINK = "{http://www.w3.org/1999/xlink}href"
# Comma, quotation mark, UTF-8, from line 1; what looks like a number is one, and what looks like a formula is computed.
_CSV = "--infilter=CSV:44,34,76,1,,0,false,true,false,false,false,0,true"


@pytest.fixture(scope="module")
def report() -> Report:
    """A case for each text, with the text in all places."""
    return build([poisoned(gpu(batch_size=size), text) for size, text in enumerate(TEXTS.values(), start=1)])


def opened(folder: Path, name: str, content: bytes, *options: str) -> Element:
    """What LibreOffice has of a file, as one document of XML."""
    folder.joinpath(name).write_bytes(content)
    profile = f"-env:UserInstallation={(folder / 'profile').as_uri()}"
    command = [str(SOFFICE), profile, "--headless", *options, "--convert-to", "fods", "--outdir", str(folder / "out")]
    subprocess.run([*command, str(folder / name)], capture_output=True, timeout=300, check=True)
    return ElementTree.parse((folder / "out" / name).with_suffix(".fods")).getroot()


def formulas(book: Element) -> list[str]:
    return [formula for cell in book.iter() if (formula := cell.get(f"{_TABLE}formula"))]


def forms(book: Element) -> set[str]:
    """The formulas, whatever rows they are in."""
    return {re.sub(r"\d+", "0", formula) for formula in formulas(book)}


def reached(book: Element) -> list[str]:
    """Addresses that a document links to, or takes data from."""
    found = [address for one in book.iter() if (address := one.get(_LINK)) and one.tag.startswith(_TABLE[:-10])]
    return found + [one.tag for one in book.iter() if "dde" in one.tag]


def texts(book: Element) -> set[str]:
    return {"".join(cell.itertext()).strip() for cell in book.iter(f"{_TABLE}table-cell")}


def test_a_spreadsheet_computes_nothing_of_a_tidy_table(report: Report, tmp_path: Path):
    content = reports.exporter(Path("x.csv")).export(report)  # type: ignore[union-attr]

    book = opened(tmp_path, "rows.csv", content, _CSV)

    assert formulas(book) == []
    assert reached(book) == []
    shown = {text.removeprefix("'") for text in texts(book)}
    lost = [name for name, text in TEXTS.items() if " ".join(line(text).split()) not in shown]
    assert lost == [
        "large"
    ]  # which is a number to a spreadsheet, if too large a one: a tidy table cannot say otherwise


def test_a_spreadsheet_computes_no_formula_of_a_plan_but_ours(report: Report, tmp_path: Path):
    calm = build([poisoned(gpu(batch_size=size), f"calm{size:02}") for size in range(1, 9)])

    book, usual = (opened(tmp_path, f"plan{at}.xlsx", workbook_of(one)) for at, one in enumerate((report, calm)))

    assert forms(book) == forms(usual)
    assert reached(book) == reached(usual) == []
    assert [name for name, text in TEXTS.items() if " ".join(line(text).split()) not in texts(book)] == []


def test_a_formula_that_is_not_quoted_would_be_computed(tmp_path: Path):
    book = opened(tmp_path, "raw.csv", b'a,b\n=1+1,"=HYPERLINK(""http://evil.example"",""x"")"\n', _CSV)

    assert len(formulas(book)) == 2
