"""All faces of a gate from one wording: they agree, and each keeps its format's rules."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

import pytest
from hostile import TEXTS
from made_judgements import (
    COMMAND,
    ENERGY,
    FASTER,
    HEAD_DIED,
    MISSING,
    MODES,
    NOT_GATED,
    SAME,
    SAME_MEMORY,
    SLOWER,
    UNCERTAIN,
    case,
    hostile,
    judgement,
    paired,
)
from test_formats import Text

import reports.gate
from bench.errors import SpecError
from bench.judge.finding import Finding, Judgement
from bench.typed import typed
from reports.gate import annotation_lines, build
from reports.md import escape

FORMATS = ("html", "json", "md", "terminal", "xml")


def exported(found: Judgement, suffix: str) -> bytes:
    return reports.gate.exporter(Path(f"gate.{suffix}")).export(build(found))


def junit(found: Judgement) -> Element:
    """The document, if it is one by the schema of JUnit."""
    root = ElementTree.fromstring(exported(found, "xml"))
    valid(root)
    return root


# What may stand in an element: its attributes, with a pattern each (optional ones with a ?), and its children in order.
TIME = r"\d+\.\d+"
COUNT = r"\d+"
COUNTS = {"tests": COUNT, "failures": COUNT, "errors": COUNT, "skipped": COUNT, "time?": TIME}
SCHEMA: dict[str, tuple[dict[str, str], str]] = {
    "testsuites": ({"name": ".+", **COUNTS}, "(testsuite )*"),
    "testsuite": ({"name": ".+", "timestamp?": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", **COUNTS}, "properties (testcase )*"),
    "testcase": ({"classname": ".+", "name": ".+", "time?": TIME}, "properties ((skipped|error|failure) )?system-out "),
    "properties": ({}, "(property )+"),
    "property": ({"name": ".+", "value": ".*"}, ""),
    "failure": ({"type": "regressed", "message": ".+"}, ""),
    "error": ({"type": "incomparable", "message": ".+"}, ""),
    "skipped": ({"message": ".+"}, ""),
    "system-out": ({}, ""),
}


def valid(element: Element) -> None:
    attributes, children = SCHEMA[element.tag]
    known = {name.removesuffix("?") for name in attributes}
    assert set(element.attrib) <= known
    assert {name for name in attributes if not name.endswith("?")} <= set(element.attrib)
    for name, pattern in attributes.items():
        value = element.get(name.removesuffix("?"))
        assert value is None or re.fullmatch(pattern, value, re.DOTALL), (element.tag, name, value)
    assert re.fullmatch(children.rstrip() + " ?", "".join(f"{child.tag} " for child in element)), element.tag
    if element.tag == "testsuite":
        cases = element.findall("testcase")
        assert int(element.attrib["tests"]) == len(cases)
        for name, kind in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.attrib[name]) == len(element.findall(f"testcase/{kind}"))
        assert max(Counter((one.get("classname"), one.get("name")) for one in cases).values(), default=1) == 1
    for child in element:
        valid(child)


def test_the_check_of_the_schema_says_no():
    good = exported(paired(), "xml").decode()
    for old, new in (
        ('failures="3"', 'failures="2"'),
        ('type="regressed"', 'type="slow"'),
        ("<skipped ", "<ignored "),
        (' classname="bert:Classify"', ""),
        ('time="41.500000"', 'time="soon"'),
    ):
        assert old in good
        with pytest.raises((AssertionError, KeyError)):
            valid(ElementTree.fromstring(good.replace(old, new).encode()))


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_every_face(mode: str):
    for suffix in FORMATS:
        assert exported(MODES[mode](), suffix)
    junit(MODES[mode]())


@pytest.mark.parametrize("mode", MODES)
def test_the_headline_and_the_meaning_of_the_exit_code_stand_in_every_face(mode: str):
    face = build(MODES[mode]())
    page = Text(exported(MODES[mode](), "html"))

    assert face.headline in page.text
    assert face.meaning in page.text
    assert escape(face.headline) in exported(MODES[mode](), "md").decode()
    assert face.headline in exported(MODES[mode](), "terminal").decode()
    assert junit(MODES[mode]()).find("testsuite/properties/property[@name='headline']").get("value") == face.headline
    assert json.loads(exported(MODES[mode](), "json"))["exit_code"] == face.judgement.exit_code


def test_the_same_number_has_the_same_text_in_every_face():
    page = Text(exported(paired(), "html"))
    texts = {name: exported(paired(), name).decode() for name in ("md", "terminal")}
    told = "\n".join(element.text or "" for element in junit(paired()).iter("system-out"))

    for row in build(paired()).rows:
        for cell in (row.base, row.head, row.effect, row.interval):
            if not cell.absent:
                assert cell.full in page.cells
                assert cell.full in texts["md"]
                assert row.finding.verdict == "incomparable" or cell.full in told
        for cell in (row.effect, row.interval):
            assert cell.absent or row.finding == SAME_MEMORY or cell.full in texts["terminal"]


def test_json_and_junit_hold_the_raw_numbers_of_the_judgement():
    found = json.loads(exported(paired(), "json"))
    properties = {
        (one.get("classname"), one.get("name"), of.get("name")): of.get("value")
        for one in junit(paired()).iter("testcase")
        for of in one.iter("property")
    }

    assert Judgement.from_json(exported(paired(), "json").decode()) == paired()
    for row, raw in ((row, row.finding) for row in build(paired()).rows):
        twin = next(one for one in found["findings"] if typed(one, Finding) == raw)
        for name in ("effect", "low", "high", "p", "smallest", "base", "head"):
            told = properties.get((row.workload, row.rest, f"{raw.metric}.{name}"))
            assert twin[name] == getattr(raw, name) == (None if told is None else float(told))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("mode", MODES)
def test_no_face_says_nan_infinity_or_none(mode: str, suffix: str):
    content = exported(MODES[mode](), suffix).decode()
    words = set(re.sub(r"[\"<>,()]", " ", content).split())

    assert words.isdisjoint({"NaN", "nan", "inf", "-inf", "Infinity", "None", "+nan", "-0.0"})


def test_a_number_that_is_none_cannot_be_written_as_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        exported(judgement(replace(SLOWER, p=float("nan"))), "json")


def test_the_terminal_sums_up_the_counts_that_are_equal_and_lists_those_that_are_not():
    more = replace(SAME_MEMORY, head=802_000_000.0, effect=0.00125, margin=0.01)

    equal = exported(judgement(SAME_MEMORY, replace(SAME_MEMORY, metric="operators")), "terminal").decode()
    within = exported(judgement(SAME_MEMORY, more), "terminal").decode()
    from_none = replace(SAME_MEMORY, metric="faults", base=0.0, head=1.0, effect=None)

    assert "Counted and equal, 2 in 1 case: peak memory, operators." in equal
    assert "801" not in equal
    assert "Counted and equal, 1 in 1 case: peak memory." in within
    assert "Peak memory 0.1 % more" in within
    assert "equal" not in exported(judgement(from_none), "terminal").decode()


@pytest.mark.parametrize("mode", MODES)
def test_the_terminal_fits_100_columns(mode: str):
    lines = exported(MODES[mode](), "terminal").decode().splitlines()

    assert max(map(len, lines)) <= 100
    assert not any("…" in line for line in lines)


def test_the_terminal_breaks_no_number_and_ends_with_the_outcome():
    long = replace(SLOWER, case=case(f"module:{'Long' * 20}"), metric="long" * 20)
    text = exported(judgement(long), "terminal").decode()

    assert "3.12 % more +2.14 % to +4.04 %\n" in text
    assert "10.21 ms to 10.53 ms" in text
    text = exported(paired(), "terminal").decode()
    assert "Wattmark gate: regressed: 3 of 8 cases" in text.splitlines()[-4:-3][0]


@pytest.mark.parametrize("length", range(1, 40, 4))
def test_the_command_in_the_terminal_can_be_copied(length: int):
    axes = {"axis" * 4: 1, "a" * length: 1, "axis" * 8: 1, "axis" * 6: 1}
    found = [replace(SLOWER, case=case(**{**axes, "axis_z": size})) for size in range(2)]
    given = judgement(*found, command=f"wattmark gate --base main {' '.join(f'--set {name}=1' for name in axes)}")

    blocks = re.findall(r"^    wattmark gate .*?[^\\]$", exported(given, "terminal").decode(), re.MULTILINE | re.DOTALL)

    told = [" ".join(block.replace("\\\n", " ").split()) for block in blocks]
    assert told == [row.repeat.command for row in build(given).rows]


def test_the_terminal_tells_few_enough_to_be_read():
    many = [replace(UNCERTAIN, case=case(batch_size=size)) for size in range(1, 31)]

    text = exported(judgement(*many), "terminal").decode()

    assert text.count("The interval holds changes of up to 7.9 %.") == 20
    assert "and 10 more, which the other formats tell" in text


def test_junit_has_one_test_case_a_case_by_its_worst_finding():
    found = {
        one.get("classname"): [child.tag for child in one if child.tag not in ("properties", "system-out")]
        for one in junit(judgement(SLOWER, MISSING, UNCERTAIN, SAME_MEMORY, SAME)).iter("testcase")
    }

    assert found == {
        "bert:Pretrain": ["failure"],
        "wav2vec2:Pretrain": ["error"],
        "resnet:Classify": ["skipped"],
        "bert:Classify": [],
    }


def test_junit_says_what_could_have_been_missed_where_nothing_is_proven():
    message = next(junit(judgement(UNCERTAIN)).iter("skipped")).get("message")

    assert message is not None
    assert message.startswith("inconclusive: time per step 1.7 % slower")
    assert "smallest effect that would have been found: 9.8 %" in message
    assert UNCERTAIN.reasons[0] in message


def test_a_failure_names_its_cause_and_the_command_that_repeats_it():
    case_ = next(junit(judgement(HEAD_DIED)).iter("testcase"))

    assert HEAD_DIED.reasons[0] in case_.find("failure").get("message")
    assert "-w resnet:Classify --device cpu" in case_.find("failure").text


def test_a_case_that_is_not_gated_does_not_fail_a_build():
    root = junit(judgement(NOT_GATED, SAME))

    assert (root.get("failures"), root.get("skipped"), root.get("tests")) == ("0", "1", "2")


def test_the_time_of_a_case_is_not_counted_once_for_each_metric():
    (one,) = junit(judgement(SAME, SAME_MEMORY)).iter("testcase")

    assert float(one.get("time")) == SAME.seconds
    assert "time" not in next(junit(judgement(replace(SAME, seconds=None))).iter("testcase")).attrib


def test_the_name_of_a_case_does_not_depend_on_what_else_was_gated():
    def names(*found: Finding) -> set[str]:
        return {f"{one.get('classname')} {one.get('name')}" for one in junit(judgement(*found)).iter("testcase")}

    assert names(SLOWER) < names(SLOWER, replace(SAME, case=case(layers=12, size="base")))


def test_a_time_that_is_none_is_left_out():
    assert "timestamp" not in next(junit(judgement(SAME, started="yesterday")).iter("testsuite")).attrib


def test_markdown_begins_with_the_regressed_their_causes_and_commands():
    text = exported(paired(), "md").decode()

    assert text.startswith("## Wattmark gate: regressed: 3 of 8 cases\n")
    assert text.index("### Regressed (4)") < text.index("Operators: 412") < text.index("### Incomparable (1)")
    blocks = re.findall(r"^```shell\n(.*)\n```$", text, re.MULTILINE)
    assert blocks == [row.repeat.command for row in build(paired()).of("regressed")]
    assert "<details><summary>Unchanged (2)</summary>\n\n|" in text


@pytest.mark.parametrize("mode", MODES)
def test_markdown_tables_have_the_same_number_of_columns_in_every_row(mode: str):
    block: list[int] = []
    for line in [*exported(MODES[mode](), "md").decode().splitlines(), ""]:
        if line.startswith("|"):
            block.append(line.count("|"))
        else:
            assert len(set(block)) <= 1
            block = []


def test_a_number_that_is_absent_without_a_reason_of_its_finding_has_a_footnote():
    text = exported(judgement(SAME, SAME_MEMORY), "md").decode()

    assert "| —<sup>1</sup> |" in text
    assert "<sup>1</sup> counted, so that nothing is estimated" in text
    assert "No p: no test was made." in text
    assert "<sup>" not in exported(judgement(ENERGY, replace(UNCERTAIN, p=0.2)), "md").decode()


def test_markdown_shows_fifty_findings_and_says_how_many_more_there_are():
    many = [replace(SAME, case=case(batch_size=size)) for size in range(1, 120)]

    text = exported(judgement(SLOWER, *many), "md").decode()

    assert len(re.findall(r"^\| bert", text, re.MULTILINE)) == 49
    assert "and 70 more findings, in gate.json" in text
    assert "more findings" not in exported(paired(), "md").decode()


def test_markdown_stays_far_below_what_github_takes_however_long_its_texts_are():
    long = [replace(SLOWER, case=case(batch_size=size), reasons=("<" * 3000,) * 20) for size in range(1, 60)]

    content = exported(judgement(*long, notes=("`" * 5000,) * 100), "md")

    assert len(content) < 500_000
    assert b"more findings, in gate.json" in content
    assert content.startswith(b"## Wattmark gate: regressed: 59 of 59 cases")


def test_annotations_are_at_most_ten_the_regressed_first():
    many = [replace(SLOWER, case=case(batch_size=size)) for size in range(1, 9)]
    many += [replace(UNCERTAIN, case=case(batch_size=size)) for size in range(1, 9)]

    lines = annotation_lines(build(judgement(SAME, *many, FASTER)))

    assert [line.partition(" ")[0] for line in lines] == ["::error"] * 8 + ["::warning"] * 2
    assert lines[-1] == "::warning title=wattmark gate::and 7 more findings, which the report has"
    assert len(annotation_lines(build(judgement(*many[:10])))) == 10
    assert annotation_lines(build(judgement(SAME, FASTER, NOT_GATED))) == []


def test_an_annotation_is_one_line_in_githubs_escaping():
    (line,) = annotation_lines(build(judgement(SLOWER)))

    title, _, message = line.removeprefix("::error title=").partition("::")
    assert title == "regressed%3A bert%3APretrain · cpu · fp32 · batch 8"
    assert message.startswith("time per step 3.12 %25 slower, from 10.21 ms to 10.53 ms (95 %25 interval +2.14 %25 to")
    assert "%0ARepeat: wattmark gate --base main quick --data generated -w bert:Pretrain" in message


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_junit_keeps_its_schema_whatever_its_texts_are(text: str):
    junit(hostile(text))


def test_hostile_text_still_shows_as_it_was_written():
    found = hostile("<b>&amp;]]></b>")

    assert "<b>&amp;]]></b>" in Text(exported(found, "html")).text
    assert "<b>&amp;]]></b>" in {one.get("classname") for one in junit(found).iter("testcase")}
    assert "<b>&amp;]]></b>" in exported(found, "terminal").decode()


def test_faces_are_found_by_suffix_and_written_whole(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]):
    paths = [tmp_path / "new" / f"gate.{suffix}" for suffix in ("html", "md", "json", "xml")]

    reports.gate.write(build(paired()), [*paths, Path("json")])

    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(path.name for path in paths)
    assert capfdbinary.readouterr().out == (tmp_path / "new" / "gate.json").read_bytes()


def test_an_unknown_suffix_lists_the_known_ones_and_nothing_is_written(tmp_path: Path):
    with pytest.raises(SpecError, match=r"one of html, json, md, terminal, xml$"):
        reports.gate.write(build(paired()), [tmp_path / "gate.md", tmp_path / "gate.xlsx"])
    with pytest.raises(SpecError, match="no exporter 'rows'"):
        reports.gate.write(build(paired()), [Path("rows")])
    with pytest.raises(SpecError, match="no exporter 'gate'"):
        reports.exporter(Path("x.gate"))

    assert list(tmp_path.iterdir()) == []


def test_the_command_is_where_it_was_given():
    assert COMMAND in Text(exported(paired(), "html")).text
