"""`profile`: where the time and the memory of a step go."""

from __future__ import annotations

import sys
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.cli.app import Axes, Data, Devices, Pipelines, Precisions, Seed, Variants, Weights, app
from bench.cli.options import axes, command, data_of, model_of, print_json, with_ways
from bench.errors import SpecError

_FAILED = ("failed", "crashed", "timeout")


@app.command()
def profile(
    what: Annotated[str, typer.Argument(metavar="WORKLOAD | STORE", help="What to profile.")],
    case: Annotated[str | None, typer.Argument(metavar="[CASE]", help="Of a store: a case's id or part of it.")] = None,
    device: Devices = None,
    precision: Precisions = None,
    batch: Annotated[list[str] | None, typer.Option("--batch", help="A batch size.")] = None,
    set_: Axes = None,
    variant: Variants = None,
    pipeline: Pipelines = None,
    data: Data = "auto",
    model: Weights = None,
    seed: Seed = None,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds after which a profile is ended.")] = 600.0,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The store: a directory.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the profiles as JSON.")] = False,
) -> None:
    """Say where a step's time and memory go: some steps under torch's profiler, apart from all measuring."""
    from bench.profile import why_none
    from bench.progress import Progress
    from bench.run import run
    from reports.profile.terminal import words

    set_ = with_ways(set_, variant=variant, pipeline=pipeline)
    if Path(what).is_dir():
        if any((device, precision, batch, set_, model, output)):
            raise SpecError(f"profile {what}: a stored case is profiled as it was measured; leave out other options")
        request = _stored(Path(what), case or "", timeout)
    elif case is not None:
        raise SpecError(f"profile {what} {case}: there is no store {what}; only of a store can a case be named")
    else:
        plan = replace(_plan(what, precision, batch, set_), timeout=timeout)
        request = _fresh(plan, output, seed, devices=device or (), data=data_of(data), model=model_of(model))
    with Progress() as progress:
        found = [record for record in run(request, progress) if record.profile and _asked(request, record)]
    if json:
        print_json([{"run": one.run.id, "case": one.case.id, "profile": one.profile} for one in found])
    else:
        sys.stdout.write(words(found))
    print("\n".join(["", f"store   {request.store.path}", *_traces(request.store.path, found)]), file=sys.stderr)
    # A reason begins with a status; out of memory and unsupported are answers.
    raise typer.Exit(1 if any((why_none(one) or "").startswith(_FAILED) for one in found) else 0)


def _plan(workload: str, precision: Any, batch: Any, set_: Any) -> Any:
    """The workload alone with its own defaults, where the command line gives no others."""
    from bench import matrix as matrices
    from bench.run import axes_of

    alone = matrices.parse({"cases": [{"workload": workload}]}, workload, axes_of)
    return matrices.override(alone, matrices.Override((), precision or (), batch or (), axes(set_ or [])), axes_of)


def _fresh(plan: Any, output: Path | None, seed: int | None, **rest: Any) -> Any:
    """Profiles in a store of their own, where nothing has been measured."""
    from bench.record import Run
    from bench.run import Request
    from bench.store import Store

    store = Store(output or Path("results") / f"{datetime.now():%Y-%m-%d-%H%M%S}")
    if any(store):
        raise SpecError(f"-o {store.path}: holds records; `wattmark profile {store.path} CASE` profiles one of them")
    run = Run.new(command(), plan.replicates, seed)
    return Request(plan, store=store, run=run, meters=(), profile="only", **rest)


def _stored(store: Path, case: str, timeout: float) -> Any:
    """The profile of a stored case, kept in its record."""
    from bench.entry import Entry
    from bench.matrix import Matrix
    from bench.measured_peaks import is_peak
    from bench.run import Request
    from bench.store import Store, read

    # Of several runs the newest; peaks are no cases of the user's.
    records = {record.case.id: record for record in read([store]) if not is_peak(record.case)}
    matching = [record for name, record in records.items() if case in name]
    if len(matching) != 1:
        raise SpecError(f"profile {store} {case}: is not one case; name one of {', '.join(records)}")
    (record,) = matching
    one = record.case
    if one.precision == "own":
        raise SpecError(f"profile {one.id}: was measured inside another program, which alone can build it")
    values = {name: (value,) for name, value in one.parameters.items()}
    plan = Matrix(one.id, (Entry(one.workload, values, (one.precision,), (one.batch_size,)),), timeout=timeout)
    return Request(
        plan,
        devices=[one.device],
        store=Store(store),
        run=record.run,
        meters=(),
        data=one.data,
        model=one.model,
        allocator=record.environment.get("allocator", "pinned"),
        profile="only",
        resumed=[other for other in Store(store) if other.run.id == record.run.id],
    )


def _asked(request: Any, record: Any) -> bool:
    """Whether a record is of the cases that were to be profiled; a store's run may have others."""
    return not request.resumed or record.case.id == request.matrix.name


def _traces(store: Path, found: list[Any]) -> list[str]:
    return [f"trace   {store / one.profile['trace']}" for one in found if "trace" in one.profile]
