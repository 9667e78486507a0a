"""Exact counters of real steps: what is added shows, what is not stays equal in any process."""

import gc
import json
import mmap
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
import toys

from bench import replicate
from bench.book import Book
from bench.case import Case
from bench.counted import COUNTERS
from bench.counters import count
from bench.device import Device, devices
from bench.engines.local import Engine
from bench.gating import Gating
from bench.job import Job, Outcome
from bench.judge.counters import compare
from bench.measuring import Plan
from bench.precision import Precision
from bench.record import Flops
from bench.replicate import _count_flops
from bench.store import Store
from bench.typed import typed
from workloads import Prepared, Setup
from workloads.bert import Classify

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = Device("cpu", "a CPU", None, None)
PLAN = Plan(budget=0.05, windows=5, warmup_least=0.0, warmup_most=0.2)
CHANGED = Case("toys:Changed", "cpu", "fp32", 4, {"width": 64})
TINY = {"size": "tiny", "sequence_length": 32}
PRELOAD = ("workloads.bert", "transformers.models.bert.modeling_bert", "torch.utils.flop_counter")
# Equal in any process, whatever its seed; faults are nearly so.
EXACT = tuple(name for name in COUNTERS if name != "faults")


@pytest.fixture(scope="module")
def engine():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        with Engine(PRELOAD) as engine:
            yield engine


@pytest.fixture
def pinned(monkeypatch):
    """The allocator as the engine pins it; for a process that runs already it is only said."""
    monkeypatch.setenv("MALLOC_MMAP_THRESHOLD_", str(32 << 20))


def prepared(workload, device=CPU, seed=0):
    return workload.prepare(Setup(device.torch, Precision("fp32", device.kind, torch.float32), "generated", None, seed))


def counted(made, device=CPU):
    """The counters of a prepared workload after two steps."""
    for number in range(2):
        made.step(number)
    return count(made, device, _count_flops(made))


def changed(**axes):
    return counted(prepared(toys.Changed(batch_size=4, width=64, **axes)))


def values(counters):
    return {name: counters[name]["value"] for name in EXACT}


def counted_there(engine, case=CHANGED, **rest):
    """The outcome of a process that only counts."""
    job = Job(case, CPU.to_json(), 0, rest.pop("seed", 1), PLAN, (), **{"count_only": True, **rest})
    return typed(engine.run("replicate", job.to_json(), 120).result, Outcome)


def more(base, head, name):
    return head[name]["value"] - base[name]["value"]


def verdicts(base, head):
    found = compare(CHANGED, base, head, Gating())
    return {finding.metric: finding.verdict for finding in found if finding.verdict != "unchanged"}


def test_every_counter_has_a_value_with_its_source_or_a_reason(pinned):
    found = changed()

    assert found.keys() == COUNTERS.keys()
    for one in found.values():
        assert ("source" in one) == (one["value"] is not None) == ("reason" not in one)
        assert sum(one.get("histogram", {}).values()) in (0, one["value"])


def test_a_step_of_one_layer_counts_what_it_does(pinned):
    found = changed()

    # x @ w.T + b, and relu: both results of 4 x 64 floats live together.
    assert found["operators"]["histogram"] == {"aten.addmm.default": 1, "aten.relu.default": 1, "aten.t.default": 1}
    assert found["flop.dispatched"]["value"] == found["flop.computed"]["value"] == 2 * 4 * 64 * 64
    assert found["bytes.dispatched"]["value"] == 4 * (64 * 64 + 64 + 2 * 4 * 64) + 4 * (2 * 4 * 64)
    assert found["allocated.step"]["value"] == found["memory.peak"]["value"] == 2 * 4 * 64 * 4
    assert found["parameters"]["value"] == 64 * 64 + 64
    assert found["parameters.bytes"]["reason"] == "the workload does not give its bytes"
    assert found["kernels"]["reason"] == "kernels are counted on cuda only, not on cpu"
    assert found["graph.breaks"]["reason"] == "nothing is compiled"


