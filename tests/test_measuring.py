"""Measuring with a fake clock and a fake device that works only when it is waited for: every number is exact."""

import pytest
import torch
from fake_device import FakeClock, FakeCpu, FakeGpu

from bench.measuring import NotFinite, Plan, finite, measure
from bench.meters import Meter
from bench.record import Reading

PLAN = Plan(budget=1.0, windows=5, warmup_least=0.0, warmup_most=1.0)
WORK = [{"sequence": 2.0, "token": 10.0}, {"sequence": 2.0, "token": 30.0}]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.int64])
def test_a_result_is_looked_at_in_fp32_whatever_its_type(dtype):
    assert finite(torch.tensor([1, 2, 60_000, 60_000]).to(dtype)).value == pytest.approx(30_001, rel=0.01)


def test_a_step_that_returns_at_once_is_timed_by_when_the_device_has_done_it():
    clock = FakeClock()
    gpu = FakeGpu(clock)

    found = measure(lambda i: gpu.submit(0.02) or 1.0, WORK, gpu, PLAN, clock=clock)

    assert found.clock == "cuda_event"
    for sample in found.samples:
        assert sample.seconds == pytest.approx(0.02 * sample.steps)
        assert sample.step_seconds == pytest.approx([0.02] * sample.steps)


def test_throughput_times_time_is_the_work_whatever_batches_a_window_held():
    clock = FakeClock()

    found = measure(lambda i: clock.sleep((0.03, 0.05)[i % 2]) or 1.0, WORK, FakeCpu(clock), PLAN, clock=clock)

    for sample in found.samples:
        numbers = range(sample.first_step, sample.first_step + sample.steps)
        assert sample.work["token"] == sum((10, 30)[i % 2] for i in numbers)
        assert sample.seconds == pytest.approx(sum((0.03, 0.05)[i % 2] for i in numbers))


def test_no_step_is_left_out_or_counted_twice():
    clock, ran = FakeClock(), []

    found = measure(lambda i: ran.append(i) or clock.sleep(0.01) or 1.0, WORK, FakeCpu(clock), PLAN, clock=clock)

    assert ran == list(range(len(ran)))
    assert len(ran) == len(found.warmup_seconds) + sum(sample.steps for sample in found.samples)


def test_a_slow_first_step_is_warm_up_and_not_measured():
    clock = FakeClock()

    found = measure(lambda i: clock.sleep(9.0 if i == 0 else 0.1) or 1.0, WORK, FakeCpu(clock), PLAN, clock=clock)

    assert found.warmup_seconds[0] == 9.0
    assert max(seconds for sample in found.samples for seconds in sample.step_seconds) == pytest.approx(0.1)


def test_a_step_that_keeps_getting_faster_is_called_unsteady():
    clock = FakeClock()

    found = measure(lambda i: clock.sleep(0.5 * 0.85**i) or 1.0, WORK, FakeCpu(clock), PLAN, clock=clock)

    assert not found.steady


def test_a_meter_is_read_outside_the_timed_part_and_its_readings_belong_to_the_window():
    clock, order = FakeClock(), []

    class Slow:
        def start(self):
            order.append("start")
            clock.sleep(5.0)

        def stop(self):
            order.append("stop")
            clock.sleep(5.0)
            return {"energy": Reading(3.0, "fake")}

        def shortest(self):
            return 0.0

    def step(i):
        order.append("step")
        clock.sleep(0.1)
        return 1.0

    found = measure(step, WORK, FakeCpu(clock), PLAN, meter=Slow(), clock=clock)

    assert all(sample.seconds == pytest.approx(0.1 * sample.steps) for sample in found.samples)
    assert all(sample.readings["energy"].value == 3.0 for sample in found.samples)
    assert order[order.index("start") :].count("start") == len(found.samples)
    assert order[-1] == "stop"


def test_the_budget_ends_sampling_of_a_step_that_never_settles():
    clock = FakeClock()

    found = measure(lambda i: clock.sleep(0.02 * (1 + i * i % 7)) or 1.0, WORK, FakeCpu(clock), PLAN, clock=clock)

    assert found.ended_by == "budget"
    assert sum(sample.seconds for sample in found.samples) <= 1.5 * PLAN.budget


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_result_that_is_not_finite_fails_the_case_though_it_was_fast(bad):
    clock = FakeClock()

    with pytest.raises(NotFinite):
        measure(lambda i: clock.sleep(0.1) or (bad if i > 5 else 1.0), WORK, FakeCpu(clock), PLAN, clock=clock)


def test_losses_are_kept_only_of_a_step_that_trains():
    clock = FakeClock()

    def step(i):
        clock.sleep(0.1)
        return 10.0 - i

    trained = measure(step, WORK, FakeCpu(clock), PLAN, trains=True, clock=clock)
    inferred = measure(step, WORK, FakeCpu(clock), PLAN, clock=clock)

    assert trained.losses["loss.first"].value == 10.0
    assert trained.losses["loss.last"].value < 10.0
    assert inferred.losses == {}


class Patient(Meter):
    """Needs long windows."""

    def shortest(self):
        return 2.0

    def start(self): ...

    def stop(self):
        return {}


def test_windows_are_as_long_as_the_meter_needs_them():
    clock = FakeClock()

    found = measure(lambda i: clock.sleep(0.1) or 1.0, WORK, FakeCpu(clock), PLAN, meter=Patient(), clock=clock)

    assert min(sample.seconds for sample in found.samples) >= 2.0


def test_a_window_is_continued_where_steps_got_faster_since_the_warm_up():
    clock = FakeClock()

    step = lambda i: clock.sleep(0.3 if i < 8 else 0.1) or 1.0  # noqa: E731
    found = measure(step, WORK, FakeCpu(clock), PLAN, meter=Patient(), clock=clock)

    assert min(sample.seconds for sample in found.samples) >= 2.0
    for sample in found.samples:
        assert sample.steps == len(sample.step_seconds)
        assert sample.seconds == pytest.approx(sum(sample.step_seconds))


def test_a_window_of_very_fast_steps_ends_at_the_most_steps_although_the_meter_wants_longer():
    clock = FakeClock()

    plan = Plan(budget=1.0, windows=5, warmup_least=0.0, warmup_most=1.0, most_steps=50)
    found = measure(lambda i: clock.sleep(0.001) or 1.0, WORK, FakeCpu(clock), plan, meter=Patient(), clock=clock)

    assert [sample.steps for sample in found.samples] == [50]
