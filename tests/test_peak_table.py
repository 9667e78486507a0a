"""A file of peaks: read, and every mistake in it refused in one line."""

import pytest

from bench.errors import SpecError
from bench.peak_table import load

GOOD = '[[device]]\nlabel = "X"\nsource = "told"\nbandwidth = 1e12\nflops = {fp32 = 2e12, bf16 = 4e12}\n'


@pytest.fixture
def table(tmp_path):
    def write(text):
        path = tmp_path / "peaks.toml"
        path.write_text(text)
        return path

    return write


def test_devices_are_found_by_their_label(table):
    found = load(table(GOOD + GOOD.replace("X", "Y").replace("bandwidth = 1e12\n", "")))

    assert found["X"] == {
        "label": "X", "source": "told", "bandwidth": 1e12, "flops": {"fp32": 2e12, "bf16": 4e12},
    }  # fmt: skip
    assert "bandwidth" not in found["Y"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[device", "not TOML"),
        ("", "needs tables [[device]]"),
        ("more = 1\n" + GOOD, "and nothing else"),
        (GOOD.replace('label = "X"\n', ""), "a device without label"),
        (GOOD.replace('source = "told"\n', ""), "a device without source"),
        (GOOD.replace('"told"', '" "'), "a device without source"),
        (GOOD + "watts = 3\n", "unknown key 'watts'"),
        (GOOD.replace("bf16 =", "int8 ="), "precision 'int8'; one of fp32, tf32, bf16, fp16"),
        (GOOD.replace("2e12", "0"), "flops.fp32 = 0; a number of FLOP/s above 0"),
        (GOOD.replace("2e12", "nan"), "flops.fp32 = nan; a number of FLOP/s above 0"),
        (GOOD.replace("bandwidth = 1e12", "bandwidth = true"), "bandwidth = True; a number of B/s above 0"),
        (GOOD.replace("{fp32 = 2e12, bf16 = 4e12}", "3"), "flops = 3; a table by precision"),
    ],
)
def test_what_is_no_peak_is_refused(table, text, told):
    with pytest.raises(SpecError, match="--peak-table ") as refused:
        load(table(text))

    assert told in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SpecError, match="cannot be read"):
        load(tmp_path / "none.toml")
