"""A capacity plan as a workbook: live formulas over measured rows, which anyone can follow and change.

Functions are those that every spreadsheet has (no dynamic arrays, no structured references), and each formula carries
the value that Python computed, for viewers that do not recalculate.
"""

from __future__ import annotations

from typing import Any

from xlsxwriter.utility import xl_rowcol_to_cell

from reports.capacity import DEMAND, DEVICE, NO_POINT, PLAN, POLICY, USABLE, Input, Quantity, formula
from reports.plan import Candidate, Inputs, Target, candidates, examples, plan, targets, usable
from reports.report import Report
from reports.workbook import Workbook

# The columns of Measured: name, title, unit, number format, width.
_MEASURED = (
    ("target", "Row of the plan", "", "0", 9),
    ("run", "Run", "", "", 22),
    ("case", "Case", "", "", 44),
    ("problem", "Workload", "", "", 34),
    ("device", "Device", "", "", 26),
    ("precision", "Precision", "", "", 10),
    ("batch_size", "Batch size", "", "0", 7),
    ("status", "Status", "", "", 12),
    ("throughput", "Throughput", "items/s", "#,##0.000", 14),
    ("low", "Lower bound", "items/s", "#,##0.000", 14),
    ("memory", "Memory to plan with", "B", '#,##0" B"', 20),
    ("power", "Mean power", "W", '#,##0.0" W"', 14),
    ("replicates", "Replicates", "", "0", 11),
    ("reason", "Reason", "", "", 30),
    ("caveats", "Caveats", "", "", 30),
    ("usable", USABLE.title, USABLE.unit, USABLE.format, 22),
    ("pick", "Operating point of", "row of the plan", "0", 16),
)
_COLUMN = {name: index for index, (name, *_) in enumerate(_MEASURED)}
_FIRST = 3  # the first row of data on Measured and Plan, counted from 0

# The columns of Plan before those of `PLAN`: name, title, unit, number format, width.
_LOOKED_UP = (
    ("number", "Row", "", "0", 5),
    ("problem", "Workload", "", "", 34),
    ("device", "Device", "", "", 26),
    ("item", "Item", "", "", 11),
    ("place", "Operating point", "row of Measured", "0", 24),
    ("precision", "Precision", "", "", 11),
    ("batch_size", "Batch size", "", "0", 8),
    ("point", "Throughput to plan with", "items/s", "#,##0.00", 15),
    ("memory", "Memory", "B", '#,##0" B"', 18),
    ("power", "Mean power of a device", "W", '#,##0.0" W"', 16),
)

_README = (
    "Yellow cells are yours to change. Grey cells were measured. White cells are formulas over both.",
    "Inputs are examples until you replace them; only the device memory was read from the machine.",
    "The operating point of a workload on a device is its measured case with the highest throughput (the lower bound "
    "of the 95 % interval, or the mean: see Confidence) that ended ok and fits the memory less the head-room.",
    "Devices = peak demand / (throughput x target utilisation), rounded up; nodes follow from devices per node.",
    "Power assumes every device draws its measured mean power all year, which is an upper bound: idle power was not "
    "measured. Cost = device-hours of a year x price + energy x electricity price, in your currency.",
    "A plan says nothing of batch sizes, precisions or devices that were not measured, nor of scaling losses between "
    "devices. Where something was not measured a cell says so; it is never 0.",
)


def export(report: Report) -> bytes:
    """The workbook."""
    inputs = examples(report.cases)
    cases = candidates(report.cases)
    wanted = targets(report.cases)
    book = Workbook()
    _readme(book, report)
    cells = _inputs(book, inputs, wanted)
    _measured(book, cases, inputs, cells)
    _plan(book, wanted, cases, inputs, cells)
    return book.close()


