"""What a machine can reach: `peaks`."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import Allocator, Devices, Precisions, Seed, app
from bench.cli.options import command, one_of, print_json


@app.command()
def peaks(
    device: Devices = None,
    precision: Precisions = None,
    replicates: Annotated[int | None, typer.Option(min=1, help="Processes for each kernel.")] = None,
    budget: Annotated[float | None, typer.Option(min=0.01, help="Seconds of sampling for each replicate.")] = None,
    allocator: Allocator = "pinned",
    seed: Seed = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The store: a directory, new or in use.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Measure what each device reaches at most: matrix products in each precision, and its memory's bandwidth."""
    from bench.peaking import found, plan, words
    from bench.progress import Progress
    from bench.record import Run
    from bench.run import Request, run
    from bench.store import Store

    matrix = plan(precision or (), replicates, budget)
    store = output or Path("results") / f"peaks-{datetime.now():%Y-%m-%d-%H%M%S}"
    request = Request(
        matrix,
        devices=device or (),
        store=Store(store),
        run=Run.new(command(), matrix.replicates, seed),
        meters=(),
        allocator=one_of("--allocator", allocator, ("pinned", "system")),
    )
    with Progress() as progress:
        records = run(request, progress)
    measured = found(records)
    if json:
        print_json(measured)
    else:
        print(words(measured))
    print(f"\nstore   {store}", file=sys.stderr)
    raise typer.Exit(1 if any(record.status in ("failed", "crashed", "timeout") for record in records) else 0)
