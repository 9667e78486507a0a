"""The outcome in one line, the order of findings, and the command that repeats one case."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest
from hostile import TEXTS
from made_judgements import (
    COMMAND,
    FASTER,
    HEAD_DIED,
    MISSING,
    MODES,
    MORE_MEMORY,
    NOT_GATED,
    SAME,
    SAME_MEMORY,
    SLOWER,
    UNCERTAIN,
    calibrated,
    case,
    hostile,
    judgement,
    nothing,
    paired,
    stored,
)

from bench.case import Case
from bench.judge.finding import VERDICTS, Finding
from bench.matrix import Override, expand, load, override
from bench.run import axes_of
from reports.gate import build
from reports.gate.repeat import repeat


def test_the_regressed_come_first_and_what_decides_nothing_last():
    groups = [row.group for row in build(paired()).rows]

    assert list(dict.fromkeys(groups)) == [
        *("regressed", "incomparable", "inconclusive", "improved", "unchanged", "not gated")
    ]
    assert groups == sorted(groups, key=[*VERDICTS, "not gated"].index)


def test_the_largest_change_comes_first_and_what_failed_before_it():
    shown = [row.finding for row in build(judgement(SLOWER, MORE_MEMORY, HEAD_DIED)).rows]

    assert shown == [HEAD_DIED, MORE_MEMORY, SLOWER]


def test_the_order_does_not_depend_on_the_order_of_measuring():
    one, other = (build(judgement(*found)) for found in (paired().findings, paired().findings[::-1]))

    assert one.rows == other.rows


@pytest.mark.parametrize(
    ("findings", "headline", "code"),
    [
        ([SLOWER, MORE_MEMORY, SAME, HEAD_DIED], "regressed: 2 of 3 cases", 1),
        ([SLOWER, MISSING], "regressed: 1 of 2 cases", 1),
        ([SAME, SAME_MEMORY, FASTER], "passed: 2 of 2 cases unchanged or improved", 0),
        ([SAME], "passed: 1 of 1 case unchanged or improved", 0),
        ([SAME, NOT_GATED], "passed: 1 of 2 cases unchanged or improved, 1 not gated", 0),
        ([SAME, UNCERTAIN, MISSING], "cannot tell: 1 incomparable, 1 inconclusive of 3 cases", 3),
        ([], "cannot tell: nothing was compared", 3),
    ],
)
def test_the_headline_counts_cases_and_agrees_with_the_exit_code(findings: list[Finding], headline: str, code: int):
    face = build(judgement(*findings))

    assert face.headline == headline
    assert face.meaning.startswith(f"Exit code {code}: ")
    assert face.judgement.exit_code == code


def test_a_case_that_got_slower_and_smaller_is_one_regressed_case():
    smaller = replace(MORE_MEMORY, verdict="improved", effect=-0.1)

    assert build(judgement(SLOWER, smaller)).headline == "regressed: 1 of 1 case"


def test_a_case_that_is_not_gated_is_never_red():
    (row,) = build(judgement(NOT_GATED)).rows

    assert row.group == "not gated"
    assert row.verdict.text == "regressed, not gated"
    assert row.verdict.tone == "plain"
    assert row.reasons == (
        "Calibration has shown that this machine cannot see a change of the margin's size here, so it is never red.",
    )


def test_the_evidence_says_what_is_known_and_what_could_have_been_missed():
    rows = build(judgement(SLOWER, UNCERTAIN)).rows

    assert [row.evidence for row in rows] == [
        "95 % interval +2.14 % to +4.04 %, p = 0.00098, 10 pairs, 2 dropped, margin ±3 %",
        "95 % interval -4.1 % to +7.9 %, 6 pairs, 1 dropped, margin ±3 %, "
        "smallest effect that would have been found: 9.8 %",
    ]


def test_a_count_says_so_and_whether_it_may_differ():
    faults = replace(SAME_MEMORY, metric="faults", unit="1", base=64.0, head=66.0, effect=2 / 64, margin=0.05)
    rows = build(judgement(SAME_MEMORY, faults)).rows

    assert [(row.change, row.evidence) for row in rows] == [
        ("faults 3.1 % more, from 64 to 66", "counted, margin ±5 %"),
        ("peak memory equal, 801 MB", "counted, exact"),
    ]
    assert rows[0].metric.note == "Minor page faults that every step costs again."


def test_levels_of_what_is_not_comparable_are_not_put_side_by_side_in_a_sentence():
    (row,) = build(judgement(replace(SLOWER, verdict="incomparable", effect=None))).rows

    assert row.change == "time per step: not compared"


def test_calibration_counts_false_alarms_in_both_directions():
    assert build(calibrated()).headline == "1 false alarm in 2 cases, base against itself"
    assert build(judgement(SAME, mode="aa")).headline == "no false alarms in 1 case, base against itself"


def test_sides_are_called_by_name_and_revision():
    assert build(paired()).subtitle.startswith("Head HEAD (9c75e82f00c1) against base main (26d7ec5f00c1): base and")
    assert build(nothing()).subtitle.startswith("Head not named against base not named")


def test_cases_are_told_apart_by_what_varies_and_named_in_full_beside():
    found = [replace(SAME, case=case(layers=layers, size="tiny")) for layers in (2, 4)]

    rows = build(judgement(*found)).rows

    assert [row.full_name for row in rows] == [f"bert:Pretrain layers={n} · cpu · fp32 · batch 8" for n in (2, 4)]
    assert [row.rest for row in rows] == [f"cpu fp32 b8 layers={n} size=tiny" for n in (2, 4)]


def selected(words: list[str]) -> list[Case]:
    """The cases that the command line would gate."""
    matrix, options, left = "", {"-w": [], "--precision": [], "--batch": [], "--set": [], "--device": []}, iter(words)
    for word in left:
        if word in options:
            options[word].append(next(left))
        elif word.startswith("--"):
            next(left)
        else:
            matrix = word
    axes = {name: [value] for name, _, value in (text.partition("=") for text in options["--set"])}
    wanted = Override(options["-w"], options["--precision"], options["--batch"], axes)
    return expand(override(load(matrix, axes_of), wanted, axes_of), options["--device"])


@pytest.mark.parametrize("matrix", ["smoke", "quick"])
def test_the_command_selects_exactly_the_case(matrix: str):
    cases = expand(load(matrix, axes_of), ["cpu"])
    assert len(cases) > 2
    command = f"wattmark gate --base main -o out {matrix} --device auto"

    rows = build(judgement(*(replace(SAME, case=one) for one in cases), command=command)).rows

    for row in rows:
        assert selected(shlex.split(row.repeat.command)) == [row.case]


def test_stored_records_are_repeated_by_measuring_both_sides_anew_with_every_axis_given():
    (one,) = expand(load("smoke", axes_of), ["cpu"])[:1]
    again = repeat(stored(), one, ())

    assert again.note.startswith("Stored records cannot be measured again.")
    assert again.words[:5] == ("wattmark", "gate", "--base", stored().base["revision"], "quick")
    assert selected(list(again.words)) == [one]
    assert repeat(replace(stored(), base={}), one, ()).words[3] == "REVISION"


def test_what_selected_cases_and_named_outputs_before_is_replaced_and_the_rest_kept():
    given = (
        "wattmark gate -wx:Y --workload=a:B --base 'my branch' quick --set layers=2,4 --set=depth=1 --batch 1 --json "
        "-ofolder --device cuda:0 --data generated --resume --seed 3 --model '~/bert base'"
    )
    found = judgement(SAME, command=given)

    again = repeat(found, case(layers=4, size="tiny"), ["size"])

    assert again.command == (
        "wattmark gate --base 'my branch' quick --data generated --seed 3 --model ~/'bert base' "
        "-w bert:Pretrain --device cpu --precision fp32 --batch 8 --set layers=4 --set size=tiny"
    )


def test_a_truth_value_is_written_as_the_command_line_reads_it():
    assert repeat(judgement(command=COMMAND), case(compiled=True), ["compiled"]).command.endswith("--set compiled=true")


def test_an_axis_may_have_the_name_of_an_option():
    command = "wattmark gate mine.toml --base main --model weights"
    again = repeat(
        judgement(command=command), replace(case(model="bert", layers=4), model="weights"), ["model"]
    ).command

    assert again.endswith("--set model=bert")
    assert "--model weights" in again


@pytest.mark.parametrize("value", ["a,b", "", None])
def test_a_value_that_no_option_can_say_gives_no_command_but_the_reason(value: str | None):
    again = repeat(judgement(command=COMMAND), case(name=value), ["name"])

    assert again.command == ""
    assert "--set cannot say name" in again.note


@pytest.mark.parametrize("command", ["", "'unfinished", "-w a:B"])
def test_a_command_that_cannot_be_read_gives_none(command: str):
    again = repeat(judgement(command=command), case(), ())

    assert (again.command, again.lines(98)) == ("", [])
    assert again.note == "The command of this gate cannot be read, so there is none for one case of it."


def shell(command: str) -> list[str]:
    """The words as a shell passes them on."""
    done = subprocess.run(["sh", "-c", f"printf '%s\\0' {command}"], capture_output=True, check=True, text=True)
    return done.stdout.split("\0")[:-1]


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_command_runs_nothing_that_a_name_brought(text: str):
    rows = [row for row in build(hostile(text)).rows if row.repeat.command]

    for row in rows:
        told = shell(row.repeat.command)
        assert told[:2] == ["wattmark", "gate"]
        assert told[told.index("-w") + 1][:400] == row.workload[:400]
        assert shell("\n".join(row.repeat.lines(60))) == told


def test_a_command_on_several_lines_is_the_same_command():
    again = build(paired()).rows[0].repeat

    lines = again.lines(60)

    assert len(lines) > 1
    assert max(map(len, lines)) <= 60
    assert shell("\n".join(lines)) == list(again.words) == shell(again.command)


@pytest.mark.parametrize("mode", MODES)
def test_every_number_is_there_or_absent_with_a_reason(mode: str):
    for row in build(MODES[mode]()).rows:
        for cell in (row.base, row.head, row.effect, row.interval, row.p, row.margin, row.pairs, row.smallest):
            assert cell.text
            assert cell.note if cell.absent else "None" not in cell.text
