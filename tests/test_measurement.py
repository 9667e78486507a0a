"""`from bench import measure`: a step of one's own, measured for real in this process."""

import gc
import inspect
import json
import math
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
import torch

import bench
import reports
from bench import measure, own_step
from bench.device import Device
from bench.errors import SpecError, Unavailable
from bench.measurement import LATE, Measurement, judged, late
from bench.measuring import NotFinite
from bench.metric import METRICS
from bench.rates import values
from bench.record import Reading, Record, Replicate, Sample
from bench.store import Store

SCHEMA = json.loads((Path(bench.__file__).parent / "record.schema.json").read_text())
ROWS = 8


def short(step, **settings):
    return measure(step, **{"budget": 0.05, "meters": ("host",), **settings})


@pytest.fixture(scope="module")
def layer():
    net, x = torch.nn.Linear(32, 32), torch.randn(ROWS, 32)

    def step():
        with torch.no_grad():
            return net(x)

    return step


@pytest.fixture(scope="module")
def measured(layer):
    return measure(layer, work={"row": ROWS, "token": 32.0}, budget=0.05)


def python(script):
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_the_package_imports_neither_torch_nor_the_harness_until_measure_is_asked_for():
    script = (
        "import json, sys, bench\n"
        "before = sorted(name for name in sys.modules if name.split('.')[0] in ('bench', 'torch', 'reports'))\n"
        "from bench import measure, Measurement\n"
        "print(json.dumps([before, 'torch' in sys.modules, measure.__module__, Measurement.__name__]))"
    )

    assert python(script) == [["bench"], True, "bench.measurement", "Measurement"]


def test_the_package_has_nothing_else():
    with pytest.raises(AttributeError, match="no attribute 'mesure'"):
        bench.mesure  # noqa: B018


def test_a_measurement_is_a_record_with_one_replicate_and_so_without_intervals(measured):
    (replicate,) = measured.record.replicates

    assert isinstance(measured, Measurement)
    assert measured.record.status == replicate.status == "ok"
    assert [measured[name] for name in METRICS] == values(measured.record)
    assert measured["time.step"].value > 0
    assert all(one.low is None and one.high is None for one in values(measured.record))
    assert replicate.made == {"how": "in the caller's process", "result": "finite"}


def test_a_misspelt_metric_is_an_error_and_not_a_missing_number(measured):
    with pytest.raises(KeyError, match=r"time\.setp"):
        measured["time.setp"]


def test_work_divided_by_time_is_throughput_in_the_first_unit(measured):
    throughput, step = measured["throughput"], measured["time.step"]

    assert throughput.unit == "row/s"
    assert throughput.value * step.value == pytest.approx(ROWS)
    assert measured["throughput.token"].value == pytest.approx(4 * throughput.value)


def test_a_mere_number_of_work_counts_items():
    found = short(lambda: None, work=3)

    assert found["throughput"].unit == "item/s"
    assert found["throughput"].value * found["time.step"].value == pytest.approx(3)


@pytest.mark.alone
def test_a_longer_step_takes_longer_and_its_windows_hold_all_of_its_time():
    longer, shorter = short(lambda: time.sleep(0.02)), short(lambda: time.sleep(0.002))

    assert longer["time.step"].value > 3 * shorter["time.step"].value
    for sample in longer.record.samples:
        assert math.isclose(sum(sample.step_seconds), sample.seconds, rel_tol=0.2)


def test_a_record_of_ones_own_step_is_kept_and_reported_like_any_other(measured, tmp_path):
    document = json.loads(measured.record.to_json())
    schema = json.loads(json.dumps(SCHEMA))
    precisions = schema["properties"]["case"]["properties"]["precision"]
    precisions["enum"] = list(dict.fromkeys([*precisions["enum"], "own"]))
    jsonschema.validate(document, schema)
    Store(tmp_path / "store").write(measured.record)
    kept = list(Store(tmp_path / "store"))
    paths = [tmp_path / f"report.{suffix}" for suffix in ("html", "xlsx", "csv", "md", "json")]
    reports.write(kept, None, paths)

    assert kept == [measured.record]
    assert all(path.stat().st_size > 500 for path in paths)
    assert measured.record.case.workload in paths[4].read_text()


def test_nothing_is_claimed_of_a_model_that_we_did_not_build(measured):
    record = measured.record

    assert (record.case.precision, record.case.data, record.inputs, record.model, record.version) == (
        *("own", "own"),
        *(None, None, None),
    )
    assert measured["flop.rate"].value is None
    assert measured["flop.rate"].reason


def test_a_step_that_can_be_called_without_arguments_is():
    seen = []
    short(lambda number="none": seen.append(number))

    assert set(seen) == {"none"}


