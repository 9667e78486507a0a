"""The panes of a profile: they say what the profile found, and nothing of a case that has none."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made_records import failure, record
from profiled_records import NO_KERNELS, ON_CUDA, PROFILE, not_profiled, profiled

from bench.profile import Operator, Owner, Profile
from bench.record import Record
from bench.typed import typed
from reports import build
from reports.cell import Table
from reports.draw import draw
from reports.html import export
from reports.json import export as export_json
from reports.md import export as export_md
from reports.packed import LARGEST
from reports.profile.pictures import Split
from reports.profile.tables import OUTSIDE, profile_tables
from reports.profile.terminal import words
from reports.timeline import Timeline

PANES = ("Profiled", "Top operators", "Top kernels", "Memory at the peak")


def panes(one: Record) -> dict[str, Table]:
    return {table.title: table for table in build([one]).cases[0].details if table.title in PANES}


def column(table: Table, title: str) -> list[str]:
    place = [one.title for one in table.columns].index(title)
    return [row[place].full for row in table.rows]


def test_a_step_is_split_into_its_phases_with_time_and_share():
    found = panes(profiled())["Profiled"]

    assert column(found, "Phase") == ["forward", "backward", "optimizer", "rest"]
    assert column(found, "Time") == ["30.0 ms", "55.0 ms", "12.0 ms", "1.00 ms"]
    assert column(found, "Share") == ["30.6 %", "56.1 %", "12.2 %", "1.0 %"]
    assert "Kernels launched in it" not in [one.title for one in found.columns]


def test_on_a_device_each_phase_has_the_time_of_the_kernels_that_it_launched():
    assert column(panes(profiled(ON_CUDA))["Profiled"], "Kernels launched in it") == ["16.7 ms", "33.3 ms", "16.7 ms"]


def test_a_profile_says_that_it_is_none_of_what_was_measured_and_where_its_trace_lies():
    first, *_ = panes(profiled())["Profiled"].remarks

    assert first == (
        "3 steps under torch.profiler of torch 2.13.0+cpu, apart from measuring: 100 ms each while watched. "
        f"Trace: {PROFILE.trace}."
    )


def test_what_was_not_profiled_is_said_once_with_its_reason():
    remarks = panes(profiled())["Profiled"].remarks

    assert [one for one in remarks if NO_KERNELS in one] == [
        f"Not profiled: kernels, device idle, launch-bound, tensor cores ({NO_KERNELS})."
    ]


def test_shares_are_told_with_what_they_are_of():
    remarks = panes(profiled(ON_CUDA))["Profiled"].remarks

    assert "Device idle: 31.0 % of the profiled time nothing ran on the device." in remarks
    assert "Tensor cores: 60.0 % of the kernels' time was in kernels whose names say tensor cores." in remarks


def test_operators_are_told_by_step_with_the_rest_of_their_time():
    found = panes(profiled())["Top operators"]

    assert column(found, "Operator") == ["aten::addmm", "aten::mul", OUTSIDE, "aten::_softmax"]
    assert column(found, "Self time") == ["50.0 ms", "20.0 ms", "15.0 ms", "10.0 ms"]
    assert column(found, "Calls") == ["16", "86", "1", "12"]
    assert column(found, "FLOPs") == ["1.11 GFLOP", "328 kFLOP", "—", "—"]
    assert found.remarks == ("56 more operators: 5.0 % of the self time.",)


def test_kernels_are_told_with_whether_their_names_say_tensor_cores():
    found = panes(profiled(ON_CUDA))["Top kernels"]

    assert column(found, "Tensor cores") == ["yes", "no"]
    assert column(found, "Share") == ["60.0 %", "20.0 %"]
    assert "Top kernels" not in panes(profiled())


def test_the_owners_of_the_peak_are_told_and_what_was_there_before_has_no_blocks():
    found = panes(profiled(ON_CUDA))["Memory at the peak"]

    assert column(found, "Owner at the peak") == ["aten::linear", "AddmmBackward0", "before the profile"]
    assert column(found, "Size") == ["40.0 MB", "8.58 MB", "1.00 MB"]
    assert column(found, "Blocks") == ["12", "3", "—"]


def test_owners_of_a_step_without_phases_have_no_column_of_them():
    memory = replace(PROFILE.memory, owners=(Owner("", "aten::linear", 49_577_000, 3),))  # type: ignore[type-var]

    found = panes(profiled(replace(PROFILE, memory=memory)))["Memory at the peak"]

    assert "Phase" not in [one.title for one in found.columns]


def test_a_case_that_was_not_profiled_has_no_pane_and_no_picture():
    row = build([record()]).cases[0]

    assert panes(record()) == {}
    assert not [picture for picture in row.pictures if isinstance(picture, Split | Timeline)]
    assert build([record(), failure("oom", "no room")]).profiles is None


def test_a_case_that_was_only_profiled_has_no_table_of_replicates():
    made = replace(profiled(), status="interrupted", reason="profiled only, nothing is measured yet", replicates=())

    row = build([made]).cases[0]

    assert "Replicates" not in [table.title for table in row.details]
    assert "Replicates" in [table.title for table in build([profiled()]).cases[0].details]


def test_a_profile_that_found_nothing_says_why():
    (found,) = panes(not_profiled("crashed: killed by SIGSEGV")).values()

    assert found.remarks == ("Not profiled: crashed: killed by SIGSEGV.",)
    assert found.rows == ()


@pytest.mark.parametrize("bad", [{}, {"steps": 3}, {**PROFILE.to_json(), "memory": 3}])
def test_a_profile_that_cannot_be_read_is_said_to_be_so_and_spoils_no_report(bad):
    made = replace(record(), profile=bad)

    assert profile_tables(made)[0].remarks == ("Not profiled: this version cannot read the profile.",)
    assert b"cannot read the profile" in export(build([made]))


def test_pictures_and_tables_say_the_same():
    row = build([profiled()]).cases[0]
    (split,) = [picture for picture in row.pictures if isinstance(picture, Split)]
    table = panes(profiled())["Profiled"]

    ((title, parts),) = split.bars
    assert title == "time of the host"
    told = zip(column(table, "Phase"), column(table, "Time"), column(table, "Share"), strict=True)
    assert [(one.label, one.told) for one in parts] == [(name, f"{time}, {share}") for name, time, share in told]
    assert sum(one.share for one in parts) == pytest.approx(1)
    drawn = draw(split)
    assert all(f"{one.label}: {one.told}" in drawn for one in parts)


def test_a_device_has_a_bar_of_its_own():
    (split,) = [one for one in build([profiled(ON_CUDA)]).cases[0].pictures if isinstance(one, Split)]

    assert [title for title, _ in split.bars] == ["time of the host", "time of kernels launched in it"]
    assert draw(split).count('class="axis"') == 2


def test_the_memory_curve_has_its_peak():
    (curve,) = [one for one in build([profiled()]).cases[0].pictures if isinstance(one, Timeline)]

    ((moments,),) = (track.runs(curve.moments) for track in curve.tracks)
    assert max(size for _, size in moments) == pytest.approx(49.577)
    assert curve.note == "Peak 49.6 MB after 50.0 ms; a table has its owners."
    assert "allocated since the profile began" in curve.description


def test_a_name_is_data_wherever_it_is_shown():
    evil = "<script>alert(1)</script>\x1b[31m"
    named = replace(PROFILE, operators=(Operator(evil, 1, 0.1, 0.1, 0.0),), trace=evil)
    named = replace(named, phases=(replace(PROFILE.phases[0], name=evil),), absent={evil: evil})
    made = profiled(named)

    page = export(build([made])).decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page + words([made])


def test_profiles_of_all_cases_stand_in_one_table():
    late = replace(not_profiled("timeout: no end after 60 s"), case=record(batch_size=16).case)
    found = build([profiled(), late, profiled(ON_CUDA), failure("oom", "no room")]).profiles

    assert found is not None
    split = "forward 30.6 %, backward 56.1 %, optimizer 12.2 %, rest 1.0 %"
    assert column(found, "Split of the step") == [split, "—", "forward 30.0 %, backward 55.0 %, optimizer 15.0 %"]
    assert column(found, "Longest operator") == ["aten::addmm 50.0 %", "—", "aten::addmm 50.0 %"]
    idle = [row[[one.title for one in found.columns].index("Device idle")] for row in found.rows]
    assert [one.partition(": ")[2] for one in found.remarks] == ["not profiled: timeout: no end after 60 s."]
    assert [cell.note or cell.text for cell in idle] == [NO_KERNELS, "timeout: no end after 60 s", "31.0"]


def test_columns_that_no_profile_fills_are_left_out():
    found = build([profiled()]).profiles

    assert found is not None
    assert [one.title for one in found.columns] == ["Case", "Step, watched", "Split of the step", "Longest operator"]


def test_the_other_formats_have_the_profiles_too():
    report = build([profiled()])

    document = json.loads(export_json(report))
    assert typed(document["cases"][0]["profile"], Profile) == PROFILE
    assert document["profiles"]["title"] == "Profiles"
    assert "### Profiles" in export_md(report).decode()
    assert json.loads(export_json(build([record()])))["profiles"] is None


def test_a_page_of_200_profiled_cases_stays_below_a_megabyte():
    full = replace(
        PROFILE,
        operators=tuple(Operator(f"aten::operator_{at}", at, 0.01 * at, 0.1, 0.0, at) for at in range(1, 31)),
        memory=replace(
            PROFILE.memory,  # type: ignore[type-var]
            seconds=tuple(at / 1000 for at in range(120)),
            bytes=tuple(49_577_000 - at * at for at in range(120)),
        ),
    )

    page = export(build([profiled(full, batch_size=at) for at in range(1, 201)]))

    assert len(page) < LARGEST