def _readme(book: Workbook, report: Report) -> None:
    sheet = book.sheet("README", (26, 26, 40, 12, 12, 12, 12))
    book.write(sheet, 0, 0, "Capacity plan", "title")
    book.write(sheet, 1, 0, report.subtitle)
    row = 3
    for text in _README:
        sheet.merge_range(row, 0, row, 6, "", book.format("wrapped"))
        book.write(sheet, row, 0, text, "wrapped")
        sheet.set_row(row, 15 * (1 + len(text) // 125))
        row += 1
    for text in (f"{case.full_name}: {caveat}" for case, caveat in report.caveats):
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


def _inputs(book: Workbook, inputs: Inputs, wanted: tuple[Target, ...]) -> dict[str, Any]:
    """Write the inputs; returns where they are: by name, and by (name, workload or device)."""
    sheet = book.sheet("Inputs", (44, 20, 18, 24, 18, 18))
    cells: dict[Any, str] = {}
    book.write(sheet, 0, 0, "Inputs", "title")
    book.write(sheet, 1, 0, "Yellow cells are examples: replace them with your own.", "note")
    row = _heads(book, sheet, 3, ("For everything", "Value", "Unit", "Meaning"))
    for entry in POLICY:
        book.write(sheet, row, 0, entry.title)
        _enter(book, sheet, row, 1, entry, inputs.policy[entry.name])
        book.write(sheet, row, 2, entry.unit, "note")
        book.write(sheet, row, 3, entry.meaning)
        cells[entry.name] = f"input_{entry.name}"
        book.name(cells[entry.name], "Inputs", row, 1)
        row += 1
    row = _heads(book, sheet, row + 1, ("Workload", DEMAND.title, "Unit"))
    for problem, demand in inputs.demand.items():
        book.write(sheet, row, 0, problem)
        _enter(book, sheet, row, 1, DEMAND, demand)
        item = next(target.item for target in wanted if target.problem == problem)
        book.write(sheet, row, 2, f"{item}/s", "note")
        cells["demand", problem] = _absolute(row, 1)
        row += 1
    memory = Input("device_memory", "Device memory", "GB", 0.0, "As the device reports it.")
    entries = (memory, *DEVICE)
    row = _heads(book, sheet, row + 1, ("Device", *(f"{entry.title}, {entry.unit}" for entry in entries)))
    for device, values in inputs.device.items():
        book.write(sheet, row, 0, device)
        for column, entry in enumerate(entries, start=1):
            _enter(book, sheet, row, column, entry, values[entry.name])
            cells[entry.name, device] = _absolute(row, column)
        row += 1
    sheet.freeze_panes(3, 1)
    return cells


def _heads(book: Workbook, sheet: Any, row: int, titles: tuple[str, ...]) -> int:
    for column, title in enumerate(titles):
        book.write(sheet, row, column, title, "head")
    return row + 1


def _enter(book: Workbook, sheet: Any, row: int, column: int, entry: Input, value: Quantity) -> None:
    """An input cell that takes only what makes sense."""
    book.write(sheet, row, column, value, "input", "0%" if entry.unit == "share" else "#,##0.00")
    if isinstance(entry.example, str):
        rule: dict[str, Any] = {"validate": "list", "source": ["mean", "lower bound"]}
    elif entry.most is None:
        rule = {"validate": "decimal", "criteria": ">=", "value": entry.least}
    else:
        rule = {"validate": "decimal", "criteria": "between", "minimum": entry.least, "maximum": entry.most}
    sheet.data_validation(row, column, row, column, {**rule, "input_title": entry.title[:32], "input_message": entry.meaning})


def _measured(book: Workbook, cases: tuple[Candidate, ...], inputs: Inputs, cells: dict[Any, str]) -> None:
    sheet = book.sheet("Measured", [width for *_, width in _MEASURED])
    book.write(sheet, 0, 0, "Measured", "title")
    book.write(sheet, 1, 0, "One row a case, failures too, in SI units. The last two columns are formulas.", "note")
    last = _FIRST + len(cases) - 1
    for column, (name, title, unit, number, _) in enumerate(_MEASURED):
        book.write(sheet, _FIRST - 1, column, f"{title}, {unit}" if unit else title, "head number" if number else "head")
        book.name(f"measured_{name}", "Measured", _FIRST, column, last)
    rates = [usable(case, inputs) for case in cases]
    best: dict[int, float] = {}
    for case, rate in zip(cases, rates, strict=True):
        if isinstance(rate, (int, float)):
            best[case.target] = max(rate, best.get(case.target, rate))
    for row, (case, rate) in enumerate(zip(cases, rates, strict=True), start=_FIRST):
        for name, value in _facts(case).items():
            book.write(sheet, row, _COLUMN[name], value, "measured", _MEASURED[_COLUMN[name]][3])
        device = case.row.device_label
        where = {name: xl_rowcol_to_cell(row, column) for name, column in _COLUMN.items()}
        known = {**cells, **where, "device_memory": cells["device_memory", device]}
        book.formula(sheet, row, _COLUMN["usable"], formula(USABLE, known), rate, USABLE.format)
        chosen = isinstance(rate, (int, float)) and rate == best[case.target]
        text = (
            "=IF(ISNUMBER({usable}),IF({usable}=_xlfn.MAXIFS(measured_usable,measured_target,{target}),{target},\"\"),\"\")"
        ).format(**where)
        book.formula(sheet, row, _COLUMN["pick"], text, case.target if chosen else "", "0")
    sheet.freeze_panes(_FIRST, _COLUMN["case"] + 1)
    sheet.autofilter(_FIRST - 1, 0, last, len(_MEASURED) - 1)
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True})