def test_any_other_step_is_given_its_number():
    seen = []
    found = short(lambda number: seen.append(number))

    assert seen == list(range(len(seen)))
    assert found.record.samples[-1].first_step + found.record.samples[-1].steps == len(seen)


def test_a_step_that_wants_more_is_refused_before_it_runs():
    with pytest.raises(TypeError, match=r"takes \(model, batch\).*without arguments, or with the number"):
        measure(lambda model, batch: pytest.fail("it ran"))


@pytest.mark.parametrize("thing", [torch.zeros(2), None, 3], ids=["tensor", "None", "number"])
def test_what_is_no_function_is_refused_with_what_would_be_right(thing):
    with pytest.raises(TypeError, match=rf"not something of type {type(thing).__name__}: pass the function"):
        measure(thing)


@pytest.mark.parametrize(
    "result", [None, (torch.zeros(1),), {"loss": 1.0}, "text"], ids=["None", "tuple", "dict", "text"]
)
def test_a_result_that_is_no_number_is_not_looked_at_and_the_record_says_so(result):
    kind = "None" if result is None else type(result).__name__

    assert short(lambda: result).record.replicates[0].made["result"] == f"not checked: the step returns {kind}"


@pytest.mark.parametrize("bad", [float("nan"), torch.tensor([1.0, float("inf")])], ids=["nan", "inf in a tensor"])
def test_a_result_that_is_not_finite_is_no_measurement(bad):
    with pytest.raises(NotFinite, match="not a finite number"):
        short(lambda: bad)


def test_a_result_that_stops_being_finite_is_found():
    with pytest.raises(NotFinite):
        short(lambda number: torch.tensor(1.0 if number < 5 else float("nan")))


def test_the_loss_of_a_training_step_is_kept():
    found = short(lambda number: torch.tensor(9.0 - (number > 0)), trains=True)

    assert (found["loss.first"].value, found["loss.last"].value) == (9.0, 8.0)
    assert short(lambda: 1.0)["loss.first"].value is None


def test_a_training_step_without_a_loss_is_refused():
    with pytest.raises(TypeError, match="must return its loss, a tensor or a number, not None"):
        short(lambda: None, trains=True)


@pytest.mark.parametrize(
    "work", [0, -1, math.nan, math.inf, "many", {}, {"": 1}, {"image": 0}, {"image": "32"}], ids=str
)
def test_work_that_is_no_amount_is_refused(work):
    with pytest.raises(ValueError, match=r"work = .*a number above 0 is needed"):
        measure(lambda: pytest.fail("it ran"), work=work)


@pytest.mark.parametrize("budget", [0, -1.0, math.inf, math.nan, "long"], ids=str)
def test_a_budget_that_is_no_time_is_refused(budget):
    with pytest.raises(ValueError, match=r"budget = .*seconds above 0"):
        measure(lambda: pytest.fail("it ran"), budget=budget)


def test_a_device_or_meter_that_is_not_here_is_refused():
    with pytest.raises(Unavailable, match="no device cuda:99"):
        measure(lambda: pytest.fail("it ran"), device="cuda:99")
    with pytest.raises(SpecError, match="no such meter"):
        measure(lambda: pytest.fail("it ran"), meters="hots")


def test_one_meter_may_be_named_without_a_list(layer):
    assert short(layer, meters="host")["throughput"].value > 0


def test_a_result_on_another_device_than_the_measured_one_is_refused():
    with pytest.raises(ValueError, match=r"on meta, and cpu was to be measured.*device='meta'"):
        short(lambda: torch.zeros(1, device="meta"), device="cpu")


def test_an_error_of_the_step_reaches_the_caller_as_it_is():
    with pytest.raises(ZeroDivisionError):
        short(lambda: 1 / 0)


def test_the_process_has_its_collector_back_afterwards(layer):
    class Cycle:
        died = False

        def __del__(self):
            Cycle.died = True

    cycle = Cycle()
    cycle.itself = cycle
    short(layer)
    del cycle
    gc.collect()

    assert gc.get_freeze_count() == 0
    assert Cycle.died


def test_what_the_caller_has_frozen_stays_frozen(layer):
    gc.freeze()
    try:
        short(layer)
        assert gc.get_freeze_count() > 0
    finally:
        gc.unfreeze()


def test_a_peak_of_memory_before_measuring_is_not_the_steps():
    script = (
        "import json, torch\n"
        "from bench import measure\n"
        "size = [20_000_000]\n"  # 80 MB in fp32
        "step = lambda: torch.ones(size[0]).sum()\n"
        "first = measure(step, budget=0.05, meters='host')['memory.host']\n"
        "size[0] = 1000\n"
        "second = measure(step, budget=0.05, meters='host')['memory.host']\n"
        "print(json.dumps([first.value, second.value, second.reason]))"
    )
    first, second, reason = python(script)

    assert first > 80e6
    assert second is None
    assert f"had its peak, {first / 1e9:.3f} GB, before measuring began" in reason


