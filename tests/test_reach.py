"""How near the limit: MFU against the vendor's and the measured peak, intensity; and peaks that cannot be."""

from dataclasses import replace

import pytest

from bench.caveats import caveats
from bench.measured_peaks import PRODUCT, STREAM, beside, is_peak, kernel, roofs
from bench.plausible import doubts
from bench.rates import value, values
from bench.record import Reading, absent

H100 = {"device": {"label": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1"}, "torch": {"version": "2.13", "threads": 8}}
EPYC = {"device": {"label": "AMD EPYC"}, "system": {"id": "ab"}, "torch": {"version": "2.13", "threads": 2}}


@pytest.fixture
def did(record, sample):
    """Makes a record of windows that did so many FLOPs a second."""

    def make(*rates, environment=H100, counters=None, **fields):
        windows = [
            sample(flop=int(rate * 0.5)) if rate else replace(sample(), flop=None, required=None) for rate in rates
        ]
        return replace(record(windows, **fields), environment=environment, counters=counters)

    return make


@pytest.fixture
def peak(record, sample):
    """Makes a record of a peak whose windows reached so many FLOP/s, or B/s of the memory."""

    def make(*rates, workload=PRODUCT, environment=EPYC, precision="fp32", **parameters):
        parameters = {"kernel": "mm", "edge": 1024, **parameters}
        if workload == STREAM:
            windows = [replace(one := sample(), work={"B": rate * one.seconds}) for rate in rates]
        else:
            windows = [sample(flop=int(rate * 0.5)) for rate in rates]
        made = record(windows, precision=precision)
        case = replace(made.case, workload=workload, parameters=parameters)
        return replace(made, case=case, environment=environment)

    return make


def counters(flop, size, model=None):
    sizes = {"flop.dispatched": flop, "bytes.dispatched": size, "flop.computed": model}
    return {name: absent("why") if one is None else {"value": one, "source": "made"} for name, one in sizes.items()}


def test_mfu_is_the_flop_rate_over_the_vendors_dense_peak_which_it_names(did):
    found = value(did(300e12, precision="bf16"), "mfu")

    assert found.value == pytest.approx(300 / 989.4)
    assert (found.unit, found.replicates) == ("1", 1)
    assert found.source.startswith("989.4 TFLOP/s dense bf16, H100 SXM5: H100 data sheet, halved")


def test_mfu_of_a_device_that_no_vendor_states_a_peak_of_is_absent_and_says_what_to_do(did):
    found = value(did(3e11, environment=EPYC), "mfu")

    assert found.value is None
    assert found.reason == "no vendor peak is known of AMD EPYC in fp32; mfu.measured is of a measured one"


def test_mfu_of_what_does_not_count_its_flops_is_absent(did):
    record = did(None, precision="bf16")

    for metric in ("mfu", "mfu.measured"):
        assert value(record, metric).reason == "not counted for this workload"


def test_mfu_counts_what_the_result_requires_and_no_padding(did, requiring):
    padded = requiring(did(400e12, precision="bf16"), 0.25)

    assert value(padded, "flop.rate").value == pytest.approx(100e12)
    assert value(padded, "flop.rate.computed").value == pytest.approx(400e12)
    assert value(padded, "flop.useful").value == 0.25
    assert value(padded, "mfu").value == pytest.approx(100 / 989.4)


def test_a_record_from_before_required_flops_were_counted_has_computed_ones_and_says_why_it_has_no_mfu(did, requiring):
    older = requiring(did(400e12, precision="bf16"), None)

    assert value(older, "flop.rate.computed").value == pytest.approx(400e12)
    for metric in ("flop.step", "flop.rate", "flop.useful", "mfu"):
        assert value(older, metric).reason == "the record is from before required FLOPs were told from computed ones"


def test_a_step_that_computes_no_flops_has_no_share_of_useful_ones(did, sample):
    idle = replace(did(1e12), replicates=(replace(did(1e12).replicates[0], samples=(sample(flop=0),)),))

    assert value(idle, "flop.useful").reason == "the step computes no FLOPs"
    assert value(idle, "flop.rate").value == 0


def test_more_required_than_computed_is_a_miscount_that_is_told(did, requiring):
    record = did(1e12, precision="bf16")

    assert not doubts(record)
    (doubt,) = doubts(requiring(record, 1.01))
    assert doubt.text.startswith("a window requires ")
    assert not doubt.invalid


def test_half_the_precision_has_no_peak_of_another(did):
    t4 = {"device": {"label": "Tesla T4"}}

    assert value(did(3e12, environment=t4, precision="bf16"), "mfu").value is None
    assert value(did(3e12, environment=t4, precision="fp16"), "mfu").value == pytest.approx(3 / 65)


def test_an_mfu_above_one_is_an_impossible_record_and_both_numbers_are_told(did):
    record = did(1100e12, precision="bf16")

    assert value(record, "mfu").value > 1
    (doubt,) = doubts(record)
    assert doubt.invalid
    assert "1100.0 TFLOP/s, above the dense bf16 peak of H100 SXM5, 989.4 TFLOP/s" in doubt.text


def test_a_peak_from_a_file_fails_what_exceeds_it_with_its_source(did):
    table = {"label": "AMD EPYC", "source": "2 cores x 64 x 3 GHz", "flops": {"fp32": 0.384e12}}
    record = did(0.5e12, environment={**EPYC, "peak_table": table})

    assert value(record, "mfu").source == "384 GFLOP/s dense fp32, AMD EPYC: 2 cores x 64 x 3 GHz"
    assert any(doubt.invalid and "2 cores x 64 x 3 GHz" in doubt.text for doubt in doubts(record))


def test_mfu_measured_is_over_the_best_window_of_all_kernels_on_the_same_device(did, peak):
    measured = roofs([peak(200e9, 210e9), peak(500e9, 480e9, kernel="conv"), peak(490e9, kernel="packed")])
    found = value(did(250e9, environment=EPYC), "mfu.measured", measured)

    assert found.value == pytest.approx(0.5)
    assert found.source == "500 GFLOP/s measured by conv, edge 1024, run r1"
    assert {one.metric: one.value for one in values(did(250e9, environment=EPYC), measured)}["mfu.measured"] == 0.5


def test_a_peak_of_another_device_or_precision_is_none(did, peak):
    elsewhere = {**EPYC, "system": {"id": "another host"}}
    reason = "no peak of this device in fp32 in these stores; wattmark peaks -o STORE measures it"

    for measured in (
        roofs([]),
        roofs([peak(500e9, environment=elsewhere)]),
        roofs([peak(500e9, precision="bf16")]),
        roofs([peak(50e9, workload=STREAM)]),
        roofs([peak()]),
        roofs([replace(peak(500e9), status="failed", reason="implausible")]),
        roofs([did(500e9, environment=EPYC)]),
    ):
        assert value(did(250e9, environment=EPYC), "mfu.measured", measured).reason == reason


def test_pure_bf16_is_held_against_the_peak_of_bf16(did, peak):
    measured = roofs([peak(500e9, precision="bf16")])

    assert value(did(250e9, environment=EPYC, precision="bf16-pure"), "mfu.measured", measured).value == 0.5


def test_a_peak_at_half_width_is_told_as_too_low_and_not_as_an_mfu_of_160_percent_alone(did, peak):
    # torch.mm by MKL on AMD: 240 GFLOP/s where oneDNN reaches 530, and ResNet-50 380 (B1 of our measurements).
    measured, record = roofs([peak(240e9)]), did(380e9, environment=EPYC)

    assert value(record, "mfu.measured", measured).value == pytest.approx(1.583, abs=0.001)
    (caveat,) = [text for text in caveats(record, measured) if "too low" in text]
    assert "240 GFLOP/s measured by mm, edge 1024" in caveat
    assert "this case reached 380 GFLOP/s" in caveat
    assert not [text for text in caveats(record, roofs([peak(240e9), peak(530e9)])) if "too low" in text]
    assert not [text for text in caveats(record) if "too low" in text]


def test_what_a_device_computed_is_impossible_or_above_a_peak_however_little_was_required_of_it(did, peak, requiring):
    padded = requiring(did(1100e12, precision="bf16"), 0.1)
    beyond = requiring(did(380e9, environment=EPYC), 0.1)

    assert value(padded, "mfu").value < 0.12
    assert any(doubt.invalid and "above the dense bf16 peak" in doubt.text for doubt in doubts(padded))
    assert any("too low" in text for text in caveats(beyond, roofs([peak(240e9)])))


def test_intensity_is_flops_over_bytes_of_the_same_step(did):
    found = value(did(3e11, counters=counters(flop=8e9, size=2e9, model=None)), "intensity")

    assert (found.value, found.unit) == (4.0, "FLOP/B")
    assert found.source == "operators' inputs and outputs, no cache"


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        (None, "nothing was counted"),
        ({}, "this record has no flop.dispatched"),
        (counters(8e9, None), "why"),
        (counters(0, 2e9), "0 FLOP and 2e+09 B were dispatched"),
    ],
)
def test_intensity_of_what_was_not_counted_is_absent_and_not_zero(did, counted, reason):
    assert value(did(3e11, counters=counted), "intensity").reason == reason


