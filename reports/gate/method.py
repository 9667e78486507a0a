"""How to read a gate, said beside its numbers."""

from __future__ import annotations

from reports.gate.words import MEANINGS, MODES

METHOD: tuple[tuple[str, str], ...] = (
    (
        "Effect",
        "Head over base, minus 1. Slower and faster are by the time of a step: 2 % faster is 2 % less time. The 95 % "
        "interval is of the effect. Digits shown are those that it supports; the JSON form holds every digit.",
    ),
    (
        "Pair",
        "One process of base and one of head that live at the same time and measure in turns. A pair gives one effect, "
        "and pairs are what is counted: the steps of one process are not independent samples. A pair that something "
        "else on the machine has disturbed is contaminated. That is judged on what was watched beside it, never on its "
        "times; it is drawn hollow and crossed, and it is not used.",
    ),
    (
        "Base, head",
        "Each the median over the processes of that side. The effect is not made of these two but of the pairs, whose "
        "processes met the same minutes; so where the machine drifted from pair to pair, the effect holds, and the two "
        "medians may differ by more or by less, or even the other way.",
    ),
    (
        "Stages",
        "All cases are screened. What looks like a change is measured again by fresh pairs (confirm), on which alone "
        "the verdict stands; what is neither a change nor proven to be none gets more pairs (extend). A sequential "
        "case is looked at again and again, at a stricter level each time.",
    ),
    (
        "p",
        "The probability of so large a change in one direction if there were none, adjusted for the number of cases.",
    ),
    (
        "Could see",
        "The smallest effect that would have been found with 90 % probability by the pairs that there are. Where "
        "nothing is proven, changes below it may have been missed.",
    ),
    ("Verdicts", "; ".join(f"{verdict}: {meaning}" for verdict, meaning in MEANINGS.items()) + "."),
    (
        "Not gated",
        "Where calibration has shown that this machine cannot see a change of the margin's size, a case is shown and "
        "decides nothing.",
    ),
    ("Modes", "; ".join(f"{mode}: {meaning}" for mode, meaning in MODES.items()) + "."),
    (
        "Exit codes",
        "0: passed. 1: something regressed. 3: cannot tell, since something is inconclusive, suspect or incomparable. "
        "2: the command was wrong.",
    ),
    ("Absence", "What was not measured is shown as — with its reason: never as zero, and never estimated."),
)
