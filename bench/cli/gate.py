"""Gating: `gate`, and `aa`, which says what a gate is worth here."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.app import Allocator, Axes, Data, Devices, Precisions, Seed, Weights, Workloads, app
from bench.cli.options import command, data_of, meters, model_of, one_of, planned
from bench.errors import SpecError
from bench.identity import drawn

# What a gate writes into its folder, beside its pairs.
FACES = ("gate.html", "gate.md", "gate.json", "junit.xml")

Batches = Annotated[list[str] | None, typer.Option("--batch", help="A batch size.")]
Output = Annotated[Path | None, typer.Option("-o", "--output", help="The folder for pairs and reports.")]
Json = Annotated[bool, typer.Option("--json", help="Print the judgement as JSON.")]


@app.command()
def gate(
    what: Annotated[
        list[str] | None, typer.Argument(metavar="MATRIX | BASE_STORE CANDIDATE_STORE", help="What to compare.")
    ] = None,
    base: Annotated[str | None, typer.Option(help="A git revision, an interpreter, a directory or a store.")] = None,
    head: Annotated[str | None, typer.Option(help="Likewise; left out, what is here.")] = None,
    counters: Annotated[bool, typer.Option("--counters", help="Only what is counted exactly: seconds.")] = False,
    workload: Workloads = None,
    device: Devices = None,
    precision: Precisions = None,
    batch: Batches = None,
    set_: Axes = None,
    data: Data = "auto",
    model: Weights = None,
    meter: Annotated[list[str] | None, typer.Option(help="Meters for energy; nvml:0 watches that GPU.")] = None,
    allocator: Allocator = "pinned",
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which an arm of a pair is ended.")] = 600.0,
    seed: Seed = None,
    install: Annotated[str | None, typer.Option(help="A command that installs a revision's dependencies.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="What `wattmark aa` found of this machine.")] = None,
    history: Annotated[Path | None, typer.Option(help="Look for changes over the many runs in this folder.")] = None,
    output: Output = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a gate into this folder stopped.")] = False,
    json: Json = False,
) -> None:
    """Say whether a change made a step slower or hungrier: base against head, side by side."""
    words = what or []
    if history is not None:
        if words or base or head:
            raise SpecError("--history: reads stored runs only; leave out --base, --head and the matrix")
        _finish(_history(history), output, json)
    if base is None:
        if len(words) != 2 or head:
            raise SpecError("gate: needs --base and a matrix, or two stores: the baseline's and the candidate's")
        _finish(_stored(Path(words[0]), Path(words[1])), output, json)
    if len(words) > 1:
        raise SpecError(f"gate: --base compares on one matrix, not on {', '.join(words)}")
    selected = any((workload, device, precision, batch, set_))
    options = {
        "matrix": planned(words[0] if words else "quick", workload, precision, batch, set_),
        "devices": device or (),
        "data": data_of(data),
        "model": model_of(model),
        "meters": meters(meter),
        "allocator": one_of("--allocator", allocator, ("pinned", "system")),
        "timeout": timeout,
        "seed": drawn(seed),
        "smallest": _smallest(calibration),
        "command": command(),
    }
    folder = _folder(output, resume)
    if _is_store(Path(str(base))):
        if not counters:
            raise SpecError(f"--base {base}: is a store; only --counters can be gated against one, time needs two arms")
        _finish(_against(Path(str(base)), folder, options, not selected), folder, json)
    _finish(_paired(str(base), head, install, folder, options, counters), folder, json)


@app.command()
def aa(
    matrix: Annotated[str, typer.Argument(help="A matrix by name or a TOML file.")] = "quick",
    gates: Annotated[int, typer.Option(min=1, help="How many gates of identical code.")] = 5,
    workload: Workloads = None,
    device: Devices = None,
    precision: Precisions = None,
    batch: Batches = None,
    set_: Axes = None,
    allocator: Allocator = "pinned",
    seed: Seed = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Calibrate this machine's gate: identical code against itself, again and again into the same folder."""
    from bench.gate.aa import CALIBRATION, calibrated, run
    from bench.gate.arms import arms
    from bench.gate.request import Request
    from bench.judge import calibration
    from bench.progress import Progress
    from bench.store import write_whole

    plan = planned(matrix, workload, precision, batch, set_)
    folder = output or Path("results") / f"aa-{datetime.now():%Y-%m-%d-%H%M%S}"
    checked = one_of("--allocator", allocator, ("pinned", "system"))
    with Progress() as progress, arms(".", say=progress.say) as both:
        request = Request(both.places, plan, device or (), folder, command(), drawn(seed), allocator=checked)
        for judgement in run(request, gates, progress):
            found = calibrated(folder, judgement.settings)
            text = calibration.write(found, judgement.head["environment"])
            write_whole(folder / CALIBRATION, text.encode())
    if json:
        print(text, end="")
    else:
        print(calibration.words(found))
    print(f"\nwrote   {folder / CALIBRATION}", file=sys.stderr)


