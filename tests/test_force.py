"""What holds a case back: every force by its evidence, none by guess, and never one that the roofline denies."""

from dataclasses import replace

import pytest
import torch

from bench import force
from bench.force import SHOWN, bound, reached
from bench.profile import Operator, Profile
from bench.rates import Value, values
from bench.record import Reading
from bench.roof import Ceiling, Roof

ROOF = Roof({"fp32": Ceiling(4e12, "measured")}, Ceiling(5e11, "measured"))  # the ridge is at 8 FLOP/B
H100 = {"device": {"label": "NVIDIA H100 80GB HBM3", "uuid": "GPU-1"}}


@pytest.fixture
def did(record, sample):
    """Makes a record that did so many FLOP/s at an intensity (FLOP/B), with a profile or without one."""

    def make(rate, intensity=None, profile=None, device="cpu", groups=()):
        made = record([sample(flop=int(rate * 0.5))], device=device)
        counts = {"flop.dispatched": 1e9, "bytes.dispatched": 1e9 / intensity} if intensity else {}
        told = {name: {"value": number, "source": "made"} for name, number in counts.items()}
        if groups:
            told["bytes.dispatched"]["by_intensity"] = [{"flop": flop, "bytes": size} for flop, size in groups]
        return replace(made, counters=told or None, profile=profile and profile.to_json())

    return make


def verdict(made, roof=ROOF, **more):
    found = {one.metric: one for one in values(made)} | {
        name.replace("_", "."): Value(name, "1", number, source="made") for name, number in more.items()
    }
    return bound(made, found, roof)


def on_gpu(idle, slowed=1):
    """Three steps of the half second that a step takes, unless to watch them took longer."""
    shares = {"idle": Reading(idle, "torch.profiler")}
    return Profile("torch.profiler", "2", "now", "trace", 3, 1.5 * slowed, (), 0, 0.0, shares=shares)


def on_cpu(**shares):
    seconds = {name: 1.5 * share for name, share in shares.items()}
    names = {"step": "ProfilerStep*", "backward": "phase: backward", "optimizer": "Optimizer.step#AdamW.step"}
    operators = tuple(Operator(names.get(name, name), 3, one, one, 0.0) for name, one in seconds.items())
    return Profile("torch.profiler", "2", "now", "trace", 3, 1.5, operators, len(operators), sum(seconds.values()))


def test_compute_holds_what_reaches_half_of_the_measured_peak(did):
    found = verdict(did(2.5e12, 16))

    assert (found.force, found.gain) == ("compute", pytest.approx(1.6))
    assert found.evidence == "2.5 TFLOP/s, 62% of the measured peak of 4 TFLOP/s, at 16 FLOP/B"


def test_a_backward_pass_that_computes_again_is_no_faster_a_step(did):
    """A step computes 1 GFLOP and dispatches 1.25: at 1000 steps a second the device did 1.25 TFLOP of work in one."""
    again = did(1e12, 16, groups=((1.25e9, 1e9 / 16),))
    counted = {**again.counters, "flop.computed": {"value": 1e9, "source": "made"}}
    again = replace(again, counters=counted | {"flop.dispatched": {"value": 1.25e9, "source": "made"}})
    once = did(1e12, 16, groups=((1e9, 1e9 / 16),))

    def share(made):
        return reached(made, {one.metric: one for one in values(made)}, ROOF).share

    assert share(once) == pytest.approx(0.25)
    assert share(again) == pytest.approx(0.3125)


def test_computing_that_no_result_requires_is_told_beside_computing_and_beside_nothing_else(did):
    padding = "; 30% of its FLOPs are required, the rest is padding or output that nothing reads"

    assert verdict(did(2.5e12, 16), flop_useful=0.3).evidence.endswith(padding)
    assert verdict(did(2.5e12, 16), flop_useful=0.3)[::2] == verdict(did(2.5e12, 16))[::2]
    assert verdict(did(2.5e11, 1), flop_useful=0.3) == verdict(did(2.5e11, 1))
    assert verdict(did(2.5e12, 16), flop_useful=0.999) == verdict(did(2.5e12, 16))


def test_the_roof_is_about_what_the_device_computed_and_not_about_what_was_required_of_it(did, requiring):
    full = did(2.5e12, 16)
    padded = requiring(full, 0.1)

    assert verdict(padded)[::2] == verdict(full)[::2]
    assert verdict(padded).evidence.startswith(verdict(full).evidence)


def test_memory_holds_what_reaches_half_of_what_it_feeds(did):
    found = verdict(did(0.8e12, 2))

    assert (found.force, found.gain) == ("memory", pytest.approx(1.25))
    assert found.evidence == (
        "at the measured limits the step would take 80% of its time to move bytes (500 GB/s without a cache)"
    )


