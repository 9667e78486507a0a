"""All that serves together, each workload on its cheapest device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.plan.inputs import ALL, Inputs, Quantities, Quantity

# What adds up over workloads, all of it on one sheet or another under this name.
SUMMED = ("devices", "nodes", "racks", "facility_power", "energy", "carbon", "cheapest")
NOTHING = "nothing is served"
_WITHOUT = "workloads are without it"


def totals(rows: Sequence[Quantities], inputs: Inputs) -> Quantities:
    """The sum of each quantity over the rows of rank 1; a text where a workload has none to add."""
    served = sum(values["mode"] != "training" for values in inputs.workload.values())
    first = [row for row in rows if row["rank"] == 1]
    return {name: _total([row[name] for row in first], served) for name in SUMMED}


def totals_formulas() -> Mapping[str, str]:
    """`totals` as formulas over the plan's columns."""
    served = f'SUMPRODUCT((inputs_input="{ALL["mode"].title}")*(inputs_value<>"training"))'

    def total(name: str) -> str:
        known = f"SUMPRODUCT((plan_rank=1)*ISNUMBER(plan_{name}))"
        return (
            f'=IF({served}=0,"{NOTHING}",IF({known}={served},SUMIFS(plan_{name},plan_rank,1),'
            f'({served}-{known})&" of "&{served}&" {_WITHOUT}"))'
        )

    return {name: total(name) for name in SUMMED}


def _total(found: Sequence[Quantity], served: int) -> Quantity:
    numbers = [value for value in found if isinstance(value, (int, float))]
    if not served:
        return NOTHING
    return sum(numbers) if len(numbers) == served else f"{served - len(numbers)} of {served} {_WITHOUT}"
