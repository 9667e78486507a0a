"""Measuring and reporting: `run`, `list`, `doctor`, `report`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.app import (
    Allocator,
    Axes,
    Data,
    Devices,
    Pipelines,
    Precisions,
    Seed,
    Variants,
    Weights,
    Workloads,
    app,
)
from bench.cli.options import command, data_of, meters, model_of, one_of, planned, print_json, with_ways
from bench.errors import SpecError

# What `run` writes beside its records, and so what a newcomer opens first.
REPORTS = ("report.html", "plan.xlsx", "rows.csv", "report.md")


@app.command()
def run(
    matrix: Annotated[str, typer.Argument(help="A matrix by name (quick, full, smoke) or a TOML file.")] = "quick",
    workload: Workloads = None,
    device: Devices = None,
    precision: Precisions = None,
    batch: Annotated[list[str] | None, typer.Option(help="A batch size, or max: the largest that fits.")] = None,
    set_: Axes = None,
    variant: Variants = None,
    pipeline: Pipelines = None,
    data: Data = "auto",
    model: Weights = None,
    meter: Annotated[list[str] | None, typer.Option(help="Only these meters; nvml:0 watches that GPU.")] = None,
    replicates: Annotated[int | None, typer.Option(min=1, help="Processes for each case.")] = None,
    budget: Annotated[float | None, typer.Option(min=0.01, help="Seconds of sampling for each replicate.")] = None,
    timeout: Annotated[float | None, typer.Option(min=1, help="Seconds after which a replicate is ended.")] = None,
    allocator: Allocator = "pinned",
    seed: Seed = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The store: a directory.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run into this store stopped.")] = False,
    engine: Annotated[str, typer.Option(help="Where replicates run.")] = "local",
    peaks: Annotated[
        bool | None, typer.Option("--peaks/--no-peaks", help="Measure first what the devices reach at most.")
    ] = None,
    peak_table: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Vendors' peaks of devices that Wattmark does not know.")
    ] = None,
    exclusive: Annotated[bool, typer.Option("--exclusive", help="Refuse where others use the machine.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="Profile each case when all is measured.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure a matrix on this machine and write the report."""
    import reports
    from bench import matrix as matrices
    from bench.measured_peaks import beside
    from bench.peak_table import load
    from bench.peaking import short
    from bench.store import Store

    axes = with_ways(set_, variant=variant, pipeline=pipeline)
    plan = matrices.timed(planned(matrix, workload, precision, batch, axes), replicates, budget, timeout)
    store, resumed = _store(output, resume, plan)
    request = _request(
        plan,
        peaks=short(plan) if (plan.peaks if peaks is None else peaks) else None,
        peak_table=load(peak_table) if peak_table else {},
        devices=device or (),
        store=Store(store),
        resumed=resumed,
        meters=meters(meter),
        data=data_of(data),
        model=model_of(model),
        allocator=one_of("--allocator", allocator, ("pinned", "system")),
        engine=engine,
        exclusive=exclusive,
        profile="after" if profile else "no",
        seed=seed,
    )
    records = _measured(request, store)
    paths = [store / name for name in REPORTS]
    reports.write(beside(records, Store(store)), None, [*paths, _printed(json)])
    print("\n".join(["", f"store   {store}", *(f"wrote   {path}" for path in paths)]), file=sys.stderr)
    raise typer.Exit(1 if any(record.status in ("failed", "crashed", "timeout") for record in records) else 0)


@app.command("list")
def list_(
    what: Annotated[str, typer.Argument(help="all, workloads, matrices, meters or devices.")] = "all",
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """List workloads with their axes, matrices, meters, and devices."""
    from bench.catalogue import catalogue, words

    parts = ("workloads", "matrices", "meters", "devices")
    one_of("list", what, ("all", *parts))
    # Devices are torch's to say, which takes seconds to load: only when asked for by name.
    found = catalogue(parts[:3] if what == "all" else (what,))
    if json:
        print_json(found)
    else:
        print(words(found))


@app.command()
def doctor(
    probe: Annotated[bool, typer.Option("--probe", help="Load each NVIDIA GPU, to see how its sensors work.")] = False,
    record: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep the driver's answers over time.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what each device and meter can give here, what not and why, and what to do about it."""
    from bench.doctor import doctor as look
    from bench.doctor.words import words
    from reports.number import quantity

    found = look(probe, record, lambda text: print(f"wattmark doctor: {text}", file=sys.stderr))
    if json:
        print_json(found)
    else:
        print(words(found, quantity))


@app.command()
def report(
    store: Annotated[list[Path], typer.Argument(help="Directories that `wattmark run` wrote.")],
    output: Annotated[
        list[Path] | None, typer.Option("-o", "--output", help="A .html, .xlsx, .csv, .md, .json")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="A store to compare with.")] = None,
    history: Annotated[Path | None, typer.Option(help="Show each case over the earlier runs in this folder.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write the report of stored records, or print it."""
    import reports
    from bench.store import read, read_below

    records = read(store)
    base = read([baseline]) if baseline else None
    earlier = read_below(history) if history else []
    reports.write(records, base, [*(output or []), *([_printed(json)] if json or not output else [])], earlier)


def _request(plan: Any, *, seed: int | None, resumed: list[Any], **rest: Any) -> Any:
    from bench.record import Run
    from bench.run import Request

    if resumed:
        run = resumed[-1].run
        if run.replicates != plan.replicates:
            raise SpecError(f"--resume: the run has {run.replicates} replicates for each case, not {plan.replicates}")
        return Request(plan, run=run, resumed=[record for record in resumed if record.run.id == run.id], **rest)
    return Request(plan, run=Run.new(command(), plan.replicates, seed), **rest)


def _measured(request: Any, store: Path) -> Any:
    from bench.progress import Progress
    from bench.run import run as measure

    try:
        with Progress() as progress:
            return measure(request, progress)
    except KeyboardInterrupt:
        again = command().replace(" --resume", "")
        again += "" if any(option in sys.argv for option in ("-o", "--output")) else f" -o {store}"
        print(f"Interrupted. Every finished replicate is in {store}; go on with:\n{again} --resume", file=sys.stderr)
        raise


def _printed(json: bool) -> Path:
    """The exporter whose words go to stdout: a bare name is not a file."""
    return Path("json" if json else "terminal")


def _store(output: Path | None, resume: bool, plan: Any) -> tuple[Path, list[Any]]:
    """Where records go, and what a resumed run of the matrix has already written there."""
    from bench.store import Store

    if not resume:
        return output or Path("results") / f"{datetime.now():%Y-%m-%d-%H%M%S}", []
    if output is None:
        stores = sorted(path for path in Path("results").glob("[0-9]*") if path.is_dir())
        if not stores:
            raise SpecError("--resume: there is no store under results/; name one with -o")
        output = stores[-1]
    # None, if it was stopped before the first replicate had ended; peaks that came before it are a run of their own.
    workloads = {entry.workload for entry in plan.entries}
    return output, [record for record in Store(output) if record.case.workload in workloads]
