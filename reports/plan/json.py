"""The plan as one JSON document: the quantities of the workbook's cells, with their units or the reason for none."""

from __future__ import annotations

import json
from typing import Any

from reports.plan.inputs import SECTIONS, Inputs, Quantities, Quantity
from reports.plan.plan import SHEETS, TAKEN, Plan
from reports.plan.scenarios import DEMANDS, UTILISATIONS

SCHEMA = "wattmark.plan/1"


def export(plan: Plan) -> bytes:
    """The document as UTF-8 text; a number that is not finite would be an error, not a token."""
    document = {
        "schema": SCHEMA,
        "subtitle": plan.report.subtitle,
        "inputs": _inputs(plan.inputs),
        "rows": [_row(row) for row in plan.rows],
        "what_if": {"row": 1, "demand": DEMANDS, "utilisation": UTILISATIONS, "devices": plan.grid},
        "checks": {check.name: check.result for check in plan.checks},
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _row(row: Quantities) -> dict[str, Any]:
    point = {name: _quantity(row[name], "") for name in ("place", "point", *TAKEN)}
    sheets = {
        sheet.lower(): {step.name: _quantity(row[step.name], step.unit) for step in steps}
        for sheet, steps in SHEETS.items()
    }
    return {
        "workload": row["problem"],
        "device": row["device"],
        "item": row["item"],
        "operating_point": point,
        **sheets,
    }


def _quantity(value: Quantity, unit: str) -> dict[str, Any]:
    """A number with its unit; a text stands for itself: it is an answer, or says why there is no number."""
    if isinstance(value, (int, float)):
        return {"value": value, **({"unit": unit} if unit else {})}
    return {"value": None, "text": value}


def _inputs(inputs: Inputs) -> dict[str, Any]:
    owners = {"general": {"": inputs.general}, "workload": inputs.workload, "device": inputs.device}
    sections: dict[str, Any] = {
        section: {owner: {entry.name: own[entry.name] for entry in SECTIONS[section]} for owner, own in values.items()}
        for section, values in owners.items()
    }
    sources = [
        {"section": section, "of": owner, "input": name, "date": str(source.date), "source": source.source}
        for (section, owner, name), source in inputs.sources.items()
    ]
    return {"today": str(inputs.today), **sections, "general": sections["general"][""], "sources": sources}
