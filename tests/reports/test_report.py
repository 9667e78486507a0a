"""What a report says, whatever the format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from made_records import CPU, H100, NO_ENERGY, RUN, failure, record

from bench.case import REFERENCE
from bench.errors import SpecError
from bench.record import Reading, Record
from reports import Report, build
from reports.cell import Cell, Table, plain


def column(table: Table, title: str) -> list[Cell]:
    """The cells under a title."""
    index = [column.title for column in table.columns].index(title)
    return [row[index] for row in table.rows]


def texts(table: Table, title: str) -> list[str]:
    return [cell.text for cell in column(table, title)]


def test_no_records_are_a_mistake_of_the_user():
    with pytest.raises(SpecError, match="no records"):
        build([])


def test_each_workload_has_its_table_and_each_column_one_unit(report: Report):
    assert [table.title for table in report.results] == ["bert:Pretrain", "resnet:Train", "wav2vec2:Infer"]
    for table in report.results:
        for index, head in enumerate(table.columns):
            if head.unit:
                assert {row[index].unit for row in table.rows if not row[index].absent} == {head.unit}


def test_rows_stand_by_axes_device_precision_and_batch_size_as_numbers():
    sizes = [record(batch_size=size, precision=name) for name in ("bf16", "fp32") for size in (16, 2, 128)]

    table = build(sizes).results[0]

    assert texts(table, "Precision") == ["fp32"] * 3 + ["bf16"] * 3
    assert texts(table, "Batch") == ["2", "16", "128"] * 2


def test_an_axis_is_read_down_as_numbers_only_where_it_has_nothing_else():
    axes = [{"layers": 12, "variant": "tuned"}, {"layers": 24}]
    heads = {head.title: head for head in build([record(parameters=one) for one in axes]).results[0].columns}

    assert heads["layers"].numeric
    assert not heads["variant"].numeric


def test_a_deviation_stands_beside_the_gain_and_the_plain_case_says_that_it_is_the_reference():
    plain_one = record(parameters={"layers": 12})
    tuned = record(parameters={"layers": 12, "variant": "tuned"}, seconds=(0.05,) * 3)
    known = [(plain_one, Reading.absent("this is the plain fp32 case")), (tuned, Reading(4.3e-8, "8 steps"))]
    table = build([
        replace(one, replicates=tuple(replace(r, readings={"deviation.loss": read}) for r in one.replicates))
        for one, read in known
    ]).results[0]  # fmt: skip

    assert texts(table, "Loss off plain fp32") == ["—", "0.04300"]
    assert table.columns[[head.title for head in table.columns].index("Loss off plain fp32")].unit == "ppm"
    assert table.notes[(column(table, "Loss off plain fp32")[0].mark or 0) - 1] == "this is the plain fp32 case"
    assert [head.title for head in table.columns][-2:] == ["Loss off plain fp32", "vs fp32"]
    assert "Output off plain fp32" not in " ".join(table.remarks)


def test_useful_flops_have_a_column_where_some_are_of_no_use_and_none_where_all_are(requiring):
    plain_one, packed = record(), record(parameters={"sequence_length": 128, "variant": "packed"})

    (table,) = build([requiring(plain_one, 0.25), packed]).results
    assert texts(table, "Useful FLOPs") == ["25.00", "100.0"]
    (table,) = build([plain_one, packed]).results
    assert "Useful FLOPs" not in [column.title for column in table.columns]
    assert not [remark for remark in table.remarks if "Useful FLOPs" in remark]


def test_values_that_python_calls_equal_are_shown_as_what_they_are():
    assert [plain(value).text for value in (1.0, True, 1, 0, False, 0.0)] == ["1.0", "True", "1", "0", "False", "0.0"]


def test_an_axis_that_never_varies_is_said_once(report: Report):
    bert = report.results[0]

    assert "sequence_length" in [head.title for head in bert.columns]
    assert "layers" not in [head.title for head in bert.columns]
    assert "All with layers = 12." in bert.remarks


def test_a_failure_is_a_row_with_its_status_and_nothing_measured(report: Report):
    row = next(row for row in report.results[1].rows if any(cell.text == "crashed" for cell in row))

    assert [cell.text for cell in row[:4]] == ["cpu", "bf16", "16", "crashed"]
    assert {cell.text for cell in row[4:]} == {"—"}
    assert row[3].note == "died of signal 11 (SIGSEGV)"


def test_a_column_without_a_value_is_left_out_and_its_reason_is_said_once(report: Report):
    resnet = report.results[1]

    assert "Power" not in [head.title for head in resnet.columns]
    assert any("Power" in remark and NO_ENERGY.reason in remark for remark in resnet.remarks if NO_ENERGY.reason)


def test_a_single_absence_has_a_footnote_with_its_reason(report: Report):
    bert = report.results[0]
    marks = {cell.mark for cell in column(bert, "Power") if cell.absent and cell.mark}

    assert {bert.notes[mark - 1] for mark in marks} == {NO_ENERGY.reason}


def test_a_briefer_table_keeps_only_the_footnotes_that_it_uses(report: Report):
    brief = report.results[0].brief

    assert "p95" not in [head.title for head in brief.columns]
    assert set(brief.notes) == {NO_ENERGY.reason, REFERENCE}
    assert {cell.mark for row in brief.rows for cell in row} == {None, 1, 2}


def test_a_measured_case_with_a_caveat_is_not_simply_ok(report: Report):
    status = column(report.results[2], "Status")[0]

    assert (status.text, status.tone) == ("ok, caveat", "warn")
    assert [row.caveats for row in report.caveats] == [("1 of 3 replicates measured",)]


def test_speed_up_is_against_the_same_case_in_fp32_of_the_same_run():
    fp32 = record(seconds=(0.2, 0.2, 0.2))
    others = [record(precision="bf16", seconds=(0.1, 0.1, 0.1)), record(precision="fp16", batch_size=16)]
    elsewhere = record(precision="bf16", run=replace(RUN, id="later"))

    speedups = {row.case + row.run: row.speedup for row in build([fp32, *others, elsewhere]).cases}

    assert sorted(cell.text for cell in speedups.values()) == ["2.000", "—", "—", "—"]


def test_speed_up_of_a_variant_is_against_the_plain_fp32_case_and_other_work_has_none():
    plain = record(seconds=(0.2, 0.2, 0.2))
    tuned, low, other = (
        record(precision=precision, seconds=(0.05,) * 3, parameters={"sequence_length": 128, "variant": variant})
        for precision, variant in (("fp32", "tuned"), ("bf16", "fused"), ("fp32", "tuned+no-attention-dropout"))
    )

    found = {row.case: row for row in build([plain, tuned, low, other]).cases}

    assert found[plain.case.id].speedup.note == "this is the plain fp32 case"
    assert (found[tuned.case.id].speedup.text, found[low.case.id].speedup.text) == ("4.000", "4.000")
    assert found[other.case.id].speedup.raw is None
    problems = {
        name: found[one.case.id].problem for name, one in (("plain", plain), ("tuned", tuned), ("other", other))
    }
    assert problems["plain"] == problems["tuned"]
    assert problems["other"] == f"{problems['plain']} no-attention-dropout"


def test_a_speed_up_whose_interval_holds_one_says_so():
    rows = build([record(seconds=(0.1, 0.12, 0.08)), record(precision="bf16", seconds=(0.11, 0.09, 0.1))]).cases

    assert "cannot tell" in rows[1].speedup.note


def test_the_summary_names_the_best_of_each_problem_and_counts_the_rest(report: Report):
    rows = {row[0].text: row for row in report.summary.rows}
    bert = rows["bert:Pretrain sequence_length=512"]

    assert bert[1].under == "cuda:0 · bf16 · batch 16"
    assert bert[4].text == "20 ok, 1 oom, 1 unsupported"
    assert (rows["resnet:Train"][3].text, rows["resnet:Train"][3].note) == ("—", NO_ENERGY.reason)


def test_the_summary_has_no_column_for_what_no_workload_knows_and_says_why_once():
    summary = build([record(), record("resnet:Train", parameters={})]).summary

    assert [column.title for column in summary.columns] == ["Workload", "Fastest", "Least memory", "Cases"]
    assert summary.remarks == (f"Least gross energy per item is not known: {NO_ENERGY.reason}.",)


def test_the_summary_says_when_the_best_is_not_told_apart():
    close = [record(batch_size=8, seconds=(0.1, 0.11, 0.09)), record(batch_size=16, seconds=(0.2, 0.21, 0.19))]

    assert build(close).summary.rows[0][1].under.endswith("not told apart from 1 other")


def test_cases_of_one_problem_stand_together_however_they_are_computed():
    """The name of the axis `pipeline` sorts before that of `sequence_length`, which says what is done."""
    lengths = {length: {"sequence_length": length} for length in (128, 512)}
    records = [
        record(parameters={**axes, **way}, seconds=seconds)
        for axes in lengths.values()
        for way, seconds in (({}, (0.1, 0.1, 0.1)), ({"pipeline": "2"}, (0.2, 0.2, 0.2)))
    ]
    report = build(records)

    assert [row[0].text for row in report.summary.rows] == [f"bert:Pretrain sequence_length={n}" for n in lengths]
    assert [row[1].under for row in report.summary.rows] == ["cpu · fp32 · batch 8"] * 2
    assert [one.problem for one in report.charts] == [f"bert:Pretrain sequence_length={n}" for n in lengths]


def test_a_variant_that_does_other_work_does_not_part_those_that_do_the_same():
    variants = ({}, {"variant": "no-attention-dropout"}, {"variant": "tuned"})
    report = build([record(parameters={"sequence_length": 128, **variant}) for variant in variants])

    assert [row[-1].text for row in report.summary.rows] == ["2 ok", "1 ok"]


def test_of_a_case_that_was_measured_again_the_newest_run_counts():
    later = replace(RUN, id="later", started="2026-11-25T10:00:00+00:00")
    again = [record(seconds=(0.1, 0.1, 0.1)), record(seconds=(0.2, 0.2, 0.2), run=later)]

    assert [row.current for row in build(again).cases] == [False, True]
    assert build(again).summary.rows[0][1].text == "40.00 sequence/s"
    # On another system both are what can be had, and a newer run that failed takes nothing away.
    other = {**CPU, "torch": {**CPU["torch"], "version": "2.99"}}
    assert build([again[0], replace(again[1], environment=other)]).summary.rows[0][1].text == "80.00 sequence/s"
    assert build([again[0], failure("crashed", "why", batch_size=8, run=later)]).cases[0].current


def test_memory_of_hosts_and_of_devices_is_not_compared():
    both = [
        record(memory=9e9),
        record(environment=H100, memory=2e9),
        record(environment=H100, batch_size=4, memory=1e9),
    ]
    (row,) = build(both).summary.rows

    assert row[2].text == "9.000 GB"
    assert row[2].under == "cpu · fp32 · batch 8; the host's. Of the device's 1.000 GB: cuda:0 · fp32 · batch 4"
    assert "the host's" not in build(both[:1]).summary.rows[0][2].under


def test_every_dash_of_a_case_that_ended_ok_has_its_reason_below_the_table():
    made = [record(seconds=(0.1,)), failure("oom", "no room"), record(precision="bf16")]
    table = build(made, baseline=[record(batch_size=9)]).results[0]
    one, failed, other = table.rows

    told = {
        column.title: table.notes[cell.mark - 1] for column, cell in zip(table.columns, one, strict=True) if cell.mark
    }
    assert told["±"] == "one replicate has no interval"
    assert all(cell.mark for row in (one, other) for cell in row if cell.absent)
    assert not any(cell.mark for cell in failed)


def test_one_device_name_on_two_machines_is_two_devices():
    other = {**CPU, "device": {**CPU["device"], "label": "Intel Xeon 6"}}

    table = build([record(), record(environment=other, batch_size=16)]).results[0]

    assert set(texts(table, "Device")) == {"cpu (AMD EPYC 9R14)", "cpu (Intel Xeon 6)"}


def test_the_same_case_of_two_runs_is_two_rows_that_name_their_run():
    table = build([record(), record(run=replace(RUN, id="second", started="2026-11-21T10:00:00+00:00"))]).results[0]

    assert texts(table, "Run") == [RUN.id, "second"]


def test_environments_stand_side_by_side_with_differences_marked(report: Report):
    rows = {row[0].text: row for row in report.environment.rows}

    assert "torch.version ≠ ✕" in rows
    assert "allocator" in rows
    assert [cell.text for cell in rows["torch.version ≠ ✕"][1:]] == ["2.13.0+cpu", "2.11.0+cu130"]


def test_only_what_keeps_records_from_being_compared_is_marked_so():
    other = {**CPU, "host": {"cores": 2, "kernel": "6.1.7"}, "torch": {"version": "2.14.0+cpu", "threads": 2}}
    rows = [row[0] for row in build([record(), record(batch_size=2, environment=other)]).environment.rows]

    assert {cell.text: cell.tone for cell in rows if "≠" in cell.text} == {
        "host.kernel ≠": "warn",
        "torch.version ≠ ✕": "bad",
    }


def test_comparability_is_of_one_device_and_names_what_blocks_first():
    newer = {**CPU, "host": {"cores": 2, "kernel": "6.1.7"}, "torch": {"version": "2.14.0+cpu", "threads": 2}}

    report = build([record(), record(environment=H100)], [record(environment=newer, run=replace(RUN, id="old"))])

    (table,) = report.comparability
    assert table.title == "Environments of cpu"
    assert [row[0].text for row in table.rows] == ["torch.version ≠ ✕", "host.kernel ≠"]
    assert [column.title for column in table.columns[1:]] == ["baseline: cpu, run old", f"cpu, run {RUN.id}"]


def test_one_environment_has_nothing_to_compare():
    assert build([record(), record(environment=H100)]).comparability == ()


def test_a_fact_that_could_not_be_had_shows_its_reason():
    absent = {**CPU, "git": {"commit": {"value": None, "reason": "git is not installed"}}}

    rows = {row[0].text: row[1] for row in build([record(environment=absent)]).environment.rows}

    assert (rows["git.commit"].text, rows["git.commit"].under) == ("—", "git is not installed")


def test_a_case_tells_what_really_ran(report: Report):
    facts = {row[0].text: row[1].text for row in report.cases[0].details[-1].rows}

    assert (facts["inputs.sha256"], facts["model.parameters"]) == ("9f3a", "110106428")
    assert facts["effective precision.weights"] == "float32"


def test_a_case_shows_its_replicates_with_steps_warm_up_and_covariates(report: Report):
    replicates = report.cases[0].details[1]

    told = {name.text: [cell.text for cell in cells] for name, *cells in replicates.rows}
    assert [column.title for column in replicates.columns] == ["Replicate", "0", "1", "2"]
    assert told["Measured steps"] == ["10"] * 3
    assert told["Warm-up"] == ["3 steps, 790 ms, steady"] * 3
    assert told["cpu_share"] == ["0.990"] * 3


def test_every_metric_is_defined_in_the_method(report: Report):
    assert {row[0].text for row in report.metrics.rows} == set(report.cases[0].values)


def charts_of(records: Sequence[Record]) -> dict[str, object]:
    return {chart.title: chart for chart in build(records).charts[0].pictures}


def test_a_chart_has_a_line_for_each_device_and_precision(report: Report):
    throughput = report.charts[0].pictures[0]

    assert [series.label for series in throughput.series] == [
        "cpu · fp32", "cpu · bf16", "cuda:0 · fp32", "cuda:0 · bf16",
    ]  # fmt: skip
    assert [point.x for point in throughput.series[0].points] == [1, 2, 4, 8, 16]
    assert not throughput.bars


def test_one_batch_size_makes_bars(report: Report):
    assert report.charts[2].pictures[0].bars


def test_a_chart_without_data_says_why(report: Report):
    resnet = report.charts[2]

    assert resnet.missing == (
        f"Not charted: Gross energy per item, Throughput and gross energy per item ({NO_ENERGY.reason}).",
        "Not charted: Roofline (nothing was counted).",
    )


def test_a_series_has_one_style_in_all_charts(report: Report):
    styles = {
        (series.label, series.style)
        for group in report.charts
        for chart in group.pictures[:4]
        for series in chart.series
    }

    assert len(styles) == len({label for label, _ in styles}) == len({style for _, style in styles})


def test_against_a_baseline_each_case_gets_a_verdict_or_a_reason():
    before = [record(seconds=(0.2, 0.2, 0.201)), record(batch_size=16), record(batch_size=32)]
    h100 = {**CPU, "torch": {"version": "2.14.0"}}
    now = [
        record(seconds=(0.1, 0.1, 0.101)),
        record(batch_size=16, environment=h100),
        record(batch_size=128),
        failure("oom", "out of memory", batch_size=32),
    ]

    changed = build(now, before).changes

    assert changed is not None
    table = changed.table
    told = dict(zip(texts(table, "Case"), table.rows, strict=True))
    case = "bert:Pretrain · cpu · fp32 · batch"
    assert [told[f"{case} 8"][index].text for index in (1, 3)] == ["2.000", "suspect faster"]
    assert told[f"{case} 16"][4].text.startswith("Not comparable: torch.version (2.13.0+cpu before, 2.14.0 now).")
    assert told[f"{case} 128"][4].text == "The base has no such case."
    assert (told[f"{case} 32"][3].text, told[f"{case} 32"][4].text) == ("regressed", "Head oom: out of memory.")
    assert texts(table, "Verdict").count("incomparable") == 2


@pytest.mark.parametrize(("seconds", "verdict"), [(0.22, "suspect slower"), (0.2005, "inconclusive")])
def test_against_a_baseline_the_judges_words_are_used(seconds: float, verdict: str):
    changed = build([record(seconds=(seconds,) * 2)], [record(seconds=(0.2, 0.2, 0.2))]).changes

    assert changed is not None
    assert texts(changed.table, "Verdict") == [verdict]
    assert len(changed.notable.rows) == (verdict != "inconclusive")
    assert "nothing" in changed.table.remarks[0]


def test_the_change_of_a_case_is_the_same_in_its_results_as_against_the_baseline():
    report = build([record(seconds=(0.1, 0.1, 0.101)), record(batch_size=16)], [record(seconds=(0.2, 0.2, 0.201))])

    assert report.changes is not None
    for title in ("vs baseline", "Interval", "Verdict"):
        assert texts(report.results[0], title) == texts(report.changes.table, title)
    assert texts(report.results[0], "Verdict") == ["suspect faster", "incomparable"]


def test_two_sides_that_give_the_same_answer_ended_alike_unless_they_cannot_be_compared():
    def verdicts(environment: dict[str, object]) -> list[str]:
        now, before = failure("oom", "no room"), failure("oom", "no room at all", environment=environment)
        changed = build([now, record()], [before, record(environment=environment)]).changes
        assert changed is not None
        return texts(changed.table, "Verdict")

    assert verdicts(CPU) == ["inconclusive", "ended alike"]
    assert verdicts({**CPU, "allocator": "system"}) == ["incomparable", "incomparable"]


def test_what_an_interrupted_case_measured_is_shown_and_used_for_nothing_else():
    stopped = replace(record(batch_size=16, seconds=(0.01, 0.01)), status="interrupted", reason="2 of 3 replicates")

    report = build([record(), stopped])

    assert texts(report.results[0], "Throughput") == ["80.0", "1600"]
    assert report.summary.rows[0][1].under.endswith("batch 8")
    assert [point.x for point in report.charts[0].pictures[0].series[0].points] == [8]
    assert build([stopped]).charts[0].pictures[0].missing == "interrupted: 2 of 3 replicates"


def test_energy_and_power_come_from_the_meters_reading():
    row = build([record(environment=H100, watts=400.0, seconds=(0.1,) * 3, batch_size=8)]).cases[0]

    assert row.cells["power.mean"].full == "400.0 W"
    assert row.cells["energy.item"].full == "5.000 J/sequence"
