"""The first sheet: how to read the others, what they assume, and where their numbers come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reports.plan.plan import Plan
from reports.plan.sheet import Head

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

_README = (
    "Yellow cells are yours to change. Grey cells were measured. White cells are formulas over both.",
    "What was not measured or not entered is never 0: a cell says what is missing, and so does everything after it.",
    "Operating point: of each workload on each device the measured case with the highest throughput (the lower bound "
    "of its 95 % interval, or the mean: see Inputs) that ended ok, fits the memory less the head-room and, of online "
    "work, keeps the latency objective at the percentile chosen.",
    "Fleet: devices = peak demand / (throughput x utilisation), rounded up, over the availability, and spare ones. "
    "Peak demand = mean demand x (1 + growth) ^ horizon, of online work x peak to mean.",
    "Utilisation of online work with an objective is the lower one of your target and of what an M/D/1 queue allows: "
    "with service time s and w = objective - s, 2w / (s + 2w). This is a model and was not measured.",
    "Power: provided is what devices may draw at once; energy counts idle power while they have nothing to do. "
    "Gross power is all that was drawn while the steps ran. Scope says whose power it is: where it is a module or CPU "
    "packages, leave those out of the host power in Inputs. The method's error is how far power may be off.",
    "Cost: prices are yours, each with its date and source. Rent includes electricity and housing.",
    "Training: device-hours = items / (throughput x scaling efficiency x (1 - lost time) x availability). By tokens "
    "and parameters, the FLOPs are 6 x parameters x tokens (Kaplan et al. 2020), at the FLOP/s measured or at MFU x "
    "peak; that another model reaches the same FLOP/s is an assumption. Compute-optimal budgets follow "
    "Hoffmann et al. 2022, for dense language models.",
    "A plan says nothing of batch sizes, precisions or devices that were not measured; co-location of several models "
    "on a device is left out.",
)


def write_readme(book: Workbook, plan: Plan) -> None:
    """Write the legend, the assumptions, the caveats, and the runs with their environments."""
    sheet = book.sheet("README", [Head("", "", width=width) for width in (36, 44, 44, 12, 12, 12, 12)])
    book.write(sheet, 0, 0, "Capacity plan", "title")
    book.write(sheet, 1, 0, plan.report.subtitle, "note")
    row = 3
    for text in _README:
        sheet.merge_range(row, 0, row, 6, "", book.format("wrapped"))
        book.write(sheet, row, 0, text, "wrapped")
        sheet.set_row(row, 15 * (1 + len(text) // 140))
        row += 1
    for text in (f"{case.full_name}: {'; '.join(case.caveats)}" for case in plan.report.caveats):
        book.write(sheet, row, 0, f"Caveat: {text}", "note")
        row += 1
    for table in (plan.report.runs, plan.report.environment):
        row += 1
        for column, head in enumerate(table.columns):
            book.write(sheet, row, column, head.title, "head")
        for cells in table.rows:
            row += 1
            for column, cell in enumerate(cells):
                book.write(sheet, row, column, cell.text, "wrapped")
        row += 1