def _is_store(path: Path) -> bool:
    from bench.store import SUFFIX

    return path.is_dir() and any(path.glob(f"*{SUFFIX}"))


def _paired(
    base: str, head: str | None, install: str | None, folder: Path, options: dict[str, Any], counters: bool
) -> Any:
    from bench.gate.arms import arms
    from bench.gate.gate import gate as run
    from bench.gate.request import Request
    from bench.progress import Progress

    folder.mkdir(parents=True, exist_ok=True)
    try:
        with Progress() as progress, arms(base, head, install=install, say=progress.say) as both:
            mode: Any = "counters" if counters else "paired"
            return run(Request(both.places, folder=folder, mode=mode, notes=both.notes, **options), progress)
    except KeyboardInterrupt:
        print(f"Interrupted. Every finished pair is in {folder}; go on with the same command and", file=sys.stderr)
        print(f"-o {folder} --resume", file=sys.stderr)
        raise


def _against(base: Path, folder: Path, options: dict[str, Any], whole: bool) -> Any:
    from bench.environment import scrub
    from bench.gate.against import against
    from bench.gate.arms import arms
    from bench.gate.request import Request
    from bench.progress import Progress
    from bench.store import read

    records = read([base])
    with Progress() as progress, arms(".", say=progress.say) as both:
        request = Request({"head": both.head}, folder=folder, mode="counters", **options)
        return against(request, scrub(str(base)), records, whole, progress)


def _stored(base: Path, head: Path) -> Any:
    from bench.judge.stored import judge
    from bench.store import read

    before, after = read([base]), read([head])
    findings, notes = judge(before, after, _gating)
    return _of_records("stored", before, str(base), after, str(head), findings, notes)


def _history(folder: Path) -> Any:
    from bench.judge.history import judge
    from bench.store import read_below

    records = read_below(folder)
    findings, notes = judge(records, _gating)
    return _of_records("history", records[:1], str(folder), records[-1:], str(folder), findings, notes)


def _gating(case: Any) -> Any:
    """How stored records are gated, whose matrix is not at hand."""
    from bench.gating import Gating

    return Gating(metrics=("time", "memory"))


def _of_records(mode: Any, before: Any, base: str, after: Any, head: str, findings: Any, notes: Any) -> Any:
    from bench.environment import scrub
    from bench.judge.finding import Judgement

    sides = [
        {"name": scrub(name), "kind": "store", "environment": records[-1].environment}
        for name, records in ((base, before), (head, after))
    ]
    return Judgement.new(
        command=command(), mode=mode, base=sides[0], head=sides[1], findings=tuple(findings), notes=notes
    )


def _finish(judgement: Any, folder: Path | None, json: bool) -> None:
    """Write all faces into the folder, tell GitHub where it listens, print, and leave with the exit code."""
    from reports.gate import annotation_lines, build, exporter, write

    paths = [folder / name for name in FACES] if folder else []
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    face = build(judgement)
    write(face, [*paths, Path("json" if json else "terminal")])
    if os.environ.get("GITHUB_ACTIONS") == "true" and not json:
        for line in annotation_lines(face):
            print(line)
    if summary:
        with Path(summary).open("ab") as file:
            file.write(exporter(Path("gate.md")).export(face))
    if paths:
        print("\n".join(["", *(f"wrote   {path}" for path in paths)]), file=sys.stderr)
    raise typer.Exit(judgement.exit_code)


def _smallest(calibration: Path | None) -> dict[str, float]:
    """The smallest change of the time that this machine can see, by case id, as a calibration found."""
    from bench.judge.calibration import read

    if calibration is None:
        return {}
    if not calibration.is_file():
        raise SpecError(f"--calibration {calibration}: no such file; `wattmark aa` writes one")
    found = read(calibration.read_text(encoding="utf-8"), str(calibration))
    return {one.case.id: one.smallest for one in found if one.metric == "time.step" and one.smallest is not None}


def _folder(output: Path | None, resume: bool) -> Path:
    from bench.gate.pairing import PAIRS

    folder = output or Path("results") / f"gate-{datetime.now():%Y-%m-%d-%H%M%S}"
    begun = (folder / PAIRS).exists()
    if resume and not begun:
        raise SpecError(f"--resume: there are no pairs in {folder}; name the gate's folder with -o")
    if begun and not resume:
        raise SpecError(f"-o {folder}: holds the pairs of another gate; go on with it by --resume, or name another")
    return folder
