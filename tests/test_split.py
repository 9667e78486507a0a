"""The split of a training step: exact with a fake clock and a fake device, and real on this CPU."""

from dataclasses import replace

import pytest
from fake_device import FakeClock, FakeCpu, FakeGpu

from bench import precision
from bench.case import Case
from bench.caveats import caveats
from bench.device import device
from bench.job import Job
from bench.measuring import Plan
from bench.profile import PHASES
from bench.rates import value
from bench.record import Reading
from bench.split import FEWEST, MOST_SECONDS, split
from workloads import Prepared, Setup
from workloads.bert import Finetune

WHOLE = 0.1 + 0.2 + 0.05 + 0.03


def prepared(parts, batches=1, trains=True):
    return Prepared(lambda i: parts(i), [{"row": 1}] * batches, {}, {}, trains=trains, parts=parts)


def stepping(work):
    """A step that works so many seconds on each part, the optimizer's at both ends as of ours."""

    def step(i, mark=lambda part: None):
        for part, seconds in (("optimizer", 0.01), ("forward", 0.1), ("backward", 0.2), ("optimizer", 0.04)):
            work(seconds)
            mark(part)
        work(0.03)

    return step


def test_the_parts_are_what_was_done_in_them_and_add_up_to_the_step():
    clock = FakeClock()

    found = split(prepared(stepping(clock.sleep)), FakeCpu(clock), WHOLE)

    assert {name: one.value for name, one in found.items()} == pytest.approx(
        {"time.forward": 0.1, "time.backward": 0.2, "time.optimizer": 0.05, "time.rest": 0.03}
    )
    assert sum(one.value for one in found.values()) == pytest.approx(WHOLE)
    assert {one.source for one in found.values()} == {"perf_counter, 5 marked steps after the windows"}


def test_on_a_device_each_part_is_what_the_device_did_and_is_waited_for_at_the_edges_only():
    clock = FakeClock()
    gpu = FakeGpu(clock)

    found = split(prepared(stepping(gpu.submit)), gpu, WHOLE)

    assert found["time.backward"].value == pytest.approx(0.2)
    assert found["time.rest"].value == pytest.approx(0.03)
    assert found["time.rest"].source.startswith("cuda_event")
    assert gpu.waits == 2


@pytest.mark.parametrize(
    ("seconds", "batches", "steps"),
    [(0.001, 1, 50), (0.1, 1, 20), (0.1, 3, 21), (3.0, 1, 3), (3.0, 4, 3), (1.0, 4, 4), (1.0, 2, 4)],
)
def test_there_are_at_least_three_steps_of_each_batch_alike_where_there_is_time(seconds, batches, steps):
    clock, ran = FakeClock(), []

    def step(i, mark):
        ran.append(i)
        clock.sleep(0.1)
        mark("forward")

    split(prepared(step, batches), FakeCpu(clock), seconds)

    assert ran == list(range(steps))


