"""The joules of a training step's parts: exact with a fake clock and a counter that only counts what is spent."""

import pytest
from fake_device import FakeClock, FakeCpu, FakeGpu

from bench.joules import MOST_SECONDS, STEPS, joules
from bench.meters import Meter
from bench.profile import PHASES
from bench.record import Reading
from bench.split import split
from workloads import Prepared

WHOLE = Reading(50.0, "a counter")
SECONDS = {"forward": 0.1, "backward": 0.2, "optimizer": 0.06, "rest": 0.05}


class Counter(Meter):
    """Counts what is spent, and reads no window that is shorter than 50 ms."""

    def __init__(self, clock, needs=0.05, error=0.02):
        self.clock, self.needs, self.error = clock, needs, error
        self.spent, self.windows = 0.0, 0

    def spend(self, seconds, watts):
        self.clock.sleep(seconds)
        self.spent += seconds * watts

    def shortest(self):
        return self.needs

    def start(self):
        self.opened = self.spent, self.clock.now

    def stop(self):
        self.windows += 1
        joules, seconds = self.spent - self.opened[0], (self.clock.now - self.opened[1]) / 1e9
        if seconds < self.needs:
            return {"energy": Reading.absent(f"window too short: {seconds:.3f} s")}
        return {"energy": Reading(joules, "a counter", scope="CPU packages", error=self.error, seconds=seconds)}


@pytest.fixture
def counter():
    return Counter(FakeClock())


def step_of(counter, zeroing=0.001, rest=0.05, watts=(10.0, 20.0, 50.0, 5.0)):
    """Zeroes for a moment, as ours do, then forward, backward and update, each at its own watts."""
    forward, backward, optimizer, other = watts

    def step(i, mark=lambda part: None):
        for part, seconds, power in (
            ("optimizer", zeroing, optimizer),
            ("forward", 0.1, forward),
            ("backward", 0.2, backward),
            ("optimizer", 0.06, optimizer),
        ):
            counter.spend(seconds, power)
            mark(part)
        counter.spend(rest, other)

    return Prepared(step, [{"row": 1}], {}, {}, trains=True, parts=step)


def found(counter, prepared, device=None, whole=WHOLE):
    device = device or FakeCpu(counter.clock)
    parts = split(prepared, device, 0.4)
    return joules(prepared, device, counter, parts, whole, lambda: counter.clock.now / 1e9)


def test_each_part_has_the_joules_that_were_spent_in_it(counter):
    spent = found(counter, step_of(counter))

    assert {name: spent[f"energy.{name}"].value for name in PHASES} == pytest.approx(
        {"forward": 1.0, "backward": 4.0, "optimizer": 50 * 0.061, "rest": 0.25}
    )
    one = spent["energy.forward"]
    assert (one.source, one.scope, one.error) == (
        "a counter, 3 steps with a window for each part", "CPU packages", 0.02,
    )  # fmt: skip
    assert counter.windows == STEPS * 6  # five parts, and the window after the last of a step


def test_a_part_of_which_too_little_was_read_is_absent_and_the_others_are_there(counter):
    spent = found(counter, step_of(counter, zeroing=0.01))

    assert spent["energy.optimizer"].reason == "window too short: 0.010 s"
    assert spent["energy.backward"].value == pytest.approx(4.0)


def test_a_part_that_is_shorter_than_the_meter_needs_is_absent(counter):
    assert found(counter, step_of(counter, rest=0.02))["energy.rest"].reason == "window too short: 0.020 s"


def test_where_the_meter_needs_longer_than_any_part_lasts_nothing_more_is_run():
    slow = Counter(FakeClock(), needs=0.5)
    spent = found(slow, step_of(slow))

    assert {one.reason for one in spent.values()} == {"the longest part takes 0.200 s, and the meter needs 0.5 s"}
    assert slow.windows == 0


@pytest.mark.parametrize(
    ("whole", "reason"),
    [(None, "no meter of this run counts energy"), (Reading.absent("only root may read it"), "only root may read it")],
)
def test_without_a_meter_of_energy_the_joules_are_absent_for_its_reason(counter, whole, reason):
    assert {one.reason for one in found(counter, step_of(counter), whole=whole).values()} == {reason}
    assert counter.windows == 0


def test_what_was_not_split_is_not_metered_for_the_same_reason(counter):
    plain = Prepared(lambda i: None, [{"row": 1}], {}, {})

    assert {one.reason for one in found(counter, plain).values()} == {"the step does not train"}


def test_long_steps_are_not_metered(counter):
    prepared = step_of(counter)
    parts = {f"time.{name}": Reading(MOST_SECONDS / STEPS / 3, "a clock") for name in PHASES}

    spent = joules(prepared, FakeCpu(counter.clock), counter, parts, WHOLE)

    assert {one.reason for one in spent.values()} == {"not metered: 3 more steps would have taken 13 s"}


def test_a_counter_that_stands_still_gives_no_joules(counter):
    spent = found(counter, step_of(counter, watts=(0.0, 20.0, 50.0, 5.0)))

    assert spent["energy.forward"].reason == "a counter gave 0 J, and nothing runs on none"
    assert spent["energy.backward"].value == pytest.approx(4.0)


def test_a_device_is_waited_for_at_every_edge(counter):
    gpu = FakeGpu(counter.clock)
    counter.spend = lambda seconds, watts: gpu.submit(seconds)
    prepared = step_of(counter)
    parts = {f"time.{name}": Reading(seconds, "a clock") for name, seconds in SECONDS.items()}

    joules(prepared, gpu, counter, parts, WHOLE, lambda: counter.clock.now / 1e9)

    assert gpu.waits == STEPS * 6


def test_a_failure_costs_the_joules_only(counter):
    prepared = step_of(counter)
    parts = split(prepared, FakeCpu(counter.clock), 0.4)
    counter.stop = lambda: 1 / 0

    spent = joules(prepared, FakeCpu(counter.clock), counter, parts, WHOLE)

    assert {one.reason for one in spent.values()} == {"ZeroDivisionError: division by zero"}
