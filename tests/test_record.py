"""Records: what is on disk."""

import json
from dataclasses import replace
from importlib import resources

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
        ("[]", "schema None"),
        ('{"schema": "wattmark.record/999"}', "wattmark.record/999"),
        ('{"schema": "wattmark.record/1"}', "not a valid record"),
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