@pytest.mark.parametrize(
    ("made", "seconds", "reason"),
    [
        (replace(prepared(stepping(lambda s: None)), parts=None), 0.1, "this workload does not tell its step's parts"),
        (replace(prepared(stepping(lambda s: None), trains=False), parts=None), 0.1, "the step does not train"),
        (
            replace(prepared(stepping(lambda s: None)), feed=object()),
            0.1,
            "a step behind an input pipeline is not split",
        ),
        (prepared(stepping(lambda s: None)), 1.01 * MOST_SECONDS / FEWEST, "not split: 3 more steps would have taken"),
        (prepared(lambda i, mark: mark("sideways")), 0.1, "the step marks sideways; the parts of a step are forward"),
        (prepared(lambda i, mark: 1 / 0), 0.1, "ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_split_is_absent_and_says_why(made, seconds, reason):
    found = split(made, FakeCpu(FakeClock()), seconds)

    assert found.keys() == {f"time.{name}" for name in PHASES}
    assert all(one.value is None and one.reason.startswith(reason) for one in found.values())


def test_a_part_that_is_not_marked_is_absent_and_not_zero():
    clock = FakeClock()

    found = split(prepared(lambda i, mark: (clock.sleep(0.1), mark("forward"))), FakeCpu(clock), 0.1)

    assert found["time.forward"].value == pytest.approx(0.1)
    assert found["time.optimizer"] == Reading.absent("the step does not mark it")


def test_a_real_training_step_tells_its_parts_and_they_are_all_of_it():
    cpu = device("cpu")
    made = Finetune(size="tiny", batch_size=2, sequence_length=16).prepare(
        Setup(cpu.torch, precision.apply("fp32", cpu), "generated")
    )
    assert made.parts is made.step  # one and the same code
    for number in range(2):
        made.step(number)

    found, marks = split(made, cpu, 0.5), []
    made.parts(0, marks.append)

    assert marks == ["rest", "optimizer", "forward", "backward", "optimizer"]
    assert all(found[f"time.{name}"].value > 0 for name in PHASES)
    assert found["time.rest"].value < 0.1 * sum(one.value for one in found.values())


def test_the_parts_of_a_real_step_add_up_to_the_time_between_its_first_mark_and_its_last():
    cpu = device("cpu")
    made = Finetune(size="tiny", batch_size=2, sequence_length=16).prepare(
        Setup(cpu.torch, precision.apply("fp32", cpu), "generated")
    )
    watched = []

    class Watched:
        synchronize = staticmethod(cpu.synchronize)

        @staticmethod
        def stopwatch():
            watch = cpu.stopwatch()
            mark = watch.mark
            watch.mark = lambda: watched.append(mark()) or watched[-1]
            return watch

    found = split(made, Watched, 0.5)

    steps = int(found["time.rest"].source.split()[1])
    assert sum(one.value for one in found.values()) == pytest.approx((watched[-1] - watched[0]) / 1e9 / steps)


def test_a_replicate_of_a_training_case_keeps_the_split_of_its_own_steps(replicated):
    axes = {"size": "tiny", "sequence_length": 16}
    case = Case("bert:Finetune", "cpu", "fp32", 2, axes, data="generated")
    quick = Plan(budget=0.05, windows=2, warmup_least=0.0, warmup_most=0.05)

    found = replicated(Job(case, device("cpu").to_json(), 0, 1, quick, ()))

    assert found.status == "ok", found.reason
    assert all(found.readings[f"time.{name}"].value > 0 for name in PHASES)
    assert "loss.first" in found.readings


def test_a_step_that_is_scaled_marks_the_same_parts(monkeypatch):
    import torch

    from workloads.steps import training_step

    weight = torch.nn.Parameter(torch.ones(3))

    class Fp16:
        @staticmethod
        def autocast():
            return torch.autocast("cpu", enabled=False)

        @staticmethod
        def scaler():
            return torch.amp.GradScaler("cpu", init_scale=2.0)

    def model(x):
        return type("Output", (), {"loss": (weight * x).sum()})

    marks = []
    step = training_step(model, torch.optim.SGD([weight], lr=0.1), [{"x": torch.ones(3)}], Fp16)
    step(0, marks.append)

    assert marks == ["rest", "optimizer", "forward", "backward", "optimizer"]
    assert weight.tolist() == pytest.approx([0.9] * 3)


@pytest.fixture
def timed(record, sample):
    """Makes a record of two replicates with steps of 0.5 s, whose marked steps took so long in all."""

    def make(*marked):
        made = record(*[[sample(step=0.5)]] * len(marked))
        parts = [
            {
                f"time.{name}": Reading(share * whole, "made")
                for name, share in zip(PHASES, (0.3, 0.5, 0.15, 0.05), strict=True)
            }
            for whole in marked
        ]
        return replace(
            made,
            replicates=tuple(replace(one, readings=found) for one, found in zip(made.replicates, parts, strict=True)),
        )

    return make


def test_a_part_has_an_interval_over_replicates(timed):
    found = value(timed(0.5, 0.51, 0.49), "time.backward")

    assert found.value == pytest.approx(0.25)
    assert found.low < 0.25 < found.high
    assert (found.unit, found.replicates, found.source) == ("s", 3, "made")


def test_marked_steps_that_took_another_time_are_a_caveat_with_both_numbers(timed):
    assert [line for line in caveats(timed(0.5, 0.6, 0.5)) if "split" in line] == [
        "the split is of steps of 600 ms where the windows' took 500 ms, off by 20% (limit 10%) in 1 of 3 replicates"
    ]
    assert "of 380 ms where the windows' took 500 ms, off by 24%" in "".join(caveats(timed(0.38, 0.5, 0.5)))
    assert not [line for line in caveats(timed(0.46, 0.54, 0.5)) if "split" in line]
