"""How near the limit we are, as ratios of two things in one run: `nox -s limits`.

1. `--variant tuned` against `plain`, BERT-base fine-tuning at length 512 and batch 4 on the CPU, with the gain of each
   rung of the ladder; then against the best recipe known written by hand, which a harness that costs nothing equals.
2. The fixed cost of a sweep of 12 small cases: replicates against one process for all and against a process for each.
3. The same step by optimum-benchmark and by hand: whose number is right, and what one result costs. optimum-benchmark
   has an environment of its own, made once in the folder that WATTMARK_PEER names, or else anew.
4. On a GPU, rates and MFU beside what was published of the same board.

Each line says the ratio, its two sides and the goal: met, missed, or not measurable here and why. Blocks of all ways
alternate in one process; other load on the machine still moves them: then the ratio of CPU times beside is another one.
Threads that wait for one another burn CPU time too, so on a busy machine neither tells anything.
Arguments: names of sections, all of them unless told.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from itertools import pairwise
from pathlib import Path
from statistics import median

from bench.engines.local import Engine

sys.path.append(str(Path(__file__).parent))

import peer
import published
from overhead import figures
from sweep import ISOLATION, OF_SPAWNED, fixed_costs

PROCESSES = 5


def main() -> None:
    """Print the sections asked for."""
    sections = {"tuned": tuned, "hand": hand, "sweep": sweep, "peer": other, "published": others}
    unknown = [name for name in sys.argv[1:] if name not in sections]
    if unknown:
        sys.exit(f"limits: no section {', '.join(unknown)}; there are {', '.join(sections)}")
    for name in sys.argv[1:] or sections:
        sections[name]()


def tuned() -> None:
    """The ladder from plain to tuned, and tuned against a loop by hand."""
    with Engine(preload=("workloads.bert", "workloads.models.chosen", "ladder")) as engine:
        found = figures(engine, "ladder:Ladder", {})
    blocks, ladder = found["blocks"], found["ladder"]
    print(f"BERT-base fine-tuning, CPU, fp32, length 512, batch 4; {found['real']:.0%} of the positions are text")
    for below, above in pairwise(ladder):
        rung = above.removeprefix(f"{below}+")
        show(f"rung {rung}: {below} / {above}", blocks[below], blocks[above])
    last = ladder[-1]
    show(f"plain / tuned ({last}), strictly fp32", blocks["plain"], blocks[last], 1.6)
    best = min(blocks.keys() & {last, "bf16"}, key=lambda name: min(blocks[name]))
    words = "bf16" if best == "bf16" else "fp32"
    show(f"plain in fp32 / tuned in the best precision, {words}", blocks["plain"], blocks[best], 3.0)
    if found["bf16"]:
        print(f"plain / tuned in bf16: not measurable here: {found['bf16']}")
    show("by hand / tuned in a bare loop", blocks["by hand"], blocks[last])


def hand() -> None:
    """Tuned in the harness against the same recipe by hand, in several processes: the layout of memory, drawn anew in
    each, makes one of two equal steps slower than the other by more than a harness costs."""
    ratios = []
    with Engine(preload=("workloads.bert", "workloads.models.chosen", "ladder")) as engine:
        for seed in range(PROCESSES):
            blocks = figures(engine, "ladder:ByHand", {}, seed)["blocks"]
            by_hand, harness = (list(map(sum, zip(*blocks[way], strict=True))) for way in ("by hand", "harness"))
            ratios.append([one / other for one, other in zip(by_hand, harness, strict=True)])
    walls, cpus = zip(*ratios, strict=True)
    low, wall, high = min(walls), median(walls), max(walls)
    told = "not told apart from it" if low < 1 < high else "met" if wall >= 1 else "missed"
    what = f"by hand / tuned in the harness, {PROCESSES} processes"
    print(f"{what:<62} {wall:7.3f}  (CPU time {median(cpus):.3f})  {low:.3f} to {high:.3f}  goal 1: {told}", flush=True)


def sweep() -> None:
    """What isolation costs a sweep."""
    (further, forked, alone), (_, all_forked, spawned) = fixed_costs()
    cost = forked - alone
    what = f"each of {further} further cases: forked less in one process"
    print(
        f"{what:<62} {cost:7.3f} s = {forked:.3f} - {alone:.3f} s  "
        f"goal {ISOLATION:g}: {'met' if cost <= ISOLATION else 'missed'}"
    )
    ratio = all_forked / spawned
    print(
        f"{'12 cases, forked / a process for each':<62} {ratio:7.3f}  {all_forked:.2f} s / {spawned:.2f} s  "
        f"goal {OF_SPAWNED:.3g}: {'met' if ratio <= OF_SPAWNED else 'missed'}"
    )


def other() -> None:
    """Another program's numbers of the same step."""
    with contextlib.ExitStack() as held:
        folder = os.environ.get("WATTMARK_PEER") or held.enter_context(tempfile.TemporaryDirectory())
        for row in peer.rows(Path(folder)):
            print(row, flush=True)


def others() -> None:
    """What was published of single GPUs."""
    for row in published.rows():
        print(row, flush=True)


def show(what: str, above: list, below: list, goal: float | None = None) -> None:
    """One ratio of two ways' fastest blocks, wall and CPU time, with both sides in seconds."""
    wall, cpu = (min(block[clock] for block in above) / min(block[clock] for block in below) for clock in (0, 1))
    sides = f"{min(block[0] for block in above):.2f} s / {min(block[0] for block in below):.2f} s"
    met = "" if goal is None else f"goal {goal:g}: {'met' if wall >= goal else 'missed'}"
    print(f"{what:<62} {wall:7.3f}  (CPU time {cpu:.3f})  {sides:<20} {met}", flush=True)


if __name__ == "__main__":
    main()