def test_what_a_step_frees_of_its_own_is_not_in_its_peak():
    found = changed(copies=5)

    assert found["allocated.step"]["value"] == (2 + 5) * 4 * 64 * 4
    assert found["memory.peak"]["value"] == 2 * 4 * 64 * 4


def test_the_peak_is_beyond_what_the_step_before_left_as_gradients_are():
    def peak(before_clearing):
        held = []

        def step(number):
            kept = list(held) if before_clearing else None
            held.clear()
            held.append(torch.empty(1000))
            return kept

        return counted(Prepared(step, [{"row": 1}], {}, {}))["memory.peak"]["value"]

    assert peak(before_clearing=False) == 0
    assert peak(before_clearing=True) == 4000


def test_six_products_added_to_bert_are_six_operators_with_their_flops_and_bytes():
    made = prepared(Classify(batch_size=2, **TINY))
    left, right = torch.randn(64, 128), torch.randn(128, 128)

    def slower(number):
        with torch.inference_mode():
            for _ in range(6):
                left @ right
        return made.step(number)

    base, head = counted(made), counted(replace(made, step=slower))

    assert more(base, head, "operators") == 6
    assert more(base, head, "flop.dispatched") == 6 * 2 * 64 * 128 * 128
    assert more(base, head, "flop.computed") == 0  # of the model, which is the same
    assert more(base, head, "allocated.step") == 6 * 64 * 128 * 4
    first, *_ = compare(CHANGED, base, head, Gating())
    assert (first.metric, first.verdict) == ("operators", "regressed")
    assert first.reasons == ("operators: new: aten.mm.default 6.",)


@pytest.mark.parametrize("variant", ["plain", "packed"])
def test_bert_dispatches_exactly_what_its_formula_says_its_fused_attention_included(variant):
    made = prepared(Classify(batch_size=2, variant=variant, **TINY))
    found = counted(made)

    assert any("flash_attention" in name for name in found["operators"]["histogram"])
    assert found["flop.dispatched"]["value"] == made.flops(0)


def test_an_added_copy_is_an_operator_with_its_bytes_and_no_flops():
    more = dict.fromkeys(("operators", "bytes.dispatched", "allocated.step"), "regressed")

    assert verdicts(changed(), changed(copies=1)) == more


def test_another_activation_of_equal_cost_is_not_called_unchanged():
    base, head = changed(), changed(activation="tanh")

    assert verdicts(base, head) == {"operators": "inconclusive"}
    (swapped,) = (one for one in compare(CHANGED, base, head, Gating()) if one.metric == "operators")
    assert swapped.reasons == ("operators: gone: aten.relu.default 1, new: aten.tanh.default 1.",)


@pytest.mark.parametrize("chance", ["torch", "numpy", "random"])
def test_layers_left_out_by_chance_are_the_same_ones_at_every_count(chance):
    first, second = changed(chance=chance), changed(chance=chance)

    assert first["operators"]["value"] > 3
    assert first == {**second, "faults": first["faults"]}


def test_a_step_unlike_the_one_before_has_no_count_and_says_so():
    found = changed(chance="step")

    assert {name: found[name]["value"] for name in ("operators", "flop.dispatched", "allocated.step")} == {
        **{"operators": None, "flop.dispatched": None, "allocated.step": None}
    }
    assert found["operators"]["reason"] == "two steps in a row dispatched different operators: aten.mm.default"
    assert found["allocated.step"]["reason"].startswith("two steps in a row asked for ")


def test_a_step_that_fails_while_it_is_counted_costs_the_counts_and_nothing_else(pinned):
    def broken(number):
        raise KeyError("the cat ate it")

    found = count(Prepared(broken, [{"row": 1}], {}, {"parameters": 3}), CPU, [Flops(7, 7)])

    assert found["parameters"]["value"] == 3
    assert found["flop.computed"]["value"] == 7
    for name in ("operators", "flop.dispatched", "allocated.step", "memory.peak", "faults"):
        assert found[name] == {"value": None, "reason": "KeyError: 'the cat ate it'"}


