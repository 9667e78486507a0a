"""The plan for a terminal: what serves, what trains, and the checks that say more than ok."""

from __future__ import annotations

from collections.abc import Iterator

from reports.plan.checks import OK
from reports.plan.plan import Plan
from reports.plan.summary import summary
from reports.terminal import Part, heading, laid_out, sentences, table, text


def export(plan: Plan) -> bytes:
    """The plan as text."""
    return laid_out(_parts(plan))


def _parts(plan: Plan) -> Iterator[Part]:
    yield text(plan.report.subtitle)
    for one in summary(plan):
        yield from table(one.brief)
    told = [f"{check.title}: {check.result}" for check in plan.checks if check.result != OK]
    yield heading(f"Checks ({len(plan.checks) - len(told)} of {len(plan.checks)} ok)", "warn" if told else "good")
    yield from sentences(told)
