"""Numbers as people read them."""

from __future__ import annotations

import pytest

from bench.rates import Value
from reports.cell import measured
from reports.number import THIN, Scale, number, scale, spread


@pytest.mark.parametrize(
    ("value", "low", "high", "text"),
    [
        (123.456, 119.2, 127.8, "123.5"),  # half-width 4.3: its second digit is the first after the mark
        (123.456, 90.0, 160.0, "123"),  # half-width 35
        (123.456, 20.0, 900.0, "120"),  # half-width 440: two digits are left
        (123.456, 123.4559, 123.4561, "123.5"),  # four digits are enough for anybody
        (12345.6, 12345.1, 12346.1, f"12{THIN}346"),  # but none before the mark is thrown away
        (0.0999996, 0.0999, 0.1001, "0.1000"),
        (999.96, 999.9, 1000.02, "1000"),  # rounding may make it longer
    ],
)
def test_an_interval_decides_how_many_digits_are_shown(value: float, low: float, high: float, text: str):
    assert number(value, low, high) == text


@pytest.mark.parametrize(("value", "text"), [(0.0123456, "0.0123"), (1234.5, "1234"), (0.0, "0"), (1.0, "1.00")])
def test_without_an_interval_three_digits_are_shown(value: float, text: str):
    assert number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [(97.0, 103.4, "±3.4 %"), (80.0, 104.0, "±20 %"), (99.99, 100.01, "±<0.1 %"), (1.0, 9000.0, "±>999 %")],
)
def test_the_spread_is_the_wider_side_in_percent(low: float, high: float, text: str):
    assert spread(100.0, low, high) == text


def test_a_value_without_an_interval_has_no_spread():
    assert spread(100.0, None, None) == ""


@pytest.mark.parametrize(
    ("unit", "values", "expected"),
    [
        ("s", [0.004, 0.08, 0.6], Scale("ms", 1e-3)),
        ("s", [7200.0], Scale("s", 1.0)),  # nobody reads kiloseconds
        ("B", [1.5e9], Scale("GB", 1e9)),
        ("B", [0.5], Scale("B", 1.0)),
        ("J/image", [0.002], Scale("mJ/image", 1e-3)),
        ("FLOP/s", [3.1e12], Scale("TFLOP/s", 1e12)),
        ("sequence/s", [12345.0], Scale("sequence/s", 1.0)),
        ("s", [], Scale("s", 1.0)),
    ],
)
def test_units_come_in_a_readable_size_with_decimal_prefixes(unit: str, values: list[float], expected: Scale):
    assert scale(unit, values) == expected


def test_a_share_is_shown_in_percent_and_its_raw_value_is_kept():
    cell = measured(Value("throttle.share", "1", 0.125), scale("1", [0.125], "share"))

    assert (cell.full, cell.raw) == ("12.5 %", 0.125)


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [("pcie.width", 16.0, "16"), ("ecc.corrected", 0.0, "0"), ("ecc.corrected", 12345.0, f"12{THIN}345")],
)
def test_a_count_is_a_whole_number_without_an_interval(metric: str, value: float, text: str):
    cell = measured(Value(metric, "1", value, value * 0.9, value * 1.1, replicates=3), scale("1", [value], "count"))

    assert (cell.full, cell.spread, cell.raw) == (text, "", value)
    assert "interval" not in cell.note.replace("no interval", "")


def test_the_middle_of_two_counts_is_not_rounded_to_either():
    assert measured(Value("pcie.width", "1", 11.3137), scale("1", [11.3137], "count")).full == "11.3"


def test_a_ratio_has_the_unit_of_a_ratio():
    assert measured(Value("energy.ratio", "1", 1.02), scale("1", [1.02], "ratio")).full == "1.02 \xd7"


def test_a_loss_has_no_unit_at_all():
    assert measured(Value("loss.last", "1", 2.5), scale("1", [2.5], "quantity")).full == "2.50"


def test_an_absent_value_is_a_dash_with_the_reason_and_no_number():
    cell = measured(Value("power.mean", "W", None, reason="no meter"), Scale("W"))

    assert (cell.text, cell.raw, cell.note, cell.absent) == ("—", None, "no meter", True)


@pytest.mark.parametrize(
    ("values", "unit"),
    [([0.005], "%"), ([0.0001], "%"), ([0.00009], "ppm"), ([4e-8, 0.0], "ppm"), ([0.0], "%"), ([], "%")],
)
def test_small_relative_errors_are_told_in_parts_per_million(values: list[float], unit: str):
    shown = scale("1", values, "error")

    assert shown.unit == unit
    assert measured(Value("deviation.loss", "1", 4.3e-8, replicates=1), Scale("ppm", 1e-6)).full == "0.0430 ppm"