def test_the_words_say_what_was_measured_and_why_the_rest_was_not(measured):
    text = str(measured)
    lines = text.splitlines()

    assert repr(measured) == text
    assert lines[0].startswith(f"{measured.record.case.workload} on cpu (")
    assert any(line.split()[0] == "Throughput" and line.endswith("row/s") for line in lines)
    assert any(line.strip().startswith("Time per step") for line in lines)
    for title, metric in (("Power", "power.mean"), ("Gross energy per item", "energy.item")):
        line = next(line for line in lines if line.strip().startswith(title))
        if measured[metric].value is None:
            assert "—" in line
            assert measured[metric].reason.split()[0] in line
    assert "one process: no interval over processes" in " ".join(text.split())
    assert "±" not in text
    assert max(map(len, lines)) <= 100


def test_a_measurement_whose_numbers_cannot_be_publishes_none(measured):
    (replicate,) = measured.record.replicates
    first, *others = replicate.samples
    impossible = replace(replicate, samples=(replace(first, seconds=first.seconds / 2), *others))
    found = Measurement(judged(replace(measured.record, replicates=(impossible,))))

    assert judged(measured.record) is measured.record
    assert found.record.status == "failed"
    assert found["throughput"].value is None
    assert "implausible: the steps took" in " ".join(str(found).split())
    assert "row/s" not in str(found)


def on_gpu(readings, facts):
    sample = Sample(0, 1, 1.0, (1.0,), {"item": 1}, readings={"memory.process": readings["memory.process"]})
    return Replicate(
        0, "ok", samples=(sample,), readings={"power.idle": readings["power.idle"]}, meters={"nvml": facts}
    )


def test_what_needs_a_process_that_is_new_to_its_device_is_absent():
    known = {"power.idle": Reading(70.0, "NVML"), "memory.process": Reading(1e9, "growth of NVML's memory in use")}
    found = late(on_gpu(known, {"pids": "host", "foreign": [{"pid": 7, "when": "before"}]}))

    assert found.readings["power.idle"] == Reading.absent(LATE)
    assert found.samples[0].readings["memory.process"].value is None
    assert found.meters["nvml"]["foreign"]["value"] is None
    assert LATE in found.meters["nvml"]["foreign"]["reason"]


def test_what_does_not_need_it_stays():
    known = {"power.idle": Reading.absent("no NVML here"), "memory.process": Reading(1e9, "NVML processes")}
    foreign = [{"pid": 7, "when": "before"}]
    before = on_gpu(known, {"pids": "own", "foreign": foreign})

    assert late(before) == before


@pytest.fixture
def gpus(monkeypatch):
    """Lets this process have had so many bytes on each of some accelerators; None for one whose torch does not tell."""

    def have(*peaks):
        cpu = Device("cpu", "a CPU", None, 1)
        found = [Device(f"cuda:{index}", "a GPU", None, 1) for index in range(len(peaks))]

        def peak(device):
            if peaks[device.index] is None:
                raise RuntimeError("no statistics")
            return peaks[device.index]

        monkeypatch.setattr(own_step, "devices", lambda: [cpu, *found])
        monkeypatch.setattr(torch.accelerator, "max_memory_allocated", peak)

    return have


@pytest.mark.parametrize(
    ("peaks", "chosen"),
    [((), "cpu"), ((0,), "cpu"), ((5,), "cuda:0"), ((0, 5), "cuda:1"), ((None,), "cuda:0")],
    ids=str,
)
def test_the_device_is_by_default_the_one_that_the_process_has_memory_on(gpus, peaks, chosen):
    gpus(*peaks)

    assert own_step.choose(None).name == chosen


def test_which_of_two_devices_in_use_is_meant_has_to_be_said(gpus):
    gpus(5, 5)

    with pytest.raises(ValueError, match="uses cuda:0, cuda:1; say where the step runs"):
        own_step.choose(None)


def test_a_step_that_goes_to_a_device_of_its_own_accord_is_not_measured_as_the_cpus(gpus):
    gpus(0)

    def step(number):
        gpus(5)

    with pytest.raises(ValueError, match="the step used cuda:0; say where it runs: device='cuda:0'"):
        short(step)


def test_a_record_names_nobody(layer):
    home = str(Path.home())
    found = short(layer, meters=[f"rapl:{home}/counters"], name=f"{home}/mine.py:step")

    assert "~/counters is not there" in found["power.mean"].reason
    assert home not in found.record.to_json()


def test_a_record_that_was_read_back_is_the_same(measured):
    assert Record.from_json(measured.record.to_json()) == measured.record


def test_the_plugins_marker_takes_the_settings_of_measure():
    from bench.pytest_plugin.marker import SETTINGS

    assert set(inspect.signature(measure).parameters) - {"step", "name"} == SETTINGS