@pytest.mark.parametrize("intensity", [2, 16])
def test_half_of_the_roof_is_the_limit_on_either_side(did, intensity):
    most = min(4e12, intensity * 5e11)

    assert verdict(did(1.01 * SHOWN * most, intensity)).force is not None
    below = verdict(did(0.99 * SHOWN * most, intensity))
    assert (below.force, below.gain) == (None, None)
    assert "no force is shown to hold it, a profile would look closer" in below.evidence


def test_a_case_above_the_memorys_side_is_fed_by_caches_and_not_held_by_memory(did):
    found = verdict(did(1.5e12, 2))

    assert found.force is None
    assert found.evidence.startswith(
        "at the measured limits the step would take 150% of its time to move bytes (500 GB/s without a cache), so"
    )
    assert verdict(did(3e12, 2)).force == "compute"  # 75 % of the peak


def test_a_case_above_the_measured_peak_is_no_verdict_but_a_peak_that_is_too_low(did):
    found = verdict(did(5e12, 16))

    assert (found.force, found.gain) == (None, None)
    assert found.evidence == "5 TFLOP/s is above the measured peak of 4 TFLOP/s: it is too low"


# Of a step of 1 GFLOP, operators alike in intensity: without any product, at 5 FLOP/B and at 90 (the ridge is at 8).
MIXED = [(0, 40_000_000), (100_000_000, 20_000_000), (900_000_000, 10_000_000)]
COPYING = [(0, 150_000_000), (1_000_000_000, 10_000_000)]


def test_each_operator_is_held_against_the_roof_at_its_own_intensity(did):
    made = did(1.6e12, 16, groups=MIXED)
    under = reached(made, {one.metric: one for one in values(made)}, ROOF)

    assert (under.compute, under.memory) == (pytest.approx(0.36), pytest.approx(0.192))
    assert (under.share, under.side) == (pytest.approx(0.552), "compute")
    whole = did(1.6e12, 16)  # the same step as one: at 16 FLOP/B nothing of it were the memory's
    assert reached(whole, {one.metric: one for one in values(whole)}, ROOF).memory == 0
    assert verdict(whole).force is None


@pytest.mark.parametrize(
    ("precision", "intensity", "most", "side"),
    [
        ("fp32", 1, 40e9, "memory"),
        ("fp32", 9.99, 399.6e9, "memory"),
        ("fp32", 10, 400e9, "compute"),
        ("fp32", 1000, 400e9, "compute"),
        ("bf16", 10, 400e9, "memory"),
        ("bf16-pure", 1000, 1600e9, "compute"),
    ],
)
def test_the_lower_side_of_the_roof_of_its_precision_bounds(did, precision, intensity, most, side):
    roof = Roof({"fp32": Ceiling(400e9, "conv"), "bf16": Ceiling(1600e9, "mm")}, Ceiling(40e9, "triad"))
    made = did(1e10, intensity)
    made = replace(made, case=replace(made.case, precision=precision))
    under = reached(made, {one.metric: one for one in values(made)}, roof)

    assert (under.most, under.side) == (pytest.approx(most), side)


def test_a_mixed_step_is_held_by_what_takes_more_of_it_at_the_roof(did):
    compute, memory = verdict(did(1.6e12, 16, groups=MIXED)), verdict(did(1.2e12, 6, groups=COPYING))

    assert (compute.force, compute.gain) == ("compute", pytest.approx(1 / 0.552))
    assert compute.evidence == (
        "at the measured limits the step would take 36% of its time to compute (4 TFLOP/s) and 19% of its time to move "
        "bytes (500 GB/s without a cache)"
    )
    assert (memory.force, memory.gain) == ("memory", pytest.approx(1 / (0.3 + 0.36)))
    assert verdict(did(1.4e12, 16, groups=MIXED)).force is None  # 48 % of its roof


def test_what_little_takes_of_a_step_is_not_worth_a_word(did):
    evidence = verdict(did(1e9, 16, groups=MIXED)).evidence

    assert evidence.startswith("at the measured limits the step would take less than 1% of its time; no force")


def test_bytes_that_cannot_all_have_come_from_memory_hold_nothing(did):
    cached = [(0, 300_000_000), COPYING[1]]

    assert "so caches feed it" in verdict(did(1.6e12, 3, groups=cached)).evidence
    compute = verdict(did(2.4e12, 3, groups=cached))
    assert (compute.force, compute.gain) == ("compute", pytest.approx(1 / 0.6))


