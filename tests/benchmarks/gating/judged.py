"""What was collected, judged: by our gate, and by the rules of others on the very same steps."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import median

import numpy as np
from scipy.stats import mannwhitneyu

from bench.gate.pairing import by_case
from bench.gating import Gating
from bench.judge.contamination import contamination
from bench.judge.finding import Finding
from bench.judge.paired import judge
from bench.pair import ARMS, Pair, read_pairs
from bench.statistics import at_most

GATING = Gating()
SERIES = ("same", "load", "slow3", "slow5", "neighbour")

Gate = dict[str, list[Pair]]
Steps = tuple[np.ndarray, np.ndarray]


def read(path: Path) -> list[Gate]:
    """The gates of a series, each with its pairs by case."""
    if not path.exists():
        return []
    parts = gzip.decompress(path.read_bytes()).decode().split("\n\n")
    return [by_case(read_pairs(part.strip("\n") + "\n", str(path))) for part in parts if part.strip()]


def table(folder: Path) -> str:
    """Two tables in Markdown: ours, and all rules side by side."""
    series = {name: gates for name in SERIES if (gates := read(folder / f"{name}.jsonl.gz"))}
    ours = "\n".join(_ours(name, gates) for name, gates in series.items())
    others = "\n".join(
        f"| {name} | " + " | ".join(_share(*_red(rule, series.get(one, []))) for one in SERIES[:4]) + " |"
        for name, rule in RULES.items()
    )
    spread = "\n".join(_cases(name, gates) for name, gates in series.items() if name == "same")
    return f"{OURS}{ours}\n\n{OTHERS}{others}\n\n{CASES}{spread}\n"


OURS = """\
| series | gates | cases | pairs | dropped | regressed | at least | at most | improved | unchanged | inconclusive | \
red gates | at most | screening, s a case | all, s a case |
|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|
"""

OTHERS = """\
| rule | same code | same, load comes and goes | 3 % slower | 5 % slower |
|---|--:|--:|--:|--:|
"""

CASES = """\
| case | spread of a pair | proven unchanged | pairs |
|---|--:|--:|--:|
"""


def _ours(name: str, gates: Sequence[Gate]) -> str:
    judged = [_judged(gate) for gate in gates]
    verdicts = Counter(finding.verdict for findings in judged for finding in findings)
    cases = sum(verdicts.values())
    pairs = [pair for gate in gates for own in gate.values() for pair in own]
    dropped = sum(contamination(pair) is not None for pair in pairs)
    red = sum(any(finding.verdict == "regressed" for finding in findings) for findings in judged)
    screening = [sum(p.seconds for p in own if p.stage == "screen") for gate in gates for own in gate.values()]
    whole = [sum(p.seconds for p in own) for gate in gates for own in gate.values()]
    shares = [
        f"{verdicts[v]} ({verdicts[v] / cases:.1%})" for v in ("regressed", "improved", "unchanged", "inconclusive")
    ]
    row = [
        name,
        len(gates),
        cases,
        len(pairs),
        f"{dropped} ({dropped / len(pairs):.1%})",
        shares[0],
        f"{1 - at_most(cases - verdicts['regressed'], cases):.1%}",
        f"{at_most(verdicts['regressed'], cases):.1%}",
        *shares[1:],
    ]
    row += [f"{red} ({red / len(gates):.1%})", f"{at_most(red, len(gates)):.1%}"]
    row += [f"{median(screening):.1f}", f"{median(whole):.1f}"]
    return "| " + " | ".join(map(str, row)) + " |"


def _cases(name: str, gates: Sequence[Gate]) -> str:
    from bench.judge.calibration import calibrate

    found = calibrate(gates, {case: GATING for gate in gates for case in gate})
    rows = [
        f"| {one.case.parameters['model']}, {one.case.parameters['task']} | {one.spread:.2%} | "
        f"{one.unchanged} of {one.gates} | {one.pairs} |"
        for one in found
    ]
    return "\n".join(rows)


def _judged(gate: Gate) -> list[Finding]:
    return judge(gate, dict.fromkeys(gate, GATING))


Rule = Callable[[Gate], Iterator[bool]]


def ours(gate: Gate) -> Iterator[bool]:
    """The gate of this project."""
    return (finding.verdict == "regressed" for finding in _judged(gate))


def one_process(test: Callable[[Steps], bool]) -> Rule:
    """A rule that sees one process a side: each pair of the screening is a trial."""

    def rule(gate: Gate) -> Iterator[bool]:
        return (test(_steps([pair])) for own in gate.values() for pair in own if pair.stage == "screen" and pair.chunks)

    return rule


def all_steps(test: Callable[[Steps], bool]) -> Rule:
    """A rule that takes the steps of all processes of the screening for independent."""

    def rule(gate: Gate) -> Iterator[bool]:
        return (test(_steps([p for p in own if p.stage == "screen" and p.chunks])) for own in gate.values())

    return rule


def _steps(pairs: Sequence[Pair]) -> Steps:
    return tuple(
        np.array([step for pair in pairs for chunk in pair.of(arm) for step in chunk.step_seconds]) for arm in ARMS
    )


def median_5(steps: Steps) -> bool:
    """`--benchmark-compare-fail=median:5%` of pytest-benchmark (utils.py, PercentageRegressionCheck)."""
    return np.median(steps[1]) / np.median(steps[0]) - 1 > 0.05


def fixed_5(steps: Steps) -> bool:
    """A threshold of 5 % on the mean of all steps."""
    return steps[1].mean() / steps[0].mean() - 1 > 0.05


def mann_whitney(steps: Steps) -> bool:
    """google/benchmark's compare.py: two-sided at 5 %, red where head is the slower one."""
    return mannwhitneyu(*steps).pvalue < 0.05 and np.median(steps[1]) > np.median(steps[0])


