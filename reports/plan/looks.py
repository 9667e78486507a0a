"""How the workbook's cells look: fills, fonts and borders by what a cell is for, colours by what it says."""

from __future__ import annotations

from typing import Any

from reports.plan.checks import OK, WAITING
from reports.plan.cost import NO_CHARGES
from reports.plan.point import NO_OBJECTIVE
from reports.plan.step import IN_TRAINING, NOT_TRAINING

GOOD, BAD, NOTE = "#00694d", "#a63200", "#5b6470"
INPUT, MEASURED = "#fff4cc", "#e8ebef"
_LINE = "#c4cad1"

BASE = {"font_name": "Calibri", "font_size": 11, "valign": "top"}
KINDS: dict[str, dict[str, Any]] = {
    "title": {"bold": True, "font_size": 16},
    "section": {"bold": True, "font_size": 13},
    "head": {"bold": True, "bottom": 1, "text_wrap": True, "valign": "bottom"},
    "part": {"bold": True, "top": 1, "text_wrap": True},
    "text": {},
    "words": {},
    "wrapped": {"text_wrap": True},
    "note": {"font_color": NOTE},
    "remark": {"font_color": NOTE, "text_wrap": True},
    "input": {"bg_color": INPUT, "border": 1, "border_color": "#c9b458", "locked": False},
    "measured": {"bg_color": MEASURED, "bottom": 4, "bottom_color": _LINE},
    "formula": {"text_wrap": True, "bottom": 4, "bottom_color": _LINE},
}

_BESIDE = (IN_TRAINING, NOT_TRAINING, NO_CHARGES, NO_OBJECTIVE)  # texts that lack nothing

Look = tuple[str, dict[str, Any]]  # a condition of the {cell}, and what it then looks like

# Of a text in the place of a number, in this order: it waits for the user, it is beside the point, it lacks something.
WORDS: tuple[Look, ...] = (
    (f'LEFT({{cell}},{len(WAITING)})="{WAITING}"', {"bg_color": INPUT}),
    ("OR(" + ",".join(f'{{cell}}="{text}"' for text in _BESIDE) + ")", {"font_color": NOTE}),
)
NUMBERS: tuple[Look, ...] = (*WORDS, ("ISTEXT({cell})", {"font_color": BAD}))
FIRST: tuple[Look, ...] = (("{cell}=1", {"font_color": GOOD, "bold": True}), *NUMBERS)
RESULTS: tuple[Look, ...] = (
    (f'{{cell}}="{OK}"', {"font_color": GOOD}),
    (f'{{cell}}<>"{OK}"', {"font_color": BAD}),
)
