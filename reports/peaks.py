"""What was measured of the limits of devices, as a table: beside the cases, and no case itself."""

from __future__ import annotations

from collections.abc import Sequence

from bench.caveats import caveats
from bench.measured_peaks import PRODUCT, STREAM, ceiling, kernel
from bench.record import Record
from bench.roof import Ceiling, arithmetic, vendor
from reports.axes import device_label, order
from reports.cell import Cell, Column, Table, absent
from reports.number import number, quantity
from reports.text import line

_MEMORY = "memory"


def peaks_table(records: Sequence[Record]) -> tuple[Table, ...]:
    """A row for each precision of a device, for its memory and for the bus to others: the best window of all kernels;
    no table of none."""
    if not records:
        return ()
    limits: dict[tuple[str, str, str], list[Record]] = {}
    for record in sorted(records, key=order):
        limits.setdefault((record.case.device, device_label(record), _of(record)), []).append(record)
    columns = (
        Column("Device"),
        Column("Limit of"),
        Column("Measured", numeric=True, meaning="The best window of all kernels, sizes and runs."),
        Column("By"),
        Column("Of the vendor's", "%", True, "Over what the vendor states."),
    )
    rows = tuple(_row(*limit, of) for limit, of in limits.items())
    doubted = {
        f"{line(device)} {limit}: {line(text)}.": None
        for (device, _, limit), of in limits.items()
        if (best := _best(of))
        for text in caveats(best[1])
    }
    return (Table("Measured peaks", columns, rows, remarks=tuple(doubted)),)


def _of(record: Record) -> str:
    """What a record measures the limit of."""
    if record.case.workload == PRODUCT:
        return arithmetic(record.case.precision)
    return _MEMORY if record.case.workload == STREAM else f"between {record.case.devices} devices"


def _best(records: Sequence[Record]) -> tuple[Ceiling, Record] | None:
    reached = [(found, record) for record in records if (found := ceiling(record))]
    return max(reached, key=lambda one: one[0].rate, default=None)


def _row(device: str, label: str, limit: str, records: Sequence[Record]) -> tuple[Cell, ...]:
    named = Cell(line(device), note=label), Cell(limit)
    found = _best(records)
    if found is None:
        why = line(next((record.reason for record in records if record.reason), "nothing was measured"))
        return *named, absent(why), Cell(why), absent(why)
    best, record = found
    roof = vendor(record.environment)
    moves = record.case.workload != PRODUCT
    stated = roof.memory if limit == _MEMORY else roof.over(limit)
    share = stated and best.rate / stated.rate
    return (
        *named,
        Cell(quantity(best.rate, "B/s" if moves else "FLOP/s"), raw=best.rate, note=line(best.source)),
        Cell(line(f"{kernel(record.case)}, the best of {len(records)}, run {record.run.id}")),
        Cell(number(100 * share), "%", share, note=line(stated.source) if stated else "", size=0.01)
        if share
        else absent(f"no vendor figure is known of {label}"),
    )
