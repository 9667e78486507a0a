"""The published peaks: dense, of one board each, and no figure for what is not known."""

import pytest

from bench.peaks import bandwidth_of, labels, peak, peak_of

PRECISIONS = ("fp32", "tf32", "bf16", "fp16", "bf16-pure")
KNOWN = [found for label in labels() for precision in PRECISIONS if (found := peak(label, precision))]


@pytest.mark.parametrize("found", KNOWN, ids=lambda found: f"{found.sku}-{found.precision}")
def test_every_figure_is_dense_for_a_sparse_one_would_need_a_clock_that_no_gpu_reaches(found):
    assert 1.3e9 < found.clock < 2.6e9
    assert 2 * found.clock > 2.6e9


@pytest.mark.parametrize(
    ("label", "precision", "clock"),
    [
        ("Tesla V100-SXM2-32GB", "fp16", 1.530e9),
        ("Tesla T4", "fp16", 1.590e9),
        ("NVIDIA A10", "bf16", 1.695e9),
        ("NVIDIA A100-SXM4-80GB", "bf16", 1.410e9),
        ("NVIDIA A100-SXM4-80GB", "tf32", 1.410e9),
        ("NVIDIA L4", "bf16", 2.040e9),
        ("NVIDIA L40S", "fp32", 2.520e9),
        ("NVIDIA GeForce RTX 4090", "bf16", 2.520e9),
        ("NVIDIA H100 PCIe", "fp32", 1.755e9),
        ("NVIDIA H100 80GB HBM3", "fp32", 1.980e9),
        ("NVIDIA H100 80GB HBM3", "bf16", 1.830e9),
    ],
)
def test_a_figure_is_the_parts_units_at_its_boost_clock(label, precision, clock):
    assert peak(label, precision).clock == pytest.approx(clock, rel=0.006)


def test_boards_of_one_name_have_figures_of_their_own():
    boards = ("NVIDIA H100 80GB HBM3", "NVIDIA H100 PCIe", "NVIDIA H100 NVL")

    assert [peak(board, "bf16").flops / 1e12 for board in boards] == [989.4, 756, 835]
    assert [peak(board, "bf16").sku for board in boards] == ["H100 SXM5", "H100 PCIe", "H100 NVL"]


@pytest.mark.parametrize(
    "label",
    [
        *("NVIDIA H100", "NVIDIA H100 80GB HBM3 MIG 1g.10gb", "H100", "NVIDIA H100 80GB HBM3 ", "NVIDIA A10G"),
        *("NVIDIA GeForce RTX 4090 D", "NVIDIA B300", "AMD EPYC 9R14", "", "None"),
    ],
)
def test_a_label_that_is_not_known_in_full_has_no_peak(label):
    assert [peak(label, precision) for precision in PRECISIONS] == [None] * len(PRECISIONS)


def test_pure_bf16_has_the_peak_of_bf16():
    label = "NVIDIA H100 80GB HBM3"

    assert peak(label, "bf16-pure").flops == peak(label, "bf16").flops
    assert peak(label, "bf16-pure").precision == "bf16-pure"


@pytest.mark.parametrize("label", ["Tesla V100-SXM2-16GB", "Tesla T4"])
@pytest.mark.parametrize("precision", ["tf32", "bf16", "bf16-pure"])
def test_a_part_without_units_for_a_precision_has_no_peak_in_it(label, precision):
    assert peak(label, precision) is None


@pytest.mark.parametrize("precision", ["int8", "fp8", "", "FP32"])
def test_what_is_no_precision_of_ours_has_no_peak(precision):
    assert peak("NVIDIA H100 80GB HBM3", precision) is None


def test_a_board_that_runs_faster_than_its_data_sheet_has_a_higher_peak_and_never_a_lower_one():
    found = peak("NVIDIA H100 80GB HBM3", "bf16")

    assert found.at(1.1 * found.clock) == pytest.approx(1.1 * found.flops)
    assert found.at(0.5 * found.clock) == found.at(None) == found.flops


@pytest.mark.parametrize("found", KNOWN, ids=lambda found: f"{found.sku}-{found.precision}")
def test_every_figure_says_where_it_is_from_and_what_the_board_is_sold_as(found):
    assert found.source
    assert 50 <= found.watts <= 1500


def given(label, **table):
    """An environment whose device a file of peaks describes."""
    return {"device": {"label": label}, "peak_table": {"label": label, "source": "told", "flops": {}, **table}}


@pytest.mark.parametrize(
    ("label", "bandwidth"),
    [
        ("NVIDIA A100-SXM4-40GB", 1555e9),
        ("NVIDIA A100-SXM4-80GB", 2039e9),
        ("NVIDIA A100 80GB PCIe", 1935e9),
        ("NVIDIA H100 80GB HBM3", 3350e9),
        ("NVIDIA H200", 4800e9),
    ],
)
def test_boards_of_one_processor_have_memories_of_their_own(label, bandwidth):
    assert bandwidth_of({"device": {"label": label}}).rate == bandwidth


def test_what_a_file_says_of_a_device_goes_before_the_table_and_names_its_source():
    h100 = given("NVIDIA H100 80GB HBM3", flops={"bf16": 900e12}, bandwidth=3e12)

    assert (peak_of(h100, "bf16").flops, peak_of(h100, "bf16").source) == (900e12, "told")
    assert (bandwidth_of(h100).rate, bandwidth_of(h100).source) == (3e12, "told")
    assert peak_of(h100, "fp32").flops == 67e12  # of what it does not say the table knows
    assert peak_of(given("a new part", flops={"fp32": 1e12}), "fp32").flops == 1e12


def test_the_peak_of_a_file_has_no_clock_to_be_scaled_by():
    assert peak_of(given("a new part", flops={"fp32": 1e12}), "fp32").at(9e9) == 1e12


def test_a_device_that_neither_knows_has_neither():
    for environment in ({}, {"device": None}, {"device": {"label": "AMD EPYC"}}, given("AMD EPYC")):
        assert peak_of(environment, "fp32") is None
        assert bandwidth_of(environment) is None
