"""The sheet that is the user's: what to plan for, with cells that take only what makes sense."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reports.capacity import DEMAND, DEVICE, POLICY, Input, Quantity
from reports.plan import Inputs, Target
from reports.sheet import Head, address

if TYPE_CHECKING:
    from reports.workbook import Workbook


@dataclass(frozen=True)
class Places:
    """Where the inputs are: those for everything, each workload's demand, and each device's by their names."""

    everything: Mapping[str, str]
    demand: Mapping[str, str]
    device: Mapping[str, Mapping[str, str]]


_MEMORY = Input("device_memory", "Device memory", "GB", 0.0, "As the device reports it.")


def write_inputs(book: Workbook, inputs: Inputs, targets: Sequence[Target]) -> Places:
    """Write the inputs; returns where they are."""
    sheet = book.sheet("Inputs", [Head("", "", width=width) for width in (44, 20, 20, 24, 20)])
    book.write(sheet, 0, 0, "Inputs", "title")
    book.write(sheet, 1, 0, "Yellow cells are examples: replace them with your own.", "note")
    everything, demands, devices = {}, {}, {}
    row = _heads(book, sheet, 3, ("For everything", "Value", "Unit", "Meaning"))
    for entry in POLICY:
        book.write(sheet, row, 0, entry.title)
        _enter(book, sheet, row, 1, entry, inputs.policy[entry.name])
        book.write(sheet, row, 2, entry.unit, "note")
        book.write(sheet, row, 3, entry.meaning, "note")
        everything[entry.name] = f"input_{entry.name}"
        book.name(everything[entry.name], "Inputs", row, 1)
        row += 1
    row = _heads(book, sheet, row + 1, ("Workload", DEMAND.title, "Unit"))
    items = {target.problem: target.item for target in targets}
    for problem, demand in inputs.demand.items():
        book.write(sheet, row, 0, problem)
        demands[problem] = _enter(book, sheet, row, 1, DEMAND, demand)
        book.write(sheet, row, 2, f"{items[problem]}/s", "note")
        row += 1
    entries = (_MEMORY, *DEVICE)
    row = _heads(book, sheet, row + 1, ("Device", *map(_titled, entries)))
    for device, values in inputs.device.items():
        book.write(sheet, row, 0, device)
        devices[device] = {
            entry.name: _enter(book, sheet, row, column, entry, values[entry.name])
            for column, entry in enumerate(entries, start=1)
        }
        row += 1
    sheet.freeze_panes(3, 1)
    return Places(everything, demands, devices)


def _heads(book: Workbook, sheet: Any, row: int, titles: tuple[str, ...]) -> int:
    for column, title in enumerate(titles):
        book.write(sheet, row, column, title, "head")
    return row + 1


def _enter(book: Workbook, sheet: Any, row: int, column: int, entry: Input, value: Quantity) -> str:
    """An input cell that takes only what makes sense; returns where it is."""
    book.write(sheet, row, column, value, "input", entry.format)
    if isinstance(entry.example, str):
        rule: dict[str, Any] = {"validate": "list", "source": ["mean", "lower bound"]}
    elif entry.most is None:
        rule = {"validate": "decimal", "criteria": ">=", "value": entry.least}
    else:
        rule = {"validate": "decimal", "criteria": "between", "minimum": entry.least, "maximum": entry.most}
    told = {"input_title": entry.title, "input_message": entry.meaning}
    sheet.data_validation(row, column, row, column, {**rule, **told})
    return f"Inputs!{address(row, column, '$')}"


def _titled(entry: Input) -> str:
    return f"{entry.title}, {entry.unit}" if entry.unit else entry.title