def test_flops_that_miss_attention_are_told_with_both_numbers(did):
    # FlopCounterMode on a CPU counts no fused attention: 23.1 instead of 36.9 GFLOP for Whisper tiny's encoder.
    record = did(1e11, 1e11, environment=EPYC, counters=counters(36.9e9, 2e9, model=23.1e9))

    (doubt,) = doubts(record)
    assert not doubt.invalid
    assert "a step's FLOPs are counted as 23.1 GFLOP, and its operators did 36.9 GFLOP" in doubt.text


def test_flops_that_differ_for_a_reason_are_not_doubted(did):
    missing = counters(36.9e9, 2e9, model=23.1e9)
    trained = did(1e11, environment=EPYC, counters=missing)
    one = replace(trained.replicates[0], readings={"loss.first": Reading(1.0, "step")})

    assert doubts(replace(trained, replicates=(one,))) == []  # it computes again what it did not keep
    assert doubts(did(1e11, environment=EPYC, counters=counters(36.9e9, 2e9, model=36.9e9))) == []
    assert doubts(did(1e11, environment=EPYC, counters=counters(23.1e9, 2e9, model=36.9e9))) == []


def test_a_kernel_is_called_by_its_size(peak):
    assert kernel(peak(1e9, kernel="conv", edge=2048).case) == "conv, edge 2048"


def test_peaks_of_a_store_stand_beside_the_cases_of_a_run_once_each(did, peak):
    case, old, new = did(1e9), peak(1e9), peak(2e9, kernel="conv")

    assert beside([new, case], [old, new, did(5e9)]) == [old, new, case]
    assert [is_peak(one.case) for one in (old, case)] == [True, False]