def test_garbage_is_collected_between_steps_only():
    seen = []
    count(Prepared(lambda number: seen.append(gc.isenabled()), [{"row": 1}], {}, {}), CPU, [None])

    assert set(seen) == {False}
    assert gc.isenabled()


def test_flops_are_of_the_first_batch_and_absent_where_a_workload_does_not_count_them():
    made = Prepared(lambda number: None, [{"row": 1}] * 2, {}, {})

    assert count(made, CPU, [None, None])["flop.computed"] == {
        "value": None,
        "reason": "the workload does not count its FLOPs",
    }
    assert count(made, CPU, [Flops(2, 1), Flops(4, 3)])["flop.computed"] == {"value": 2, "source": "the workload"}


def test_threads_change_no_operator():
    made = prepared(Classify(batch_size=2, **TINY))
    one = counted(made)
    torch.set_num_threads(2)
    two = counted(made)

    for name in ("operators", "flop.dispatched", "memory.peak"):
        assert one[name] == two[name]


def test_pages_that_every_step_takes_anew_are_counted(pinned):
    base, head = changed(), changed(pages=300)

    assert 300 <= more(base, head, "faults") < 364
    assert verdicts(base, head) == {"faults": "regressed"}


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="needs Linux")
def test_faults_are_of_small_pages_whether_or_not_the_kernel_has_a_huge_one_to_give(pinned):
    def step(number):
        with mmap.mmap(-1, 8 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
            memory.madvise(mmap.MADV_HUGEPAGE)
            for start in range(0, len(memory), mmap.PAGESIZE):
                memory[start] = 1

    found = count(Prepared(step, [{"row": 1}], {}, {}), CPU, [None])["faults"]["value"]

    assert 0 <= found - (8 << 20) // mmap.PAGESIZE < 64


def test_faults_are_not_counted_where_the_allocator_is_not_pinned(monkeypatch):
    monkeypatch.delenv("MALLOC_MMAP_THRESHOLD_", raising=False)

    assert "pins the allocator" in changed()["faults"]["reason"]


def test_a_process_that_only_counts_measures_nothing(engine):
    found = counted_there(engine)

    assert found.replicate.status == "ok"
    assert found.replicate.samples == ()
    assert found.replicate.warmup_seconds == ()
    assert (found.version, found.model["parameters"], list(found.flops)) == (1, 64 * 65, [(2 * 4 * 64 * 64,) * 2])
    assert found.counters["operators"]["value"] == 3
    assert found.counters["faults"]["value"] is not None


def test_a_measured_replicate_counts_the_same_when_it_is_asked_to(engine):
    asked, not_asked = (counted_there(engine, count_only=False, count=count) for count in (True, False))

    assert len(asked.replicate.samples) > 0
    assert values(asked.counters) == values(counted_there(engine).counters)
    assert not_asked.counters is None


def test_of_slow_steps_only_as_many_are_run_as_cannot_cost_the_replicate(sample):
    ran = []

    def counted(step):
        """What is counted of steps that take so long, and how many of them ran."""
        ran.clear()
        built = SimpleNamespace(prepared=Prepared(ran.append, [{"row": 1}], {}, {"parameters": 3}))
        found = replicate._counters(built, CPU, [Flops(7, 7)], sample(step))
        return {name for name, one in found.items() if one["value"] is not None}, found, len(ran)

    known = {"flop.computed", "parameters"}
    operators = {"operators", "flop.dispatched", "bytes.dispatched"}
    memory = {"allocated.step", "memory.peak"}
    within = replicate.COUNT_SECONDS

    nothing, found, steps = counted(within / 1.9)
    assert (nothing, steps) == (known, 0)
    assert found.keys() == COUNTERS.keys()
    assert found["operators"]["reason"] == "not counted: 2 more steps would have taken too long"
    assert counted(within / 3.9)[::2] == (known | operators, 2)  # before all else: a case's limits hang on them
    assert counted(within / 4.1)[::2] == (known | operators | memory, 4)
    some, _, steps = counted(within / 9.1)
    assert some - {"faults"} == known | operators | memory  # faults are absent where the allocator is not pinned
    assert steps <= 9


def test_what_fails_before_it_can_be_counted_says_how(engine):
    found = counted_there(engine, Case("toys:Faulty", "cpu", "fp32", 4, {"fault": "raise", "at": "prepare"}))

    assert (found.replicate.status, found.counters) == ("failed", None)


@pytest.mark.parametrize(
    ("workload", "precision"), [("bert:Finetune", "fp32"), ("bert:Pretrain", "bf16"), ("bert:Classify", "bf16")]
)
def test_bert_counts_the_same_in_fresh_processes_with_other_weights_and_dropout(engine, workload, precision):
    case = Case(workload, "cpu", precision, 2, TINY, "generated")
    outcomes = [counted_there(engine, case, seed=seed) for seed in (1, 2)]
    if outcomes[0].replicate.status == "unsupported":  # an older CPU
        return
    one, other = (outcome.counters for outcome in outcomes)

    assert {name: one[name] for name in EXACT} == {name: other[name] for name in EXACT}
    assert one["operators"]["value"] > 50
    assert one["parameters.bytes"]["value"] == 4 * one["parameters"]["value"]
    assert verdicts(one, other) == {}


def test_graph_breaks_and_recompiles_are_counted_with_their_reasons(engine):
    case = Case("toys:Compiled", "cpu", "fp32", 4, {"width": 64})
    base, broken, shapes = (
        counted_there(engine, replace(case, parameters={**case.parameters, **axes})).counters
        for axes in ({}, {"breaks": 2}, {"shapes": 3})
    )

    assert (base["graph.breaks"]["value"], base["graph.recompiles"]["value"]) == (0, 0)
    assert broken["graph.breaks"]["value"] == 2
    assert shapes["graph.recompiles"]["value"] == 2
    assert all("size mismatch" in why for why in shapes["graph.recompiles"]["histogram"])
    # A compiled layer is counted as it is written.
    assert base["operators"]["histogram"] == {"aten.addmm.default": 1, "aten.t.default": 1}
    first, *_ = compare(case, base, broken, Gating())
    assert (first.metric, first.verdict, first.base, first.head) == ("graph.breaks", "regressed", 0, 2)


def test_a_record_keeps_the_counters_of_the_first_replicate_that_has_them(engine, tmp_path, record):
    book = Book(Store(tmp_path), record().run, {"cpu": {}})
    assert not book.counted(CHANGED)

    job = Job(CHANGED, CPU.to_json(), 0, 1, PLAN, (), count=True)
    written = book.add(CHANGED, 0, engine.run("replicate", job.to_json(), 120))

    assert book.counted(CHANGED)
    assert written.counters["operators"]["histogram"]["aten.addmm.default"] == 1
    again = book.add(CHANGED, 1, engine.run("replicate", replace(job, index=1, count=False).to_json(), 120))
    assert again.counters == written.counters
    (kept,) = Store(tmp_path)
    assert json.loads(json.dumps(written.counters)) == kept.counters


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpu_counts_kernels_and_bytes_the_same_every_time_and_six_products_more():
    gpu = next(device for device in devices() if device.kind == "cuda")
    base, same, head = (
        counted(prepared(toys.Changed(batch_size=4, width=64, extra=extra), gpu, seed), gpu)
        for extra, seed in ((0, 1), (0, 2), (6, 1))
    )

    assert values(base) == values(same)
    assert more(base, head, "kernels") >= 6
    assert more(base, head, "operators") == 6
    assert more(base, head, "allocated.step") == 6 * 4 * 64 * 4
    assert base["memory.peak"]["value"] == 2 * 4 * 64 * 4
