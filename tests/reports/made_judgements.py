"""Judgements as gates would leave them: every verdict and mode, exact, and without a clock."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from made_records import CPU

from bench.case import Case
from bench.judge.finding import Dot, Finding, Judgement

BASE = {"name": "main", "revision": "26d7ec5f00c1a2b3c4d5e6f708192a3b4c5d6e7f", "environment": CPU}
HEAD = {"name": "HEAD", "revision": "9c75e82f00c1a2b3c4d5e6f708192a3b4c5d6e7f", "environment": CPU}
COMMAND = (
    "wattmark gate --base main quick -w bert:Pretrain --precision fp32 --set layers=2,4 --data generated -o out.html"
)


def case(workload: str = "bert:Pretrain", batch_size: int = 8, precision: str = "fp32", **parameters: Any) -> Case:
    """A case on a CPU."""
    return Case(workload, "cpu", precision, batch_size, parameters or {"sequence_length": 128, "layers": 2})


def dots(effects: Sequence[float], level: float = 0.0102, stage: str = "screen", lottery: float = 0.0) -> list[Dot]:
    """Pairs that changed so much; with a lottery, every process is by chance as much slower, and so is its partner."""
    drawn = random.Random(len(effects))
    found = []
    for effect in effects:
        base = level * (1 + drawn.uniform(-0.01, 0.01)) * (1 + lottery * drawn.randrange(2))
        found.append(Dot(stage, "ok", base, base * (1 + effect), effect))
    return found


SLOWER = Finding(
    case(), "time.step", "regressed", "s", 0.01021, 0.01053, 0.0312, 0.0214, 0.0404, 0.00098, 0.03, 0.0142, 10, 2,
    ("Operators: 412 became 448, of which aten::mm 96 became 120.",),
    (
        *dots((0.036, 0.029, 0.041, 0.024, 0.033, 0.031)),
        Dot("screen", "contaminated", 0.0131, 0.0188, 0.435),
        *dots((0.031, 0.028, 0.035, 0.037, 0.012, 0.031, 0.033, 0.029, 0.045, 0.027), stage="confirm"),
        Dot("confirm", "contaminated", 0.0151, 0.0149, -0.0132),
    ),
    seconds=41.5,
)  # fmt: skip
MORE_MEMORY = Finding(
    case(), "memory.peak", "regressed", "B", 1_200_300_512.0, 1_344_336_573.0, 0.12, None, None, None, 0.0,
    reasons=("Counted exactly: every head process had the same peak.",), seconds=41.5,
)  # fmt: skip
HARDLY_MORE = Finding(
    case(batch_size=16), "memory.peak", "regressed", "B", 1_200_300_512.0, 1_200_300_544.0, 32 / 1_200_300_512,
    margin=0.0, reasons=("One allocation is a block larger.",),
)  # fmt: skip
HEAD_DIED = Finding(
    case("resnet:Classify", 32, depth=50), "time.step", "regressed", "s", 0.2213, margin=0.03, pairs=0, dropped=0,
    reasons=("head oom: out of memory while the base fitted, in 2 of 2 pairs.",), seconds=9.0,
)  # fmt: skip
MISSING = Finding(
    case("wav2vec2:Pretrain", 4, seconds=4), "time.step", "incomparable", "s", margin=0.03,
    reasons=("The base has no such case.",),
)  # fmt: skip
UNCERTAIN = Finding(
    case("resnet:Classify", 8, depth=50), "time.step", "inconclusive", "s", 0.0237, 0.0241, 0.0171, -0.041, 0.079,
    None, 0.03, 0.098, 6, 1, ("The interval holds changes of up to 7.9 %.",),
    (*dots((0.20, -0.19, 0.005, 0.21, -0.002, 0.19), 0.0225, lottery=0.13),
     Dot("screen", "contaminated", 0.031, None, None)),
    seconds=15.2,
)  # fmt: skip
FASTER = Finding(
    case("bert:Classify", 16), "time.step", "improved", "s", 0.0533, 0.0522, -0.0203, -0.0255, -0.0149, 0.00195, 0.03,
    0.0121, 13, 0, (),
    (*dots((-0.02, -0.022, -0.016, -0.025, -0.019, -0.021), 0.0533),
     *dots((-0.02, -0.024, -0.016, -0.027, -0.019, -0.021, -0.018, -0.022, -0.02, -0.02, -0.015, -0.019, -0.021),
           0.0533, "confirm")),
    seconds=44.0,
)  # fmt: skip
SAME = Finding(
    case("bert:Classify", 8), "time.step", "unchanged", "s", 0.0303, 0.03031, 0.0004, -0.0061, 0.0069, None, 0.03,
    0.0102, 12, 0, (),
    (*dots((0.004, -0.006, 0.001, 0.0, 0.006, -0.003), 0.0303),
     *dots((0.002, -0.001, 0.003, 0.0015, -0.007, 0.002), 0.0303, "extend")),
    seconds=30.1,
)  # fmt: skip
SAME_MEMORY = Finding(
    case("bert:Classify", 8), "memory.peak", "unchanged", "B", 801_000_000.0, 801_000_000.0, 0.0, margin=0.0,
    seconds=30.1,
)  # fmt: skip
NOT_GATED = Finding(
    case("resnet:Classify", 1, depth=18), "time.step", "regressed", "s", 0.011, 0.0132, 0.2, 0.02, 0.41, 0.0078, 0.03,
    0.19, 10, 3, (), tuple(dots((0.2, -0.1, 0.35, 0.21, 0.18, 0.4), 0.011)), gateable=False, seconds=20.0,
)  # fmt: skip
THROUGHPUT = Finding(
    case("bert:Classify", 16), "throughput", "improved", "sequence/s", 300.0, 306.2, 0.0207, 0.0152, 0.0262, 0.00195,
    0.03, 0.0121, 13, 0, (), seconds=44.0,
)  # fmt: skip
ENERGY = Finding(
    case("bert:Classify", 16), "energy.item", "inconclusive", "J/sequence", margin=0.05,
    reasons=("Energy was not measured: no energy counter here.",),
)  # fmt: skip

EVERY = (
    SAME, SLOWER, SAME_MEMORY, FASTER, MORE_MEMORY, MISSING, UNCERTAIN, HEAD_DIED, NOT_GATED, HARDLY_MORE, THROUGHPUT,
    ENERGY,
)  # fmt: skip


def judgement(*findings: Finding, mode: Any = "paired", **more: Any) -> Judgement:
    """A gate of these findings."""
    fields: dict[str, Any] = {
        "id": "20261123-101500-a1b2", "started": "2026-11-23T10:15:00+00:00", "command": COMMAND, "mode": mode,
        "base": BASE, "head": HEAD, "wattmark": "0.1.0", "seed": 7, "seconds": 214.6,
        "settings": {"pairs": 6, "margin": {"time": 0.03}, "metrics": ["time", "memory"]}, **more,
    }  # fmt: skip
    return Judgement(findings=findings, **fields)


def paired() -> Judgement:
    """Base and head side by side, with every verdict that this can give."""
    return judgement(*EVERY, notes=("The two environments differ in the patch level of the kernel.",))


def passed() -> Judgement:
    """Nothing regressed."""
    return judgement(SAME, SAME_MEMORY, FASTER)


def counted() -> Judgement:
    """The exact form: operators by name, some new, some gone."""
    counts = {
        "operators": (412, 448),
        "operators.aten::mm": (96, 120),
        "graph.breaks": (0, 3),
        "flop.computed": (1.5e10, 1.5e10),
    }
    found = [
        Finding(
            case(), name, "unchanged" if base == head else "regressed", "FLOP" if name == "flop.computed" else "1",
            float(base), float(head), head / base - 1 if base else None, seconds=0.4,
            reasons=("aten::mm: 24 more, in layers 0 and 1.",) if name == "operators" else (),
        )
        for name, (base, head) in counts.items()
    ]  # fmt: skip
    gone = Finding(case(batch_size=16), "operators", "incomparable", reasons=("The base could not be built: exit 1.",))
    return judgement(*found, gone, mode="counters", command="wattmark gate --counters --base main smoke", seed=None)


def stored() -> Judgement:
    """Two stores of records: their processes, and never more than a suspicion."""
    processes = (
        *(Dot("base", "ok", base=level) for level in (0.0101, 0.0102, 0.0127)),
        *(Dot("head", "ok", head=level) for level in (0.0118, 0.0119, 0.0121)),
    )
    suspect = Finding(
        case(), "time.step", "suspect", "s", 0.0102, 0.0119, 0.1667, None, None, None, 0.03, None, 0, 0,
        ("Three processes a side cannot carry more.",), processes,
    )  # fmt: skip
    other = Finding(
        case(batch_size=16), "time.step", "incomparable", "s",
        reasons=("driver: 580.95 is not 575.12.", "torch.threads: 2 is not 4."),
    )  # fmt: skip
    return judgement(suspect, other, mode="stored", command="wattmark gate results/monday results/friday", seed=None)


def history() -> Judgement:
    """Many stores, with a change point."""
    levels = (0.0101, 0.0102, 0.01, 0.0103, 0.0101, 0.0112, 0.0113, 0.0111)
    records = tuple(
        Dot(f"2026-11-{day:02}", "ok", **{"base" if day < 6 else "head": level})
        for day, level in enumerate(levels, start=1)
    )
    found = Finding(
        case(), "time.step", "suspect", "s", 0.0101, 0.0112, 0.109, 0.09, 0.128, 0.004, 0.03,
        reasons=("A change point between 2026-11-05 and 2026-11-06.",), dots=records,
    )  # fmt: skip
    sides = {"base": {"name": "before"}, "head": {"name": "after", "revision": None, "environment": None}}
    return judgement(found, mode="history", command="wattmark gate --history runs", **sides)


def calibrated() -> Judgement:
    """Base against base, in which one case fooled the gate."""
    return judgement(SAME, FASTER, mode="aa", command="wattmark aa quick", head=BASE)


def nothing() -> Judgement:
    """A gate without a single case, of which next to nothing is known."""
    return Judgement("x", "", "", "paired", {}, {}, ())


def bare() -> Judgement:
    """Every verdict with everything absent that may be."""
    verdicts = ("regressed", "incomparable", "suspect", "inconclusive", "improved", "unchanged")
    found = [
        Finding(Case("w:W", "cpu", "fp32", size), "time.step", verdict) for size, verdict in enumerate(verdicts, 1)
    ]
    shown = Finding(
        Case("w:W", "cpu", "fp32", 9), "memory.peak", "regressed", gateable=False, dots=(Dot("screen", "ok"),)
    )
    return Judgement("x", "when?", "'", "paired", {"name": None}, {}, (*found, shown))


MODES = {
    "paired": paired, "passed": passed, "counters": counted, "stored": stored, "history": history, "aa": calibrated,
    "nothing": nothing, "bare": bare,
}  # fmt: skip


def hostile(text: str) -> Judgement:
    """The text in every place where a judgement can hold one."""
    cases = [
        Case(text, text, text, 1, {text: text, "a": text}, text, text),
        Case("w:W", "cpu", "fp32", 1, {"size": text}),
        Case("w:W", "cpu", "fp32", 1, {"size": "small"}),
    ]
    shown = (Dot(text, text, 1.0, 1.1, 0.1), Dot(text, "ok", 1.0, 1.2, 0.2), Dot("screen", "ok", None, 1.0, None))
    numbers: Mapping[str, Any] = {"base": 1.0, "head": 1.1, "effect": 0.1, "low": 0.05, "high": 0.15, "p": 0.001}
    found = [
        Finding(one, text, verdict, text, reasons=(text, text), dots=shown, **numbers)
        for one in cases
        for verdict in ("regressed", "incomparable", "unchanged")
    ]
    side = {"name": text, "revision": text, "environment": {text: text, "more": [text, {text: text}]}}
    about = {"id": text, "started": text, "command": f"wattmark gate {text}", "wattmark": text}
    return judgement(*found, notes=(text,), base=side, head=side, settings={text: text}, **about)
