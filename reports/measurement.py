"""One record in words, for the terminal or notebook of whoever measured a step of their own."""

from __future__ import annotations

import textwrap

from bench.record import Record
from reports.cases import CaseRow, case_rows
from reports.number import quantity
from reports.origin import is_power, origin
from reports.results import SHOWN, WHERE_KNOWN

WIDTH = 100
# Known of our own workloads only, and not of the caller's.
_LEFT_OUT = (*WHERE_KNOWN, "flop.rate")


def words(record: Record) -> str:
    """A short table: each main metric with its unit, or the reason for its absence; then what to beware of."""
    (row,) = case_rows([record])
    named = row.device if row.device_label == row.device else f"{row.device} ({row.device_label})"
    lines = [f"{row.workload} on {named}"]
    if not row.ok:
        lines += _wrapped(f"  {row.status.text}: {row.status.note}", "    ")
    else:
        shown = [name for name in SHOWN if name not in _LEFT_OUT or row.cells[name].raw is not None]
        title = max(len(SHOWN[name]) for name in shown)
        number = max(len(row.cells[name].full) for name in shown)
        for name in shown:
            start = f"  {SHOWN[name]:<{title}}  {row.cells[name].full:<{number}}"
            lines += _wrapped(f"{start}  {_note(row, name)}".rstrip(), " " * (len(start) + 2))
    for caveat in row.caveats:
        lines += _wrapped(f"  Caveat: {caveat}", "    ")
    lines += _wrapped(f"  {_how(record)}", "  ")
    return "\n".join(lines)


def _note(row: CaseRow, name: str) -> str:
    """Why a value is absent; of memory, watts and joules where they come from."""
    cell, value = row.cells[name], row.values[name]
    if cell.absent:
        return cell.note
    return origin(value) if is_power(value) or value.unit == "B" else ""


def _how(record: Record) -> str:
    """How much was measured, and that one process is one process."""
    samples = record.samples
    steps, seconds = sum(sample.steps for sample in samples), sum(sample.seconds for sample in samples)
    windows = f"{len(samples)} window{'s' * (len(samples) != 1)} of {quantity(seconds, 's')} together"
    warmed = sum(len(replicate.warmup_seconds) for replicate in record.measured)
    return f"{steps} steps in {windows}, after {warmed} of warm-up; one process: no interval over processes."


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
