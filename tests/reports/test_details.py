"""What stands under one case: its memory ladder, what its meters found out, and its time line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from itertools import accumulate
from typing import Any
from xml.etree import ElementTree

import pytest
from made_records import H100, record
from metered_records import FACTS, gpu, metered

from bench.record import Record, Replicate
from reports import build
from reports.cases import CaseRow
from reports.cell import Cell, Table
from reports.chart import Chart
from reports.counted import counted_table
from reports.html import export
from reports.meters import meters_table
from reports.timeline import Timeline
from reports.timeline_svg import timeline_svg


def case(one: Record) -> CaseRow:
    return build([one]).cases[0]


def table(one: Record, title: str) -> Table:
    return next((table for table in case(one).details if table.title == title), Table(title, (), ()))


def facts(facts: Mapping[str, Any], meter: str = "nvml") -> dict[str, Cell]:
    """What the first replicate's column says of a meter's facts."""
    one = metered(record(environment=H100), 400.0, 80.0, facts={meter: facts})
    return {row[1].text: row[2] for row in meters_table(one).rows}


def picture(one: Record, kind: type[Chart] | type[Timeline]) -> Any:
    return next((picture for picture in case(one).pictures if isinstance(picture, kind)), None)


def drawn(change: Mapping[str, Any]) -> Timeline | None:
    found: Timeline | None = picture(
        metered(record(environment=H100), 400.0, 80.0, facts={"nvml": {**FACTS, **change}}), Timeline
    )
    return found


def test_the_memory_ladder_stands_from_the_tensors_to_the_device():
    ladder = picture(gpu(), Chart)

    assert [(series.label, series.points[0].cell.full) for series in ladder.series] == [
        ("requested by tensors", "5.100 GB"),
        ("allocated in blocks", "5.200 GB"),
        ("reserved by torch", "6.400 GB"),
        ("used by the process", "6.900 GB"),
        ("used on the device", "8.000 GB"),
    ]
    assert ladder.note == (
        "Beside these: outside torch's allocator 500.0 MB; free in blocks that cannot be given back 220.0 MB; "
        "pinned on the host 0 B."
    )


def test_a_ladder_has_no_rung_for_what_was_not_measured_and_one_rung_is_no_ladder():
    two = metered(record(environment=H100), 400.0, 80.0, more={"memory.reserved": (1e9, "torch")})

    assert [series.label for series in picture(two, Chart).series] == ["reserved by torch", "used by the process"]
    assert picture(record(environment=H100), Chart) is None
    assert picture(record(), Chart) is None


def test_a_ladders_bars_do_not_speak_of_batches():
    assert "batch 0" not in export(build([gpu()])).decode()


def test_metrics_of_a_kind_stand_together_and_counts_are_whole():
    metrics = table(gpu(), "Metrics")
    values = {row[0].text: row[1].text + row[2].text for row in metrics.rows}

    assert len(metrics.groups) == len(metrics.rows)
    assert list(dict.fromkeys(metrics.groups)) == ["speed", "memory", "power", "compute", "state"]
    assert (values["pcie.width"], values["ecc.corrected"], values["utilization.sm"]) == ("16", "0", "83.00%")
    assert values["energy.ratio"] == "1.020\xd7"
    assert any("nvlink.rx" in remark and "Not Supported" in remark for remark in metrics.remarks)


def test_meters_say_what_they_found_out_in_words():
    found = {name: cell.text for name, cell in facts(FACTS).items()}

    assert found == {
        "UUID of the device": "GPU-3f2c",
        "Watched device": "NVIDIA H100 80GB HBM3",
        "Scope of power and energy": "GPU",
        "MIG slices": "off",
        "Power limit in force": "650 W",
        "Power limit by default": "700 W",
        "Energy counter ticks every": "100 ms (median; 98.0 ms to 104 ms) over 57 ticks",
        "Sampled": "every 100 ms (median; wanted 100 ms, at most 131 ms), 57 rounds",
        "New power value every": "—",
        "Idle device before the case": "steady after 1.20 s",
        "Device memory in use before the case": "1.10 GB",
        "The driver's process numbers are": "the host's",
        "Other processes": "python (process 4711), 1.10 GB, before the case",
    }


def test_a_fact_that_could_not_be_had_shows_its_reason():
    cell = facts(FACTS)["New power value every"]

    assert (cell.absent, cell.under) == (True, "nvmlDeviceGetSamples: Not Supported")


def test_a_meter_that_is_not_there_says_why():
    assert facts({"reason": "no powercap here"}, "rapl")["Not there"].text == "no powercap here"


@pytest.mark.parametrize(
    ("name", "fact", "title", "text"),
    [
        ("before", {"settled": False, "seconds": 5.0}, "Idle device before the case", "not steady within 5.00 s"),
        ("foreign", [], "Other processes", "none seen"),
        ("foreign", [{"name": "backup", "cpu_share": 0.07}], "Other processes", "backup, 7% of the CPUs"),
        ("mig", True, "MIG slices", "on"),
        ("tick", 0.01, "Energy counter ticks every", "10.0 ms"),
        ("error", 0.03, "Error of the method", "method ±3.0 %"),
    ],
)
def test_each_fact_has_its_words(name: str, fact: Any, title: str, text: str):
    assert facts({name: fact})[title].text == text


def test_processes_without_a_name_or_memory_are_still_told_and_many_are_counted():
    others = [{"pid": pid, "name": None, "memory": None, "when": "during"} for pid in range(8)]

    text = facts({"foreign": others})["Other processes"].text

    assert text.startswith("a process without a name (process 0), memory not known, during the case; ")
    assert text.endswith("; and 3 more")
    assert text.count("a process without") == 5


@pytest.mark.parametrize("odd", [None, 3, float("inf"), "words", [1, [2]], {"other": {"deep": 1}}, [{"pid": "x"}]])
@pytest.mark.parametrize("name", ["tick", "rate", "before", "foreign", "pids", "power_limit", "name", "own"])
def test_facts_of_another_shape_are_shown_as_they_are(name: str, odd: Any):
    assert all(cell.text for cell in facts({name: odd, "kept": 1}).values())
    assert facts({name: odd, "kept": 1})["kept"].text == "1"


@pytest.mark.parametrize("name", ["tick", "rate", "before", "foreign", "pids", "power_limit", "name", "own"])
def test_parts_of_facts_of_another_shape_each_have_their_row(name: str):
    assert facts({name: {"other": {"deep": 1}}})[f"{name}.other.deep"].text == "1"


def test_a_fact_stands_once_for_all_replicates_and_apart_where_they_differ():
    one = gpu()
    first, second, third = (replace(two, meters={"nvml": {**FACTS, "power_limit": 500.0}}) for two in one.replicates)
    other = replace(third, meters={"nvml": {**FACTS, "power_limit": 350.0}})

    def told(*replicates: Replicate) -> dict[tuple[str, str], str]:
        rows = table(replace(one, replicates=replicates), "Meters").rows
        return {(what.text, value.text): which.text for _, what, value, which in rows}

    limit = "Power limit in force"
    assert told(first, second, third)[limit, "500 W"] == "all"
    differing = told(first, second, other)
    assert (differing[limit, "500 W"], differing[limit, "350 W"]) == ("0, 1", "2")
    assert told(first, replace(second, meters={}), third)[limit, "500 W"] == "0, 2"
    assert table(record(), "Meters").rows == ()


def test_a_timeline_shows_power_and_clock_with_the_windows():
    line = drawn({})

    assert line is not None
    tracks = [(track.title, track.unit) for track in line.tracks]
    assert tracks == [("Power", "W"), ("SM clock", "GHz"), ("Temperature", "°C")]
    assert line.windows == ((1.5, 3.4), (3.5, 5.2))
    assert line.description == (
        "Over 5.90 s: Power 90.0 to 410 W; SM clock 0.345 to 1.75 GHz; Temperature 38.0 to 64.0 °C; "
        "2 measured windows; clock held down by a power limit for 900 ms."
    )
    boxes = [path.get("d", "").count("z") for path in ElementTree.fromstring(timeline_svg(line)).findall("path")
             if path.get("class") == "window"]  # fmt: skip
    assert boxes == [2, 2, 2]  # two windows behind each track


def test_a_timeline_says_what_held_the_clock_down_and_when():
    line = drawn({"throttled": {"power": [[1.0, 2.5], [3.0, 3.5]], "thermal": [], "reliability": [[5.0, 99.0]]}})

    assert line is not None
    assert [(band.title, band.spans) for band in line.bands] == [
        ("clock held down by a power limit", ((1.0, 2.5), (3.0, 3.5))),
        ("clock held down by the voltage", ((5.0, pytest.approx(5.9)),)),
    ]
    assert line.description.endswith(
        "; clock held down by a power limit for 2.00 s; clock held down by the voltage for 900 ms."
    )
    assert timeline_svg(line).count('class="held"') == 2
    for nothing in ({"value": None, "reason": "fields: Not Supported"}, "x", {"power": "x", "thermal": [[1]]}, None):
        calm = drawn({"throttled": nothing})
        assert calm is not None
        assert calm.bands == ()


def test_time_begins_with_the_first_reading_whatever_the_meter_counts_from():
    kept = {"seconds": [1000.0, 1001.0, 1002.0], "power": [100, 200, 300]}

    line = drawn({"timeline": kept, "windows": [[1000.5, 1001.5], [990.0, 1000.2], [1005.0, 1006.0]]})

    assert line is not None
    assert line.moments == (0.0, 1.0, 2.0)
    assert line.tracks[0].values == (100.0, 200.0, 300.0)
    assert [tuple(round(end, 6) for end in window) for window in line.windows] == [(0.5, 1.5), (0.0, 0.2)]


def test_the_picture_of_a_long_timeline_is_thinned_and_keeps_its_peaks():
    power = [100.0] * 10_000
    power[4_321], power[7_777] = 690.0, 20.0

    line = drawn({"timeline": {"seconds": [index / 10 for index in range(10_000)], "power": power}})

    assert line is not None
    assert line.tracks[0].values == tuple(power)
    [trace] = [path.get("d", "") for path in ElementTree.fromstring(timeline_svg(line)).iter("path")
               if path.get("class") == "line trace"]  # fmt: skip
    steps = [int(place) for place in re.findall(r"-?\d+", trace)]
    heights = list(accumulate(steps[1::2]))
    assert len(heights) < 250
    assert (min(heights), max(heights)) == (94 - round(64 * 690 / 750), 94 - round(64 * 20 / 750))
    assert all(right >= 0 for right in steps[2::2])


def test_where_nothing_was_read_for_long_the_line_ends():
    line = drawn({"timeline": {"seconds": [0, 1, 2, 3, 20, 21], "power": [1, 2, 3, None, 4, 5]}, "windows": []})

    assert line is not None
    assert [len(run) for run in line.tracks[0].runs(line.moments)] == [3, 2]
    assert line.description.endswith("no measured window; clock held down by a power limit for 900 ms.")


def test_every_replicate_that_a_meter_watched_has_its_timeline_in_the_units_of_all():
    one = gpu()
    first, second, third = one.replicates
    kept = {"seconds": list(range(100)), "power": [2000.0] * 100, "clock.sm": [1.7e9] * 100}
    heavy = replace(third, meters={"host": {}, "nvml": {**FACTS, "timeline": kept}, "amd": FACTS})

    row = case(replace(one, replicates=(first, replace(second, meters={"nvml": {}}), heavy)))

    assert [line.title for line in row.timelines] == ["Replicate 0 over time", "Replicate 2 over time"]
    assert [[(track.title, track.unit) for track in line.tracks] for line in row.timelines] == [
        [("Power", "kW"), ("SM clock", "GHz"), ("Temperature", "°C")],
        [("Power", "kW"), ("SM clock", "GHz")],
    ]
    assert [line.tracks[0].values[0] for line in row.timelines] == [0.09, 2.0]
    assert picture(row.record, Timeline) == row.timelines[0]


@pytest.mark.parametrize(
    "kept",
    [
        {},
        None,
        "words",
        {"seconds": [0, 1]},
        {"seconds": [0, 0], "power": [1, 2]},
        {"seconds": [0, 1], "power": ["a", None]},
        {"seconds": [0, 1], "power": [float("nan"), float("inf")]},
        {"seconds": 3, "power": [1, 2]},
        {"seconds": [0, 1], "power": {"value": None, "reason": "no sensor"}},
        {"seconds": [True, False], "power": [1, 2]},
    ],
    ids=str,
)
def test_what_is_no_timeline_is_not_drawn(kept: Any):
    assert drawn({"timeline": kept}) is None


def test_a_track_that_stays_at_zero_or_is_one_value_long_can_be_drawn():
    line = drawn({"timeline": {"seconds": [0, 1, 2, 50, 51], "power": [0, 0, 0, 0, None]}, "windows": "none"})

    assert line is not None
    assert "NaN" not in timeline_svg(line)
    ElementTree.fromstring(timeline_svg(line))


def test_what_a_step_comes_to_is_shown_as_it_was_counted_and_what_was_not_counted_says_why():
    counters = {
        "operators": {"value": 12507, "source": "TorchDispatchMode", "histogram": {}},
        "parameters.bytes": {"value": 437_935_112, "source": "the workload"},
        "flop.computed": {"value": 9, "source": "the workload"},
        "kernels": {"value": None, "reason": "kernels are counted on cuda only"},
        "graph.breaks": {"value": None, "reason": "nothing is compiled"},
        "graph.recompiles": {"value": None, "reason": "nothing is compiled"},
    }

    table = counted_table(record(counters=counters))

    assert [[cell.text for cell in row] for row in table.rows] == [
        ["operators", "12\u202f507", "TorchDispatchMode"],
        ["parameters.bytes", "438 MB", "the workload"],
        ["flop.computed", "9.00 FLOP", "the workload"],
    ]
    assert table.remarks == (
        "Not counted: graph.breaks, graph.recompiles (nothing is compiled).",
        "Not counted: kernels (kernels are counted on cuda only).",
    )
    assert counted_table(record()).rows == ()
