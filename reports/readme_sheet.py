"""The first sheet: how to read the others, what they assume, and where their numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.report import Report
from reports.sheet import Head

if TYPE_CHECKING:
    from reports.workbook import Workbook

_README = (
    "Yellow cells are yours to change. Grey cells were measured. White cells are formulas over both.",
    "Inputs are examples until you replace them; only the device memory was read from the machine.",
    "The operating point of a workload on a device is its measured case with the highest throughput (the lower bound "
    "of the 95 % interval, or the mean: see Confidence) that ended ok and fits the memory less the head-room.",
    "Devices = peak demand / (throughput x target utilisation), rounded up; nodes follow from devices per node.",
    "Power assumes every device draws its measured mean power all year, which is an upper bound: devices idle as well. "
    "Cost = device-hours of a year x price + energy x electricity price, in your currency.",
    "Gross energy is all that was drawn while the steps ran, net what was drawn beyond the idle device. Scope says "
    "whose power it is: where it is a module or CPU packages, leave those out of the host power in Inputs. The "
    "method's error is how far power and energy may be off; intervals over replicates do not hold it.",
    "A plan says nothing of batch sizes, precisions or devices that were not measured, nor of scaling losses between "
    "devices. Where something was not measured a cell says so; it is never 0.",
)


def write_readme(book: Workbook, report: Report) -> None:
    """Write the legend, the assumptions, the caveats, and the runs with their environments."""
    sheet = book.sheet("README", [Head("", "", width=width) for width in (36, 44, 44, 12, 12, 12, 12)])
    book.write(sheet, 0, 0, "Capacity plan", "title")
    book.write(sheet, 1, 0, report.subtitle, "note")
    row = 3
    for text in _README:
        sheet.merge_range(row, 0, row, 6, "", book.format("wrapped"))
        book.write(sheet, row, 0, text, "wrapped")
        sheet.set_row(row, 15 * (1 + len(text) // 125))
        row += 1
    for text in (f"{case.full_name}: {'; '.join(case.caveats)}" for case in report.caveats):
        book.write(sheet, row, 0, f"Caveat: {text}", "note")
        row += 1
    for table in (report.runs, report.environment):
        row += 1
        for column, head in enumerate(table.columns):
            book.write(sheet, row, column, head.title, "head")
        for cells in table.rows:
            row += 1
            for column, cell in enumerate(cells):
                book.write(sheet, row, column, cell.text, "wrapped")
        row += 1