def test_a_profile_tells_products_below_their_peak_from_what_is_not_explained(did):
    products = {"aten::addmm": 0.5, "aten::mkldnn_convolution": 0.2}
    found = verdict(did(1.6e12, 16, on_cpu(step=0.1, **products)))

    assert (found.force, found.gain) == ("compute", pytest.approx(1 / (1 - 0.7 + 0.4)))
    told = "70% of a profiled step is in matrix products; at their measured peak of 4 TFLOP/s they would take 40%"
    assert found.evidence == told
    assert verdict(did(1.6e12, 16, on_cpu(**{"aten::addmm": 0.49}))).force is None
    assert verdict(did(0.9e12, 4, on_cpu(**products))).force is None  # at 4 FLOP/B the memory feeds them
    assert verdict(did(1.6e12, 16, on_cpu(**products), "cuda:0")).force is None  # operators there only launch


def test_a_cpus_profile_calls_products_as_we_expect():
    convolution, linear = torch.nn.Conv2d(4, 4, 3), torch.nn.Linear(8, 8)
    images, rows, heads = torch.randn(2, 4, 8, 8), torch.randn(4, 8), torch.randn(1, 2, 16, 8)
    for one in (images, rows, heads):
        one.requires_grad_()
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        attended = torch.nn.functional.scaled_dot_product_attention(heads, heads, heads)
        both = torch.baddbmm(heads[0, 0, 0], heads[0], heads[0].transpose(1, 2) @ heads[0])
        (convolution(images).sum() + linear(rows).sum() + attended.sum() + both.sum()).backward()

    seen = {one.key for one in profiler.key_averages()}
    assert {name for name in force._PRODUCTS if not name.startswith("mkldnn::")} <= seen


def test_waiting_for_input_comes_before_all_else(did):
    found = verdict(did(3e12, 16, on_cpu(step=0.9)), data_wait=0.75)

    assert (found.force, found.gain) == ("data", pytest.approx(4.0))
    assert found.evidence == "75% of the step waits for its input"
    assert verdict(did(3e12, 16), data_wait=0.49).force == "compute"


def test_an_idle_device_is_overhead_only_where_the_roof_shows_nothing(did):
    profile = on_gpu(0.6)
    found = verdict(did(1e11, 16, profile, "cuda:0"))

    assert (found.force, found.gain) == ("overhead", pytest.approx(2.5))
    assert found.evidence == "the device works for 200 ms of a step of 500 ms, by a profile"
    assert verdict(did(3e12, 16, profile, "cuda:0")).force == "compute"
    assert verdict(did(1e11, 16, on_gpu(0.49), "cuda:0")).force is None


def test_a_device_that_idles_because_it_is_watched_is_no_overhead(did):
    """Watched, a step takes twice as long: the device then idles for 60 % of it, and works for 0.4 s as ever."""
    found = verdict(did(1e11, 16, on_gpu(0.6, slowed=2), "cuda:0"))

    assert found.force is None
    assert found.evidence.endswith("a profile shows 20% of the step without computing")


def test_on_a_cpu_overhead_is_what_is_outside_of_operators(did):
    found = verdict(did(1e11, 16, on_cpu(step=0.3, backward=0.1, optimizer=0.2, mm=0.4)))

    assert (found.force, found.gain) == ("overhead", pytest.approx(2.5))
    assert found.evidence == "operators take 200 ms of a step of 500 ms, by a profile"
    busy = verdict(did(1e11, 16, on_cpu(step=0.3, mm=0.7)))
    assert busy.force is None
    assert busy.evidence.endswith("a profile shows 30% of the step without computing")


def test_a_profile_shows_overhead_without_any_peak(did):
    assert verdict(did(1e11, 16, on_gpu(0.8), "cuda:0"), Roof()).force == "overhead"


@pytest.mark.parametrize(
    ("rate", "intensity", "roof", "reason"),
    [
        (1e12, 16, Roof(), "no bandwidth of this device in these stores; wattmark peaks -o STORE measures it"),
        (1e12, 16, Roof({}, Ceiling(5e11, "m")), "no peak of this device in fp32 in these stores; wattmark peaks"),
        (1e12, None, ROOF, "nothing was counted"),
    ],
)
def test_what_was_not_measured_is_no_verdict_and_says_what_is_missing(did, rate, intensity, roof, reason):
    found = verdict(did(rate, intensity), roof)

    assert (found.force, found.gain, found.judged) == (None, None, False)
    assert found.evidence.startswith(reason)


def test_a_case_that_was_not_measured_is_not_judged(did):
    found = verdict(replace(did(3e12, 16), status="oom", reason="too large"))

    assert (found.force, found.evidence, found.judged) == (None, "too large", False)


def test_the_gain_takes_a_case_to_its_roof_and_no_further(did):
    made = did(0.8e12, 2)
    under = reached(made, {one.metric: one for one in values(made)}, ROOF)

    assert verdict(made).gain * under.rate == pytest.approx(under.most)
