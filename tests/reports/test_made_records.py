"""The records that reports are tested on are such as a run writes."""

import json
from importlib import resources

import jsonschema
from metered_records import powered

SCHEMA = json.loads((resources.files("bench") / "record.schema.json").read_text())


def test_made_records_follow_the_published_schema(records):
    for record in [*records, *powered()]:
        jsonschema.validate(json.loads(record.to_json()), SCHEMA)
