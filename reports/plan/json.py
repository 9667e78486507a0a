"""The plan as one JSON document: the quantities of the workbook's cells, with their units or the reason for none."""

from __future__ import annotations

import json
from typing import Any

from reports.plan.candidates import Candidate
from reports.plan.inputs import SECTIONS, Inputs, Quantities, Quantity
from reports.plan.plan import COLUMNS, SHEETS, Plan
from reports.plan.point import JUDGED
from reports.plan.rows_sheet import POINT_HEADS
from reports.plan.scenarios import DEMANDS, UTILISATIONS

SCHEMA = "wattmark.plan/1"


def export(plan: Plan) -> bytes:
    """The document as UTF-8 text; a number that is not finite would be an error, not a token."""
    document = {
        "schema": SCHEMA,
        "subtitle": plan.report.subtitle,
        "inputs": _inputs(plan.inputs),
        "measured": [_case(case) for case in plan.candidates],
        "rows": [_row(row, plan.inputs) for row in plan.rows],
        "totals": {name: _quantity(value, COLUMNS[name].unit, plan.inputs) for name, value in plan.totals.items()},
        "what_if": {"row": 1, "demand": DEMANDS, "utilisation": UTILISATIONS, "devices": plan.grid},
        "checks": {check.name: check.result for check in plan.checks},
    }
    return (json.dumps(document, allow_nan=False, ensure_ascii=False) + "\n").encode()


def _case(case: Candidate) -> dict[str, Any]:
    """What a measured case could serve, or why the plan cannot use it."""
    row = case.row
    said = {step.name: _quantity(case.known[step.name], step.unit) for step in JUDGED}
    return {"run": row.run, "case": row.case, "row": case.target, "status": row.status.text, **said}


def _row(row: Quantities, inputs: Inputs) -> dict[str, Any]:
    point = {head.name: _quantity(row[head.name], head.unit) for head in POINT_HEADS}
    sheets = {
        sheet.lower(): {step.name: _quantity(row[step.name], step.unit, inputs) for step in steps}
        for sheet, steps in SHEETS.items()
    }
    return {
        "workload": row["problem"],
        "device": row["device"],
        "item": row["item"],
        "operating_point": point,
        **sheets,
    }


def _quantity(value: Quantity, unit: str, inputs: Inputs | None = None) -> dict[str, Any]:
    """A number with its unit; a text stands for itself: it is an answer, or says why there is no number."""
    if isinstance(value, (int, float)):
        told = inputs.in_currency(unit) if inputs else unit
        return {"value": value, **({"unit": told} if told else {})}
    return {"value": None, "text": value}


def _inputs(inputs: Inputs) -> dict[str, Any]:
    sections: dict[str, Any] = {
        section: {owner: {entry.name: own[entry.name] for entry in SECTIONS[section]} for owner, own in owners.items()}
        for section, owners in inputs.sections.items()
    }
    sources = [
        {"section": section, "of": owner, "input": name, "date": str(source.date), "source": source.source}
        for (section, owner, name), source in inputs.sources.items()
    ]
    return {"today": str(inputs.today), **sections, "general": sections["general"][""], "sources": sources}
