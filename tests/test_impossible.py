"""Six numbers that were published and cannot be, as records: each is caught where a reader of the report will see it.

They are in tests/records/impossible, a store for each; what is right lies a hair beside what is wrong, and passes.
"""

from __future__ import annotations

from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest

from bench.labels import miscounted, mislabelled
from bench.scaling import superlinear
from bench.store import read
from reports import build, exporter

STORES = Path(__file__).parent / "records" / "impossible"
# What was claimed, and what the report says of it instead.
CAUGHT = {
    # optimum-benchmark 0.6.0, training: the samples of all steps over the time of one, 17.9/s where it was 2.56/s.
    "throughput-times-steps": "the steps took 10.9",
    # The same, inference: autocast asked for on a CPU set CUDA's.
    "bf16-in-fp32": "labelled bf16, but of the 22.35 GFLOP that its operators did 100% were in float32",
    # Lambda's table of training throughput, BERT-base on B200.
    "eight-devices": "8 devices reach 21.5 times the throughput of 1, and 8 times is the most that they can",
    # MLPerf Inference v5.1's summary of Whisper, H200: tokens under the name of samples.
    "tokens-as-samples": "2030.72 sample in a step with a batch size of 32",
    # ResNet-50 against a peak from torch.mm, which MKL runs at half width on this CPU.
    "half-width-peak": "the measured peak is too low",
    # torch's FlopCounterMode on a CPU: no attention in BERT-base at 512.
    "flops-without-attention": "a step's FLOPs are counted as 86.97 GFLOP, and its operators did 96.64 GFLOP",
}


def test_there_is_a_seed_for_each():
    assert {path.name for path in STORES.iterdir()} == set(CAUGHT)


@pytest.mark.parametrize(("name", "words"), CAUGHT.items())
def test_an_impossible_number_is_caught_in_every_report(name, words):
    report = build(read([STORES / name]))

    assert any(words in text for row in report.cases for text in (*row.caveats, row.status.note))
    for form in ("md", "html", "csv", "json"):
        assert words.split(",")[0] in unescape(exporter(Path(form)).export(report).decode())


@pytest.mark.parametrize("name", ["throughput-times-steps", "bf16-in-fp32"])
def test_what_cannot_be_is_never_the_fastest_even_where_its_record_says_ok(name):
    (record,) = read([STORES / name])
    (row,) = build([record]).cases
    believed = replace(record, counters=None) if name == "bf16-in-fp32" else None

    assert record.status == "ok"
    assert row.status.text == "failed"
    assert row.status.note.startswith("implausible: ")
    assert build([record]).summary.rows[0][1].absent
    assert believed is None or not build([believed]).summary.rows[0][1].absent


def test_what_really_ran_in_bf16_is_not_mislabelled():
    (record,) = read([STORES / "bf16-in-fp32"])
    counted = record.counters["flop.dispatched"]

    def of(**flops):
        return replace(record, counters={"flop.dispatched": {**counted, "histogram": flops}})

    whole = counted["value"]
    assert list(mislabelled(of(bfloat16=whole))) == []
    assert list(mislabelled(of(bfloat16=whole - whole // 3, float32=whole // 3))) == []  # what autocast leaves alone
    assert list(mislabelled(of(bfloat16=whole // 3, float32=whole - whole // 3))) != []
    assert list(mislabelled(replace(record, counters=None))) == []  # nothing was counted, nothing is known


def test_as_many_items_as_the_batch_has_are_right():
    (record,) = read([STORES / "tokens-as-samples"])

    assert list(miscounted(replace(record, case=replace(record.case, batch_size=2031)))) == []
    assert list(miscounted(replace(record, case=replace(record.case, batch_size=2030)))) != []


def test_devices_may_scale_as_far_as_they_are_many():
    one, eight = sorted(read([STORES / "eight-devices"]), key=lambda record: record.case.parameters["world_size"])

    def slower(times):
        windows = tuple(
            replace(
                replicate,
                samples=tuple(replace(sample, seconds=sample.seconds * times) for sample in replicate.samples),
            )
            for replicate in eight.replicates
        )
        return superlinear([one, replace(eight, replicates=windows)])

    assert set(superlinear([one, eight])) == {(eight.run.id, eight.case.id)}
    assert slower(21.5 / 7.9) == {}
    assert slower(21.5 / 8.2) != {}
    assert superlinear([eight]) == {}


def test_a_device_that_had_a_smaller_batch_to_itself_is_no_measure():
    one, eight = sorted(read([STORES / "eight-devices"]), key=lambda record: record.case.parameters["world_size"])
    small = replace(one, case=replace(one.case, batch_size=2))

    assert superlinear([small, eight]) == {}
