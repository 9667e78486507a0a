"""What more devices bring: throughput over their number, beside what it would be if each were worth as much as one."""

from __future__ import annotations

from collections.abc import Sequence

from reports.cases import CaseRow
from reports.chart import Chart, Series, point

_TITLE = "Scaling over devices"
_RATE = "throughput"


def scaling(problem: str, rows: Sequence[CaseRow], styles: Sequence[str]) -> tuple[Chart, ...]:
    """The best throughput of each number of devices of a kind; no chart where no case ran on several."""
    lines: dict[str, dict[int, CaseRow]] = {}
    for row in rows:
        if row.ok and row.values[_RATE].value is not None:
            of_number = lines.setdefault(_line(row), {})
            number = row.record.case.devices
            of_number[number] = max(of_number.get(number, row), row, key=lambda one: one.values[_RATE].value or 0.0)
    lines = {label: of_number for label, of_number in lines.items() if max(of_number) > 1}
    if not lines:
        return ()
    series = tuple(
        Series(
            label,
            styles.index(of_number[min(of_number)].series),
            tuple(point(number, row.values[_RATE], row.cells[_RATE]) for number, row in sorted(of_number.items())),
        )
        for label, of_number in lines.items()
    )
    note = "; ".join(f"{label}: {_efficiency(of_number)}" for label, of_number in lines.items())
    told = "; ".join(f"{one.label}: {', '.join(f'{at.cell.text} on {at.x:g}' for at in one.points)}" for one in series)
    unit = series[0].points[0].cell.unit
    return (Chart(_TITLE, problem, f"{_TITLE}, in {unit}. {told}.", unit, "devices", series, note=f"{note}."),)


def _line(row: CaseRow) -> str:
    """What a case is called whatever the number of its devices."""
    return row.name_without("batch_size", "world_size")


def _efficiency(of_number: dict[int, CaseRow]) -> str:
    """How much of what so many devices could do the largest number of them does."""
    fewest, most = min(of_number), max(of_number)
    if fewest == most:
        return f"measured on {most} devices only"
    rates = [of_number[number].values[_RATE].value or 0.0 for number in (fewest, most)]
    share = rates[1] / rates[0] * fewest / most
    return (
        f"{most} devices do {share:.0%} of {most // fewest if most % fewest == 0 else most / fewest:g} times {fewest}"
    )
