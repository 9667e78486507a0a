"""The first sheet: the answers, how to read the others, what they assume, and where their numbers come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from reports.cell import Cell
from reports.plan.checks import OK
from reports.plan.inputs import Quantities, Quantity
from reports.plan.looks import BAD, FIRST, GOOD, NUMBERS
from reports.plan.plan import Plan
from reports.plan.rows_sheet import plan_cells
from reports.plan.sheet import FIRST_ROW, Head, cells_of
from reports.plan.step import NO_POINT
from reports.plan.summary import ANSWERED
from reports.plan.totals import totals_formulas

if TYPE_CHECKING:
    from reports.plan.workbook import Workbook

NAME = "README"
_ANSWERS = (
    Head("problem", "Workload", width=34),
    Head("device", "Device", width=32),
    Head("operating_point", "Operating point", width=20),
    Head("point", "Throughput to plan with", "items/s", "#,##0.00", 14),
    *(Head(one.serving, one.title, one.units, one.format, 12) for one in ANSWERED),
    Head("rank", "Rank of the device", "", "0", 10),
)
_TOGETHER = "All that serves, each workload on its cheapest device (rank 1)"
_LEGEND = (
    ("input", "Yellow cells are yours to change. A yellow text in a plan waits for one of them."),
    ("measured", "Grey cells were measured, and cannot be edited."),
    ("formula", "White cells are formulas over both. Sheets are protected without a password."),
)
_ASSUMED = (
    "What was not measured or not entered is never 0: a cell says what is missing, and so does everything after it.",
    "Operating point: of each workload on each device the measured case that serves most: throughput (the lower bound "
    "of its 95 % interval, or the mean: see Inputs) times the utilisation that it may have. It ended ok on one "
    "device, is the newest run of its case in its environment, fits the memory less the head-room by its upper bound, "
    "has an allowed precision and batch size and, online, keeps the objective at its percentile.",
    "Fleet: devices = peak demand / (throughput x utilisation), rounded up, over the availability, no fewer than "
    "wanted, and spare ones. Peak demand = mean demand x (1 + growth) ^ horizon, of online work x peak to mean.",
    "Utilisation of online work with an objective is the lower one of your target and of what a queue allows: requests "
    "at random, served in steps that take what waits, up to the batch size, and never wait for more. For a share p of "
    "answers in time, with a step s and w left to wait: x / (exp(x) - 1) for x = -ln(1 - p) / v, where v is w / s at "
    "batch 1 and b (w / s - 1) at batch b (Kingman 1964), or (1 - p) / b if that is more. This is a model and was not "
    "measured; a server that waits to fill its batches answers later.",
    "Power: provided is what devices may draw at once; energy counts idle power while they have nothing to do. Online "
    "work that takes what waits runs part-filled steps: u / (u + exp(-u)) of the time for u requests during a step, at "
    "the power of full ones. "
    "Gross power is all that was drawn while the steps ran. Scope says whose power it is: where it is a module or CPU "
    "packages, leave those out of the host power in Inputs. The method's error is how far power may be off.",
    "Cost: prices are yours, each with its date and source. Rent includes electricity and housing. What is bought is "
    "written off in equal parts, without interest or a value at the end.",
    "Training: device-hours = items / (throughput x scaling efficiency x (1 - lost time) x availability). By tokens "
    "and parameters, the FLOPs are 6 x parameters x tokens (Kaplan et al. 2020), at the model FLOP/s measured (of "
    "real tokens) or at MFU x peak; that another model reaches the same FLOP/s is an assumption. Compute-optimal "
    "budgets follow Hoffmann et al. 2022, for dense language models, and count no padding where it was told apart.",
    "A plan says nothing of batch sizes, precisions or devices that were not measured. It runs one copy of a model on "
    "a device and no two workloads on one: what they do to each other was not measured. Workloads share no nodes.",
)


def write_readme(book: Workbook, plan: Plan) -> str:
    """Write the answers, the legend, the assumptions, the caveats, and the runs with their environments; returns where
    the formulas of the answers are."""
    page = _Page(book, plan)
    first = page.row + 2
    last = page.answers()
    page.legend()
    page.paragraphs("What it assumes", _ASSUMED)
    page.paragraphs("Caveats", [f"{case.full_name}: {'; '.join(case.caveats)}" for case in plan.report.caveats])
    page.runs()
    page.environments()
    return cells_of(NAME, (first, 0), (last, len(_ANSWERS) - 1))


class _Page:
    """Writes one part below the other."""

    def __init__(self, book: Workbook, plan: Plan) -> None:
        self._book, self._plan = book, plan
        self._sheet = book.sheet(NAME, [Head("", "", width=head.width) for head in _ANSWERS], plan.report.subtitle)
        book.write(self._sheet, 0, 0, "Capacity plan", "title")
        self._status()
        self.row = FIRST_ROW + 1

    def answers(self) -> int:
        """A row for each workload and device: what serving or training needs, live; returns the last one."""
        self._title("Answers")
        self._book.heads(self._sheet, self.row, _ANSWERS)
        first = self.row + 1
        for place, row in enumerate(self._plan.rows, start=FIRST_ROW):
            self.row += 1
            answers = [_answer(head.name, row, plan_cells(NAME, place)) for head in _ANSWERS]
            for column, (head, (formula, value)) in enumerate(zip(_ANSWERS, answers, strict=True)):
                self._book.formula(self._sheet, self.row, column, formula, value, head.format)
            texts = [(value, head.width - 2) for head, (_, value) in zip(_ANSWERS, answers, strict=True)]
            self._book.height(self._sheet, self.row, texts, least=2)
        self._together()
        self._book.colour(self._sheet, (first, 2), (self.row, 2), ((f'{{cell}}="{NO_POINT}"', {"font_color": BAD}),))
        self._book.colour(self._sheet, (first, 3), (self.row, len(_ANSWERS) - 2), NUMBERS)
        self._book.colour(self._sheet, (first, len(_ANSWERS) - 1), (self.row, len(_ANSWERS) - 1), FIRST)
        self.row += 2
        return self.row - 2

    def legend(self) -> None:
        """What the colours say."""
        self._title("How to read it")
        for kind, text in _LEGEND:
            self._book.write(self._sheet, self.row, 0, kind.capitalize(), kind)
            self._book.write(self._sheet, self.row, 1, text)
            self.row += 1
        self.row += 1

    def paragraphs(self, title: str, texts: Iterable[str]) -> None:
        """Texts across the page, each as high as it needs."""
        for index, text in enumerate(texts):
            if not index:
                self._title(title)
            self._across(text)
        self.row += 1

    def runs(self) -> None:
        """The runs, as every report lists them."""
        table = self._plan.report.runs
        self._title("Runs")
        self._cells([Cell(column.title) for column in table.columns], "head")
        for row in table.rows:
            self._cells(row, "wrapped")
        self.row += 1

    def environments(self) -> None:
        """What the machines were: a fact that differs stands once for each value, with the environments it is of."""
        table = self._plan.report.environment
        self._title("Environments, as Measured numbers them")
        for index, column in enumerate(table.columns[1:], start=1):
            self._cells([Cell(str(index)), Cell(column.title)], "text")
        self.row += 1
        self._cells([Cell("What"), Cell("Value"), Cell("Environments")], "head")
        for what, *cells in table.rows:
            values: dict[str, list[int]] = {}
            for index, cell in enumerate(cells, start=1):
                values.setdefault(cell.note if cell.absent else cell.text, []).append(index)
            for text, of in values.items():
                where = "all" if len(of) == len(cells) else ", ".join(map(str, of))
                self._cells([what, Cell(text), Cell(where)], "text")

    def _together(self) -> None:
        """All that serves, in the last row of the answers."""
        self.row += 1
        self._sheet.merge_range(self.row, 0, self.row, 3, "", self._book.format("part"))
        self._book.write(self._sheet, self.row, 0, _TOGETHER, "part")
        formulas = totals_formulas()
        for column, head in enumerate(_ANSWERS[4:], start=4):
            if head.name in formulas:
                value = self._plan.totals[head.name]
                self._book.formula(self._sheet, self.row, column, formulas[head.name], value, head.format, "part")
            else:
                self._book.write(self._sheet, self.row, column, None, "part")
        self._book.height(self._sheet, self.row, [], least=3)

    def _status(self) -> None:
        """Whether the checks found anything, in one line."""
        say = f'COUNTIFS(checks_result,"<>{OK}")'
        text = f'=IF({say}=0,"{_FINE}",{say}&" of "&ROWS(checks_result)&" {_LOOK}")'
        found = sum(check.result != OK for check in self._plan.checks)
        value = f"{found} of {len(self._plan.checks)} {_LOOK}" if found else _FINE
        self._book.formula(self._sheet, 2, 0, text, value, kind="words")
        looks = ((f'{{cell}}="{_FINE}"', {"font_color": GOOD}), ("TRUE", {"font_color": BAD}))
        self._book.colour(self._sheet, (2, 0), (2, 0), looks)

    def _title(self, text: str) -> None:
        self._book.write(self._sheet, self.row, 0, text, "section")
        self.row += 1

    def _across(self, text: str) -> None:
        last = 8
        width = sum(head.width for head in _ANSWERS[: last + 1])
        self._sheet.merge_range(self.row, 0, self.row, last, "", self._book.format("wrapped"))
        self._book.write(self._sheet, self.row, 0, text, "wrapped")
        self._book.height(self._sheet, self.row, [(text, width)])
        self.row += 1

    def _cells(self, cells: Iterable[Cell], kind: str) -> None:
        for column, cell in enumerate(cells):
            self._book.write(self._sheet, self.row, column, cell.text, kind)
        self.row += 1


_FINE, _LOOK = "All checks are ok.", "checks say more than ok: see Checks."
_TRAINING = {one.serving: one.training for one in ANSWERED} | {"rank": "training_rank"}


def _answer(name: str, row: Quantities, cells: Mapping[str, str]) -> tuple[str, Quantity]:
    """A formula over the plan's cells and its value: of what serving and training call differently, the right one."""
    if name == "operating_point":
        return f"={cells['setting']}", row["setting"]
    if name not in _TRAINING:
        return f"={cells[name]}", row[name]
    training = _TRAINING[name]
    formula = f'=IF({cells["mode"]}="training",{cells[training]},{cells[name]})'
    return formula, row[training if row["mode"] == "training" else name]