def criterion(steps: Steps, resamples: int = 2000, noise: float = 0.01) -> bool:
    """criterion.rs: a bootstrapped t-test at 5 %, then the 95 % interval of the means' ratio above the noise (1 %)."""
    drawn = np.random.default_rng(len(steps[0]))
    base, head = (drawn.choice(own, (resamples, len(own))).mean(axis=1) for own in steps)
    both = np.concatenate(steps)
    first, second = (drawn.choice(both, (resamples, len(own))) for own in steps)
    t = _t(
        head_mean=steps[1].mean(),
        base_mean=steps[0].mean(),
        head_var=steps[1].var(ddof=1) / len(steps[1]),
        base_var=steps[0].var(ddof=1) / len(steps[0]),
    )
    null = _t(
        second.mean(axis=1),
        first.mean(axis=1),
        second.var(axis=1, ddof=1) / second.shape[1],
        first.var(axis=1, ddof=1) / first.shape[1],
    )
    p = 2 * min((null >= t).mean(), (null <= t).mean())
    return p < 0.05 and np.quantile(head / base - 1, 0.025) > noise


def _t(head_mean, base_mean, head_var, base_var):
    return (head_mean - base_mean) / np.sqrt(head_var + base_var)


RULES: dict[str, Rule] = {
    "Wattmark, paired": ours,
    "pytest-benchmark `median:5%`, one process a side": one_process(median_5),
    "fixed 5 % on the mean, one process a side": one_process(fixed_5),
    "fixed 5 % on the mean, six processes a side": all_steps(fixed_5),
    "Mann-Whitney on pooled steps, six processes a side": all_steps(mann_whitney),
    "criterion's bootstrap, one process a side": one_process(criterion),
    "criterion's bootstrap, six processes a side": all_steps(criterion),
}


def _red(rule: Rule, gates: Sequence[Gate]) -> tuple[int, int]:
    found = [red for gate in gates for red in rule(gate)]
    return sum(map(bool, found)), len(found)


def _share(red: int, trials: int) -> str:
    return f"{red / trials:.1%} of {trials}" if trials else "not measured"
