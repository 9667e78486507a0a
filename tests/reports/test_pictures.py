"""Single steps, Pareto fronts, limits and speed-ups: what is drawn is what was measured."""

from __future__ import annotations

import re
from dataclasses import replace

from made_records import H100, failure, record

from bench.record import Record
from reports import build
from reports.chart import Chart
from reports.draw import draw
from reports.pareto import Pareto
from reports.steps import StepTimes


def timed(*step_seconds: float) -> Record:
    """A case of one replicate with these steps after its three of warm-up."""
    made = record(seconds=(0.1,))
    (one,) = made.replicates
    (window,) = one.samples
    window = replace(window, steps=len(step_seconds), seconds=sum(step_seconds), step_seconds=step_seconds)
    return replace(made, replicates=(replace(one, samples=(window,)),))


def steps(one: Record) -> StepTimes | None:
    return next((picture for picture in build([one]).cases[0].pictures if isinstance(picture, StepTimes)), None)


def test_every_step_is_a_dot_and_warm_up_is_told_apart():
    found = steps(timed(0.10, 0.11, 0.12, 0.13, 0.14))

    assert found is not None
    (one,) = found.replicates
    assert (one.warmup, one.count) == (3, 8)
    assert [round(time) for _, time in one.dots] == [400, 200, 190, 100, 110, 120, 130, 140]
    assert [round(time) for time in one.five] == [100, 110, 120, 130, 140]
    picture = draw(found)
    assert len(re.findall(r"h0", picture)) == 8
    assert picture.count('class="window"') == 1


def test_warm_up_is_not_among_the_quartiles():
    found = steps(timed(*[0.1] * 20))

    assert found is not None
    assert set(found.replicates[0].five) == {100.0}


def test_a_step_far_above_the_others_is_drawn_at_the_edge_and_told():
    found = steps(timed(*[0.1] * 20, 2.0))

    assert found is not None
    assert round(found.top) == 300
    assert "2 steps beyond 300 ms" in found.note  # and the first one of the warm-up


def test_many_steps_keep_their_least_and_their_largest():
    found = steps(timed(*[0.1] * 500, 0.09, *[0.1] * 500, 0.15, *[0.1] * 500))

    assert found is not None
    (one,) = found.replicates
    times = [time for place, time in one.dots if place >= one.warmup]
    assert len(times) <= 96
    assert (round(min(times)), round(max(times))) == (90, 150)


def test_a_case_whose_single_steps_were_not_timed_has_no_such_picture():
    made = record()
    untimed = [replace(one, samples=tuple(replace(s, step_seconds=()) for s in one.samples)) for one in made.replicates]

    assert steps(replace(made, replicates=tuple(untimed))) is None


def pareto(records: list[Record], title: str) -> Pareto:
    pictures = build(records).charts[0].pictures
    return next(one for one in pictures if isinstance(one, Pareto) and title in one.title)


def gpu(batch: int, seconds: float, watts: float) -> Record:
    times = (seconds, seconds * 1.001, seconds * 0.999)
    return record(batch_size=batch, seconds=times, environment=H100, watts=watts)


def test_only_a_case_that_no_other_beats_in_both_is_on_the_front():
    # 80, 100 and 90 sequences a second at 4, 5 and 6 joules each: the last is beaten by the second in both.
    found = pareto([gpu(8, 0.1, 320.0), gpu(10, 0.1, 500.0), gpu(9, 0.1, 540.0)], "energy")

    fronts = {re.search(r"batch (\d+)", spot.told)[1]: spot.front for spot in found.spots}  # type: ignore[index]
    assert fronts == {"8": True, "10": True, "9": False}
    assert draw(found).count('class="ring"') == 2


def test_what_gives_more_than_a_case_costs_as_much_as_the_next_one():
    """From 80 to 100 sequences a second the only one there is takes 5 J: the line rises at 80."""
    (path,) = re.findall(
        r'class="front" d="([^"]*)"', draw(pareto([gpu(8, 0.1, 320.0), gpu(10, 0.1, 500.0)], "energy"))
    )

    assert re.fullmatch(r"M[\d.]+[ ,][\d.]+V[\d.]+H[\d.]+", path)


def test_equal_cases_are_both_on_the_front():
    found = pareto([gpu(8, 0.1, 320.0), replace(gpu(8, 0.1, 320.0), case=gpu(16, 0.2, 320.0).case)], "energy")

    assert [spot.front for spot in found.spots] == [True, True]


def test_joules_of_several_scopes_make_no_front():
    module = gpu(10, 0.1, 500.0)
    other = [
        replace(
            one,
            samples=tuple(
                replace(s, readings={name: replace(r, scope="module") for name, r in s.readings.items()})
                for s in one.samples
            ),
        )
        for one in module.replicates
    ]

    found = pareto([gpu(8, 0.1, 320.0), replace(module, replicates=tuple(other))], "energy")

    assert found.spots == ()
    assert "not one quantity" in found.missing


