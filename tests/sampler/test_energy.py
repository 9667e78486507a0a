"""Joules from ticks and points made by hand."""

from __future__ import annotations

import pytest

from bench.record import Reading
from bench.sampler.energy import SENSOR, counted, integrated
from bench.sampler.ticks import Tick
from bench.sampler.trace import Round, Trace

POINTS = [(0.0, 900.0), (1.0, 100.0), (1.2, 200.0), (1.6, 300.0), (2.0, 100.0), (2.3, 900.0)]


def tick(at: float, joules: float, width: float = 0.001) -> Tick:
    return Tick(round(joules * 1e3), at - width / 2, at + width / 2)


def test_the_counter_is_taken_between_its_first_and_last_usable_tick() -> None:
    ticks = [tick(at / 10, 30 * at) for at in range(30)]  # 300 W

    reading = counted(ticks, 0.1, 0.05, 2.05, "GPU")

    assert reading.value == pytest.approx(30 * 18)
    assert reading.seconds == pytest.approx(1.8)
    assert reading.error == pytest.approx(SENSOR + 0.001 / 1.8)
    assert (reading.source, reading.scope) == ("NVML energy counter, between its ticks", "GPU")


def test_one_tick_is_no_energy() -> None:
    assert counted([tick(1.0, 5.0)], 0.1, 0.5, 1.5, "GPU") == Reading.absent(
        "window too short for energy: 1.000 s; the energy counter ticks every 0.100 s, two usable ticks are needed"
    )


def test_power_is_integrated_by_trapezoids_between_the_points_inside() -> None:
    reading = integrated(POINTS, 0.9, 2.1, "x", "GPU")

    assert reading.value == pytest.approx(0.2 * 150 + 0.4 * 250 + 0.4 * 200)
    assert reading.seconds == pytest.approx(1.0)


def test_the_first_points_tell_of_the_time_before_the_window_and_are_left_out() -> None:
    reading = integrated(POINTS, 1.0, 2.1, "x", "GPU", least=0.5)

    assert reading.value == pytest.approx(0.4 * 250 + 0.4 * 200)


def test_two_points_are_no_energy() -> None:
    assert integrated([(1.0, 5.0), (2.0, 5.0)], 0.5, 2.1, "x", "GPU") == Reading.absent(
        "window too short for energy: 1.600 s; 2 values of power inside it, 3 are needed"
    )


def traced(*values: dict[str, float | str]) -> dict[str, Reading]:
    """The readings of a window from 0 to 10 s with a round each second from 1 on."""
    rounds = [Round(at, at + 0.01, one) for at, one in enumerate(values, start=1)]
    return Trace(rounds=rounds).window(0.0, 10.0)


def throttled(**seconds: float) -> dict[str, float | str]:
    names = ("sw_power_cap", "hw_power_brake", "sw_thermal", "hw_thermal", "board_limit", "reliability")
    return {f"throttled.{name}": seconds.get(name, 0.0) for name in names}


def test_of_several_limits_the_longest_is_the_share() -> None:
    readings = traced(*(throttled(sw_power_cap=0.1 * at, sw_thermal=0.2 * at, hw_thermal=0.5 * at) for at in range(9)))

    assert readings["throttle.power"].value == pytest.approx(0.1)
    assert readings["throttle.thermal"].value == pytest.approx(0.5)
    assert readings["throttle.share"].value == pytest.approx(0.5)


def test_time_throttled_throughout_is_all_of_it_and_no_more() -> None:
    readings = traced(*(throttled(sw_power_cap=1.0005 * at) for at in range(9)))

    assert readings["throttle.power"].value == 1.0


def test_counters_seen_in_a_part_of_the_window_say_nothing_of_the_rest() -> None:
    readings = traced(*(throttled(sw_power_cap=0.5 * at) for at in range(5)))

    assert readings["throttle.power"].value is None


def test_a_count_of_errors_that_started_again_has_what_came_since() -> None:
    counts = [5.0, 7.0, 1.0, 2.0]
    readings = traced(*({"ecc.corrected": count, "ecc.uncorrected": 0.0} for count in counts))

    assert readings["ecc.corrected"].value == 2.0
