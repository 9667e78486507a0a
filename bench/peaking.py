"""`wattmark peaks`: which kernels are tried, and what came of them, in words and as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bench import matrix as matrices
from bench.case import PRECISIONS
from bench.caveats import caveats
from bench.errors import SpecError
from bench.matrix import Matrix
from bench.measured_peaks import COLLECTIVE, PRODUCT, STREAM, ceiling, kernel, roofs
from bench.peaks import label_of
from bench.rates import Value, value
from bench.record import Record
from bench.roof import Ceiling, Roof, arithmetic, si, vendor
from bench.run import axes_of

MATRIX = "peaks"
SHORT = 0.3  # s of sampling for each kernel where peaks are measured before a run
ALONE = "not measured: they start at the first of several accelerators"


def plan(precisions: Sequence[str] = (), replicates: int | None = None, budget: float | None = None) -> Matrix:
    """The shipped matrix of peaks, less the precisions that are not asked for; the memory's bandwidth has none.

    Raises:
        SpecError: a precision is not known.
    """
    for name in precisions:
        if name not in PRECISIONS:
            raise SpecError(f"--precision {name}: one of {', '.join(PRECISIONS)}")
    whole = matrices.timed(matrices.load(MATRIX, axes_of), replicates, budget, None)
    wanted = {arithmetic(name) for name in precisions or PRECISIONS}
    entries = [
        entry
        if entry.workload != PRODUCT
        else replace(entry, precision=tuple(p for p in entry.precision if p in wanted))
        for entry in whole.entries
    ]
    return replace(whole, entries=tuple(entry for entry in entries if entry.precision))


def short(matrix: Matrix) -> Matrix:
    """What `wattmark run` measures before a matrix: its precisions, in seconds."""
    precisions = [str(name) for entry in matrix.entries for name in entry.precision]
    return plan(precisions, replicates=1, budget=SHORT)


def found(records: Sequence[Record]) -> list[dict[str, Any]]:
    """What each device reached, as data in SI units: null with a reason for what it did not."""
    measured = roofs(records)
    devices: dict[str, list[Record]] = {}
    for record in records:
        devices.setdefault(record.case.device, []).append(record)
    return [_device(name, of, measured.of(of[0].environment)) for name, of in devices.items()]


def _device(name: str, records: Sequence[Record], reached: Roof) -> dict[str, Any]:
    environment = records[0].environment
    stated = vendor(environment)
    products, streams, collectives = (
        [record for record in records if record.case.workload == workload] for workload in (PRODUCT, STREAM, COLLECTIVE)
    )
    named = [p for p in PRECISIONS if any(record.case.precision == p for record in products)]
    return {
        "device": name,
        "label": label_of(environment),
        "torch": environment.get("torch", {}).get("version"),
        "threads": environment.get("torch", {}).get("threads"),
        "compute": {
            p: _limit([one for one in products if one.case.precision == p], reached.over(p), stated.over(p))
            for p in named
        },
        "memory": _limit(streams, reached.memory, stated.memory),
        "collectives": _limit(collectives, reached.between, None) if collectives else {"value": None, "reason": ALONE},
        "caveats": [f"{kernel(record.case)}: {text}" for record in records for text in caveats(record)],
    }


def _limit(records: Sequence[Record], reached: Ceiling | None, stated: Ceiling | None) -> dict[str, Any]:
    """The best window of all kernels, the share of what the vendor states, and each kernel's median."""
    kernels = [_kernel(record) for record in records]
    known = {"kernels": kernels, "vendor": stated and stated.rate, "vendor_source": stated and stated.source}
    if reached is None:
        reasons = dict.fromkeys(str(record.reason) for record in records if record.reason)
        return {"value": None, "reason": next(iter(reasons), "no kernel was measured"), **known}
    best = next(one for one in records if (top := ceiling(one)) and top.rate == reached.rate)
    return {
        "value": reached.rate,
        "unit": _rate(best).unit,
        "kernel": kernel(best.case),
        "share_of_vendor": reached.rate / stated.rate if stated else None,
        **known,
    }


def _kernel(record: Record) -> dict[str, Any]:
    rate = _rate(record)
    told = {"kernel": kernel(record.case), "status": record.status, "value": rate.value, "low": rate.low}
    return {**told, "high": rate.high, "replicates": rate.replicates, "reason": rate.reason}


def _rate(record: Record) -> Value:
    return value(record, "flop.rate.computed" if record.case.workload == PRODUCT else "throughput")


def words(devices: Sequence[Mapping[str, Any]]) -> str:
    """The same for a reader."""
    lines = []
    for device in devices:
        lines += [f"{device['device']} ({device['label']}), {device['threads']} threads, torch {device['torch']}", ""]
        limits = {**device["compute"], "memory": device["memory"], "between devices": device["collectives"]}
        for name, limit in limits.items():
            lines += _limit_words(name, limit)
        lines += [""]
        lines += [f"  caveat: {text}" for text in device["caveats"]]
        lines += [""] if device["caveats"] else []
    return "\n".join(lines).rstrip()


def _limit_words(name: str, limit: Mapping[str, Any]) -> list[str]:
    if limit["value"] is None:
        return [f"  {name:<16} {limit['reason']}"]
    share = limit["share_of_vendor"]
    beside = "no vendor peak is known" if share is None else f"{share:.0%} of {limit['vendor_source']}"
    unit = limit["unit"]
    lines = [f"  {name:<16} {si(limit['value'], unit)} by {limit['kernel']}, in its best window; {beside}"]
    for one in limit["kernels"]:
        if one["value"] is None:
            lines.append(f"    {one['kernel']:<22} {one['status']}: {one['reason']}")
            continue
        ends = "no interval" if one["low"] is None else f"{si(one['low'], unit)} to {si(one['high'], unit)}"
        lines.append(f"    {one['kernel']:<22} {si(one['value'], unit)} ({ends})")
    return lines
