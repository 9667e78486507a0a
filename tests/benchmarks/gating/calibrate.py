"""Measure the gate's own error rates: `nox -s calibrate`, or by hand `... collect SERIES --gates N` and `... table`.

Each gate is the real one, `bench.gate.gate`, with base and head as two directories of sources; the slower head really
does more work (see layers.py). Its pairs are kept as they were measured, so that a table can be made of them again, by
any rule. Series:

    same         head is a copy of base, the machine is otherwise idle
    load         the same, while another process works for some seconds in every dozen
    slow3 slow5  head has 3 % or 5 % more layers
    neighbour    the same code again, while another process spins all the time: every pair is to be thrown away
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))  # layers:Stack, for the parent to see its axes

import psutil  # noqa: E402
from judged import table  # noqa: E402

from bench import matrix  # noqa: E402
from bench.gate.arms import arms  # noqa: E402
from bench.gate.gate import gate  # noqa: E402
from bench.gate.pairing import PAIRS  # noqa: E402
from bench.gate.request import Request  # noqa: E402
from bench.judge.finding import Judgement  # noqa: E402
from bench.progress import Progress  # noqa: E402
from bench.run import axes_of  # noqa: E402

DATA = HERE / "data"
SLOWER = {"slow3": 0.03, "slow5": 0.05}
SERIES = ("same", "load", *SLOWER, "neighbour")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    collecting = commands.add_parser("collect", help="measure gates of a series, and add them to its file")
    collecting.add_argument("series", choices=SERIES)
    collecting.add_argument("--gates", type=int, default=10, help="whole gates of six cases each")
    collecting.add_argument("--minutes", type=float, default=1e9, help="start no gate after so many minutes")
    commands.add_parser("table", help="judge what was collected, by our rule and by others")
    working = commands.add_parser("work", help="use the machine beside a gate, as long as a process lives")
    working.add_argument("kind", choices=("load", "neighbour"))
    working.add_argument("parent", type=int)
    given = parser.parse_args()
    if given.command == "collect":
        collect(given.series, given.gates, given.minutes)
    elif given.command == "work":
        work(given.kind, given.parent)
    else:
        print(table(DATA))


def collect(series: str, gates: int, minutes: float) -> None:
    """Run gates of a series; each is added to the series' file when it has ended."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory() as folder, Progress() as progress, beside(series):
        base, head = copy(Path(folder) / "base", 0.0), copy(Path(folder) / "head", SLOWER.get(series, 0.0))
        with arms(str(base), str(head)) as both:
            for number in range(gates):
                if time.monotonic() > end:
                    break
                kept = Path(folder) / f"gate{number}"
                kept.mkdir()
                request = Request(
                    both.places,
                    cases(series),
                    ["cpu"],
                    kept,
                    "calibrate",
                    random.getrandbits(32),
                )
                judgement = gate(request, progress)
                check(judgement, SLOWER.get(series, 0.0))
                append(series, (kept / PAIRS).read_bytes())
                verdicts = " ".join(f.verdict for f in judgement.findings if f.metric == "time.step")
                progress.say(f"{series} {number + 1}: {judgement.seconds:.0f} s: {verdicts}")


def check(judgement: Judgement, slower: float) -> None:
    """Have the exact counter say that head does as much more as the series claims."""
    counted = {finding.case.id: finding for finding in judgement.findings if finding.metric == "flop.dispatched"}
    for finding in counted.values():
        if finding.effect is None or abs(finding.effect - slower) > 0.001:
            raise RuntimeError(f"{finding.case} was to do {slower:.1%} more, and did {finding.effect} more")
    if not counted:
        raise RuntimeError("no FLOPs were counted, so what was injected is not known")


def beside(series: str):
    """What else uses the machine during a series."""
    return neighbour(series) if series in ("load", "neighbour") else contextlib.nullcontext()


def cases(series: str) -> matrix.Matrix:
    """The cases of a series; where 5 % are added, training goes through 40 layers, since 33 have no 5 %."""
    loaded = matrix.load(str(HERE / "cases.toml"), axes_of)
    if series != "slow5":
        return loaded
    infer, train = loaded.entries
    return replace(loaded, entries=(infer, replace(train, axes={**train.axes, "layers": (40,)})))


def copy(folder: Path, slower: float) -> Path:
    """A directory of sources whose layers are slower."""
    folder.mkdir()
    shutil.copy(HERE / "layers.py", folder)
    (folder / "injected.py").write_text(f"SLOWER = {slower}\n")
    return folder


def append(series: str, lines: bytes) -> None:
    """Add a gate's pairs to the series, with an empty line between gates."""
    DATA.mkdir(exist_ok=True)
    with gzip.open(DATA / f"{series}.jsonl.gz", "ab") as file:
        file.write(lines + b"\n")


@contextlib.contextmanager
def neighbour(kind: str):
    """Another process that uses the machine. A shell starts it and ends, so that it is no child of ours: what is ours
    disturbs nobody, and a gate would not look for it."""
    working = [sys.executable, __file__, "work", kind, str(os.getpid())]
    started = subprocess.check_output(["sh", "-c", '"$@" >/dev/null 2>&1 & echo $!', "sh", *working])
    process = psutil.Process(int(started))
    try:
        if process.ppid() == os.getpid() or process in psutil.Process().children(recursive=True):
            raise RuntimeError("the neighbour is a child of this process, so no gate would see it")
        yield
    finally:
        process.kill()


def work(kind: str, parent: int) -> None:
    """Use the machine as long as the parent lives: all the time, or for some seconds in every dozen."""
    drawn = random.Random()
    while psutil.pid_exists(parent):
        if kind == "load":
            time.sleep(drawn.uniform(4, 16))
        end = time.monotonic() + drawn.uniform(0.5, 4)
        while time.monotonic() < end:
            pass


if __name__ == "__main__":
    main()
