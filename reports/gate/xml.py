"""JUnit XML, which every CI system shows: a test case for each case, its numbers as properties.

A case is regressed (a failure), incomparable (an error), not told (skipped) or passed, by its worst finding.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from reports.axes import case_order
from reports.gate.face import Face, side
from reports.gate.rows import Row
from reports.text import line

_ELEMENTS = {
    "regressed": "failure", "incomparable": "error",
    "suspect": "skipped", "inconclusive": "skipped", "not gated": "skipped",
}  # fmt: skip
_NUMBERS = ("base", "head", "effect", "low", "high", "p", "margin", "smallest", "pairs", "dropped")


def export(face: Face) -> bytes:
    """The document as UTF-8 text."""
    of_case: dict[str, list[Row]] = {}
    for row in sorted(face.rows, key=lambda row: case_order(row.case)):
        of_case.setdefault(row.case.id, []).append(row)
    cases = [_case(rows) for rows in of_case.values()]
    root = Element("testsuites", name="wattmark gate")
    suite = SubElement(root, "testsuite", name="wattmark gate")
    for element in (root, suite):
        _count(element, cases)
        _set_time(element, face.judgement.seconds)
    started = _started(face.judgement.started)
    if started:
        suite.set("timestamp", started)
    about = {"headline": face.headline, "base": side(face.judgement.base), "head": side(face.judgement.head)}
    about |= {"mode": face.judgement.mode, "command": line(face.judgement.command, limit=10_000)}
    _properties(suite, about)
    suite.extend(cases)
    ElementTree.indent(root)
    found: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return found + b"\n"


def _case(rows: Sequence[Row]) -> Element:
    """A case by its rows, the worst of which stands first."""
    worst = rows[0]
    case = Element("testcase", classname=worst.workload, name=worst.rest)
    # The metrics of a case come from the same processes: each finding has the time of them all.
    _set_time(case, max((row.finding.seconds for row in rows if row.finding.seconds is not None), default=None))
    _properties(case, {name: value for row in rows for name, value in _numbers(row).items()})
    kind = _ELEMENTS.get(worst.group)
    if kind:
        guilty = [row for row in rows if row.group == worst.group]
        message = " ".join(row.message for row in guilty)
        found = SubElement(case, kind, message=message)
        if kind == "skipped":
            found.set("message", f"{worst.group}: {message}")
        else:
            found.set("type", worst.group)
            found.text = "\n".join(_told(guilty))
    SubElement(case, "system-out").text = "\n".join(_told(rows))
    return case


def _told(rows: Sequence[Row]) -> Iterator[str]:
    """The rows in sentences, and the command that repeats their case."""
    for row in rows:
        yield f"{row.verdict.text}: {row.change} ({row.evidence})"
        yield from row.reasons
    how = rows[0].repeat
    yield from filter(None, (how.note, how.command))


def _numbers(row: Row) -> dict[str, str]:
    """The verdict and the raw numbers of one metric, in SI units; a number that is absent is left out."""
    metric, finding = line(row.finding.metric), row.finding
    values = {name: getattr(finding, name) for name in _NUMBERS}
    told = {f"{metric}.{name}": repr(value) for name, value in values.items() if value is not None}
    return {f"{metric}.verdict": row.verdict.text, f"{metric}.unit": line(finding.unit), **told}


def _properties(element: Element, values: Mapping[str, str]) -> None:
    properties = SubElement(element, "properties")
    for name, value in values.items():
        SubElement(properties, "property", name=name, value=value)


def _count(element: Element, cases: Sequence[Element]) -> None:
    element.set("tests", str(len(cases)))
    for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.find(kind) is not None for case in cases)))


def _set_time(element: Element, seconds: float | None) -> None:
    if seconds is not None:
        element.set("time", f"{seconds:.6f}")


def _started(text: str) -> str | None:
    """The time as the schema of JUnit has it: UTC, without saying so."""
    try:
        started = datetime.fromisoformat(text)
    except ValueError:
        return None
    return started.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds")