def _facts(case: Candidate) -> dict[str, Quantity]:
    row = case.row
    return {
        "target": case.target,
        "run": row.run,
        "case": row.case,
        "problem": row.problem,
        "device": row.device_label,
        "precision": row.precision,
        "batch_size": row.batch_size,
        "status": row.status.text,
        "reason": row.status.note or None,
        "caveats": "; ".join(row.caveats) or None,
        "replicates": row.values["throughput"].replicates,
        **case.known,
    }


def _plan(book: Workbook, wanted: tuple[Target, ...], cases: tuple[Candidate, ...], inputs: Inputs, cells: dict[Any, str]) -> None:
    sheet = book.sheet("Plan", [*(width for *_, width in _LOOKED_UP), *([15] * len(PLAN))])
    book.write(sheet, 0, 0, "Plan", "title")
    book.write(sheet, 1, 0, "How many of each device each workload would need by itself, and what they would cost.", "note")
    heads = [(title, unit, number) for _, title, unit, number, _ in _LOOKED_UP]
    heads += [(step.title, step.unit, step.format) for step in PLAN]
    for column, (title, unit, number) in enumerate(heads):
        book.write(sheet, _FIRST - 1, column, f"{title}, {unit}" if unit else title, "head number" if number else "head")
    names = [name for name, *_ in _LOOKED_UP] + [step.name for step in PLAN]
    for row, target in enumerate(wanted, start=_FIRST):
        known = plan(target, cases, inputs, first_row=_FIRST + 1)
        where = {name: xl_rowcol_to_cell(row, column) for column, name in enumerate(names)}
        where |= {entry.name: cells[entry.name] for entry in POLICY}
        where |= {entry.name: cells[entry.name, target.device] for entry in DEVICE}
        where["demand"] = cells["demand", target.problem]
        for column, value in enumerate((target.number, target.problem, target.device, target.item)):
            book.write(sheet, row, column, value)
        formulas = {"place": _place(where), **{name: _look_up(name, where) for name in _TAKEN}}
        formulas |= {step.name: formula(step, where) for step in PLAN}
        for column, name in enumerate(names):
            if name in formulas:
                book.formula(sheet, row, column, formulas[name], known[name], heads[column][2])
    last = _FIRST + len(wanted) - 1
    # What could not be planned stands out by its colour and says why by its text.
    spoken = {"type": "formula", "criteria": f"=ISTEXT({xl_rowcol_to_cell(_FIRST, 0)})"}
    look = book.book.add_format({"font_color": "#a63200", "italic": True, "text_wrap": True})
    for column, name in enumerate(names):
        if name in known and name not in ("precision",):
            sheet.conditional_format(
                _FIRST, column, last, column,
                {**spoken, "criteria": f"=ISTEXT({xl_rowcol_to_cell(_FIRST, column)})", "format": look},
            )  # fmt: skip
    sheet.freeze_panes(_FIRST, 3)


_TAKEN = {"precision": "precision", "batch_size": "batch_size", "point": "usable", "memory": "memory", "power": "power"}


def _place(where: dict[str, str]) -> str:
    """Which row of Measured is the operating point, or how many cases fail to be one and why."""
    own = f"measured_target,{where['number']}"
    failed = f'COUNTIFS({own},measured_status,"<>ok")'
    large = f'COUNTIFS({own},measured_usable,"does not fit the memory")'
    why = (
        f'"none of "&COUNTIFS({own})&" cases: "&{failed}&" not measured, "&{large}&" do not fit the memory, "'
        f'&(COUNTIFS({own})-{failed}-{large})&" without memory or lower bound"'
    )
    found = f"MATCH({where['number']},measured_pick,0)"
    return f"=IF(ISNUMBER({found}),{found}+{_FIRST},{why})"


def _look_up(name: str, where: dict[str, str]) -> str:
    return f'=IF(ISNUMBER({where["place"]}),INDEX(measured_{_TAKEN[name]},{where["place"]}-{_FIRST}),"{NO_POINT}")'


def _absolute(row: int, column: int) -> str:
    return "Inputs!" + str(xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True))