def test_one_case_alone_is_no_front_and_says_so():
    assert "one case alone" in pareto([gpu(8, 0.1, 320.0)], "energy").missing


def test_values_far_apart_are_drawn_on_logarithmic_axes_that_say_so():
    far = pareto([record(), gpu(8, 0.004, 320.0)], "time")
    near = pareto([record(), record(batch_size=16, seconds=(0.19, 0.19, 0.191))], "time")

    assert draw(far).count("logarithmic") == 2
    assert "logarithmic" not in draw(near)


def chart(records: list[Record], title: str) -> Chart:
    pictures = build(records).charts[0].pictures
    return next(one for one in pictures if isinstance(one, Chart) and one.title == title)


def test_the_largest_batch_that_fits_is_told_and_the_one_that_does_not_is_crossed():
    found = chart([record(batch_size=4), record(batch_size=8), failure("oom", "no room", batch_size=16)], "Throughput")

    assert found.note == "Largest batch that fits: cpu · fp32 8 (16 is out of memory)."
    assert draw(found).count('class="limit"') == 1


def test_a_failure_of_another_kind_is_no_limit_of_the_memory():
    found = chart([record(batch_size=4), record(batch_size=8), failure("crashed", "why", batch_size=16)], "Throughput")

    assert found.note == ""
    assert 'class="limit"' not in draw(found)


def test_speed_up_is_drawn_only_where_both_precisions_were_measured():
    half = record(precision="bf16", batch_size=4, seconds=(0.05, 0.0501, 0.0499))

    found = chart([record(batch_size=4), half, record(batch_size=8)], "Speed-up over fp32")
    assert [(series.label, [point.x for point in series.points]) for series in found.series] == [("cpu · bf16", [4])]
    assert chart([record(batch_size=4)], "Speed-up over fp32").missing


def test_charts_stand_beside_a_table_of_their_numbers():
    (group,) = build([record(batch_size=4), record(batch_size=8)]).charts

    texts = {cell.text for row in group.table.rows for cell in row}
    drawn = [one for one in group.pictures if isinstance(one, Chart)]
    assert {point.cell.text for one in drawn for series in one.series for point in series.points} <= texts


def test_a_case_says_the_command_that_measures_it_again():
    rows = build([record(batch_size=4), record(batch_size=8, parameters={"sequence_length": 512})]).cases

    assert rows[1].repeat.command == (
        "wattmark run quick -w bert:Pretrain --device cpu --precision fp32 --batch 8 --set sequence_length=512"
    )
    own = replace(record(), run=replace(record().run, command="python own.py"))
    assert build([own]).cases[0].repeat.command == ""
    assert "not measured by `wattmark run`" in build([own]).cases[0].repeat.note


def test_a_size_that_is_far_too_large_stands_at_the_edge_and_presses_no_other_together():
    def places(too_large: int) -> list[str]:
        cases = [record(batch_size=4), record(batch_size=8), failure("oom", "no room", batch_size=too_large)]
        return re.findall(r'class="axis middle"[^>]*>(\d+)<', draw(chart(cases, "Throughput")))

    assert places(32) == ["4", "8", "32"]
    assert places(4096) == ["4", "8"]


def test_devices_stand_side_by_side_with_the_best_of_each_precision():
    cases = [record(batch_size=4), record(batch_size=8), record(environment=H100, seconds=(0.01,) * 3)]

    found = chart(cases, "Best throughput of each device")

    assert found.bars
    assert [(one.label, one.points[0].cell.text) for one in found.series] == [
        ("cpu · fp32 · batch 8", "80.0"),
        ("cuda:0 · fp32 · batch 8", "800.0"),
    ]
    assert all(one.title != found.title for one in build(cases[:2]).charts[0].pictures)


def test_more_devices_are_drawn_over_their_number_with_how_much_of_them_is_left():
    cases = [
        record(seconds=(0.1,) * 3),
        record(seconds=(0.2,) * 3, batch_size=4),  # slower, so it is not the best of one device
        *(
            record(seconds=(seconds,) * 3, parameters={"sequence_length": 128, "world_size": many})
            for many, seconds in ((2, 0.052), (4, 0.03))
        ),
    ]

    found = chart(cases, "Scaling over devices")

    (line,) = found.series
    assert (line.label, [point.x for point in line.points]) == ("cpu · fp32", [1, 2, 4])
    assert found.note == "cpu · fp32: 4 devices do 83% of 4 times 1."
    assert len({row.problem for row in build(cases).cases}) == 1  # they do the same work
    assert all(one.title != found.title for one in build(cases[:2]).charts[0].pictures)


def test_a_point_lies_where_its_cell_says_in_the_unit_that_is_shown():
    (line,) = chart([record(memory=1.2e9), record(batch_size=16, memory=2.4e9)], "Memory").series

    assert [(point.y, point.cell.unit) for point in line.points] == [(1.2, "GB"), (2.4, "GB")]
