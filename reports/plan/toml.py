"""The inputs of a plan as a TOML file to fill in and to give back with ``--inputs``."""

from __future__ import annotations

from reports.plan.plan import Plan
from reports.plan.planfile import template


def export(plan: Plan) -> bytes:
    """The file as UTF-8 text."""
    return template(plan.inputs).encode()
