"""Records: what is on disk."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import jsonschema
import pytest

from bench.case import Case
from bench.errors import SpecError
from bench.record import Reading, Record, Replicate

SCHEMA = json.loads((resources.files("bench") / "record.schema.json").read_text())


def test_a_record_comes_back_as_it_was_written(record, sample, energy):
    made = record([sample(readings=energy(3.0), covariates={"foreign_share": None})])

    assert Record.from_json(made.to_json()) == made


def test_written_records_follow_the_published_schema(record, sample):
    readings = {"energy": Reading.absent("no meter"), "power.max": Reading(3.0, "fake")}
    for made in (record([sample(readings=readings)]), record([], status="oom", reason="too big")):
        jsonschema.validate(json.loads(made.to_json()), SCHEMA)


def test_the_schema_refuses_an_absent_reading_without_a_reason(record, sample, energy):
    data = json.loads(record([sample(readings=energy(1.0))]).to_json())
    data["replicates"][0]["samples"][0]["readings"]["energy"] = {"value": None, "source": None, "reason": None}

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


def test_what_an_energy_is_of_how_far_it_may_be_off_and_what_it_covers_come_back(record, sample):
    energy = Reading(3.0, "counter", scope="module", error=0.02, seconds=1.9)
    made = record([sample(readings={"energy": energy})])
    made = replace(made, replicates=(replace(made.replicates[0], meters={"nvml": {"tick": {"median": 0.1}}}),))

    assert Record.from_json(made.to_json()) == made
    jsonschema.validate(json.loads(made.to_json()), SCHEMA)
    assert first_reading(made, "energy") == {
        **{"value": 3.0, "source": "counter", "reason": None},
        **{"scope": "module", "error": 0.02, "seconds": 1.9},
    }


@pytest.mark.parametrize("reading", [Reading(3.0, "host"), Reading.absent("no meter")])
def test_what_a_reading_does_not_say_is_left_out(record, sample, reading):
    written = first_reading(record([sample(readings={"energy": reading})]), "energy")

    assert sorted(written) == ["reason", "source", "value"]


def test_null_parts_of_everything_else_are_written(record, sample):
    data = json.loads(record([replace(sample(), flop=None)]).to_json())

    assert data["reason"] is None
    assert data["replicates"][0]["samples"][0]["flop"] is None
    assert data["replicates"][0]["samples"][0]["seconds"] == 2.0


def test_a_record_from_before_meters_kept_facts_is_read_and_valid(record, sample, energy):
    data = json.loads(record([sample(readings=energy(3.0))]).to_json())
    del data["replicates"][0]["meters"]

    jsonschema.validate(data, SCHEMA)
    old = Record.from_json(json.dumps(data))
    assert old.replicates[0].meters == {}
    assert old.samples[0].readings["energy"] == Reading(3.0, "fake counter")


def test_a_record_written_before_there_were_counters_and_profiles_is_read_and_valid():
    """One of version 0.1.0, as it was written."""
    text = (Path(__file__).parent / "records" / "before_counters.json").read_text()

    jsonschema.validate(json.loads(text), SCHEMA)
    old = Record.from_json(text)
    assert (old.status, old.counters, old.profile, old.samples[0].steps) == ("ok", None, None, 1)
    written = json.loads(text)
    for replicate in written["replicates"]:
        replicate["samples"] = [{**sample, "required": None} for sample in replicate["samples"]]
    assert json.loads(old.to_json()) == {**written, "counters": None, "profile": None}


COUNTERS = {
    "operators": {"value": 3, "source": "TorchDispatchMode", "histogram": {"aten.mm.default": 3}},
    "kernels": {"value": None, "reason": "kernels are counted on cuda only"},
}


def test_counters_come_back_and_follow_the_schema(record):
    made = replace(record(), counters=COUNTERS)

    assert Record.from_json(made.to_json()) == made
    jsonschema.validate(json.loads(made.to_json()), SCHEMA)


@pytest.mark.parametrize(
    "bad",
    [
        {"value": None},
        {"value": 3},
        {"value": -1, "source": "made"},
        {"value": 3, "source": "made", "reason": "both"},
        {"value": 3, "source": "made", "histogram": {"aten.mm.default": 0}},
    ],
)
def test_the_schema_refuses_a_counter_without_source_or_reason(record, bad):
    data = json.loads(replace(record(), counters={**COUNTERS, "faults": bad}).to_json())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


@pytest.mark.parametrize(
    "change",
    [
        {"error": -0.1},
        {"error": None},
        {"scope": None},
        {"seconds": 0.0},
        {"precision": 0.1},
        {"value": None, "source": None, "reason": "no counter", "scope": "GPU"},
    ],
)
def test_the_schema_refuses_a_reading_that_says_too_much_or_nonsense(record, sample, energy, change):
    data = json.loads(record([sample(readings=energy(1.0))]).to_json())
    data["replicates"][0]["samples"][0]["readings"]["energy"].update(change)

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, SCHEMA)


def first_reading(record, name):
    """A reading of the first window as it is on disk."""
    return json.loads(record.to_json())["replicates"][0]["samples"][0]["readings"][name]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_reading_is_finite_or_absent(bad):
    with pytest.raises(ValueError, match="finite or absent"):
        Reading(bad, "fake")


def test_an_absent_reading_needs_a_reason():
    with pytest.raises(ValueError, match="either a value or a reason"):
        Reading(None)


def test_a_number_that_is_not_finite_cannot_be_written(record, sample):
    made = record([replace(sample(), seconds=float("nan"))])

    with pytest.raises(ValueError, match="JSON compliant"):
        made.to_json()


def test_a_record_that_is_not_ok_needs_a_reason(record):
    with pytest.raises(ValueError, match="needs a reason"):
        record([], status="oom")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "its schema is None"),
        ('{"schema": "wattmark.record/999"}', "wattmark.record/999"),
        ('{"schema": "wattmark.record/1"}', "not a record of schema"),
    ],
)
def test_what_is_no_record_is_refused_in_one_line_that_names_the_file(text, message):
    with pytest.raises(SpecError, match=message) as refused:
        Record.from_json(text, where="some/file")

    assert str(refused.value).startswith("some/file: ")
    assert "\n" not in str(refused.value)


def test_a_cases_id_is_stable_and_tells_every_field_apart():
    case = Case("bert:Pretrain", "cuda:0", "bf16", 8, {"size": "base", "compile": False})

    assert case.id == "bert-Pretrain_cuda-0_bf16_b8_ba72d796"
    others = [
        replace(case, workload="bert:Finetune"),
        replace(case, device="cuda:1"),
        replace(case, precision="fp16"),
        replace(case, batch_size=9),
        replace(case, parameters={"size": "base", "compile": True}),
        replace(case, data="real"),
        replace(case, model="/weights"),
    ]
    assert len({one.id for one in [case, *others]}) == 8


def test_the_order_of_parameters_does_not_change_the_id():
    assert Case("a:B", "cpu", "fp32", 1, {"x": 1, "y": 2}).id == Case("a:B", "cpu", "fp32", 1, {"y": 2, "x": 1}).id


def test_only_replicates_that_ended_well_are_samples(record, sample):
    made = record([sample()])
    made = replace(made, replicates=(*made.replicates, Replicate(1, "crashed", "killed", samples=(sample(),))))

    assert len(made.samples) == 1


@pytest.mark.parametrize(
    "more", [{"error": float("nan")}, {"error": -0.1}, {"seconds": 0.0}, {"seconds": float("inf")}]
)
def test_a_reading_with_an_impossible_error_or_time_is_refused(more):
    with pytest.raises(ValueError, match="a reading"):
        Reading(1.0, "x", **more)


def test_a_record_with_nan_anywhere_is_refused_with_its_place(record):
    text = record().to_json().replace('"meters": {}', '"meters": {"nvml": {"power_limit": NaN}}', 1)

    with pytest.raises(SpecError, match=r"here: not a record of schema .*: not JSON \(NaN is no number"):
        Record.from_json(text, "here")
