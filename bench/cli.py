"""The command `wattmark`: the only place that knows both measuring and reporting."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

import bench
from bench.errors import SpecError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What a deep-learning step costs on a machine: throughput, latency, memory, watts and joules.",
)

# What `run` writes beside its records, and so what a newcomer opens first.
REPORTS = ("report.html", "plan.xlsx", "rows.csv", "report.md")


@app.command()
def run(
    matrix: Annotated[str, typer.Argument(help="A matrix by name (quick, full, smoke) or a TOML file.")] = "quick",
    workload: Annotated[list[str] | None, typer.Option("-w", "--workload", help="Only this workload.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="auto (all of them), cpu, cuda:0, mps, ...")] = None,
    precision: Annotated[list[str] | None, typer.Option(help="fp32, tf32, bf16, fp16 or bf16-pure.")] = None,
    batch: Annotated[list[str] | None, typer.Option(help="A batch size, or max: the largest that fits.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", metavar="AXIS=V[,V]", help="Values of an axis.")] = None,
    data: Annotated[str, typer.Option(help="auto, real, generated, or a folder of inputs.")] = "auto",
    model: Annotated[Path | None, typer.Option(help="A folder of pretrained weights.")] = None,
    meter: Annotated[list[str] | None, typer.Option(help="Only these meters; nvml:0 watches that GPU.")] = None,
    replicates: Annotated[int | None, typer.Option(min=1, help="Processes for each case.")] = None,
    budget: Annotated[float | None, typer.Option(min=0.01, help="Seconds of sampling for each replicate.")] = None,
    timeout: Annotated[float | None, typer.Option(min=1, help="Seconds after which a replicate is ended.")] = None,
    allocator: Annotated[str, typer.Option(help="pinned (repeatable) or system (as shipped).")] = "pinned",
    seed: Annotated[int | None, typer.Option(help="Draws the order of cases, weights and masks.")] = None,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="The store: a directory.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on where a run into this store stopped.")] = False,
    engine: Annotated[str, typer.Option(help="Where replicates run.")] = "local",
    exclusive: Annotated[bool, typer.Option("--exclusive", help="Refuse where others use the machine.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Measure a matrix on this machine and write the report."""
    import reports
    from bench import matrix as matrices
    from bench.run import axes_of
    from bench.store import Store

    wanted = matrices.Override(workload or (), precision or (), batch or (), _axes(set_ or []))
    plan = matrices.override(matrices.load(matrix, axes_of), wanted, axes_of)
    plan = matrices.timed(plan, replicates, budget, timeout)
    store, resumed = _store(output, resume)
    request = _request(
        plan,
        devices=device or (),
        store=Store(store),
        resumed=resumed,
        meters=_meters(meter),
        data=_data(data),
        model=_model(model),
        allocator=_one_of("--allocator", allocator, ("pinned", "system")),
        engine=engine,
        exclusive=exclusive,
        seed=seed,
    )
    records = _measured(request, store)
    paths = [store / name for name in REPORTS]
    reports.write(records, None, [*paths, _printed(json)])
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
    _one_of("list", what, ("all", *parts))
    # Devices are torch's to say, which takes seconds to load: only when asked for by name.
    found = catalogue(parts[:3] if what == "all" else (what,))
    if json:
        _print_json(found)
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
        _print_json(found)
    else:
        print(words(found, quantity))


@app.command()
def report(
    store: Annotated[list[Path], typer.Argument(help="Directories that `wattmark run` wrote.")],
    output: Annotated[
        list[Path] | None, typer.Option("-o", "--output", help="A .html, .xlsx, .csv, .md, .json")
    ] = None,
    baseline: Annotated[Path | None, typer.Option(help="A store to compare with.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Write the report of stored records, or print it."""
    import reports
    from bench.store import read

    records = read(store)
    base = read([baseline]) if baseline else None
    reports.write(records, base, [*(output or []), *([_printed(json)] if json or not output else [])])


def main() -> NoReturn:
    """Run the command; every mistake of the user's is one line on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.path.append(str(Path.cwd()))  # a user's own workloads, found as `python -m` would find them
    try:
        code = app(standalone_mode=False)
    except SpecError as error:
        sys.exit(_refuse(str(error)))
    except typer.Exit as done:
        sys.exit(done.exit_code)
    except (KeyboardInterrupt, typer.Abort):  # typer made an Abort of the former once, and an Exit(130) since
        sys.exit(130)
    except Exception as error:
        # typer brings its own copy of click: its usage errors are known by what they carry.
        if not hasattr(error, "format_message"):
            raise
        sys.exit(_refuse(error.format_message()))
    sys.exit(code or 0)


def _refuse(text: str) -> int:
    print("wattmark:", " ".join(text.split()), file=sys.stderr)
    return 2


def _interrupt(number: int, frame: object) -> NoReturn:
    """SIGTERM ends a run as Ctrl-C does: with everything kept."""
    raise KeyboardInterrupt


def _request(plan: Any, *, seed: int | None, resumed: list[Any], **rest: Any) -> Any:
    from bench.record import Run
    from bench.run import Request

    if resumed:
        run = resumed[-1].run
        if run.replicates != plan.replicates:
            raise SpecError(f"--resume: the run has {run.replicates} replicates for each case, not {plan.replicates}")
        return Request(plan, run=run, resumed=[record for record in resumed if record.run.id == run.id], **rest)
    now = datetime.now(UTC)
    drawn = seed if seed is not None else int.from_bytes(os.urandom(4), "big")
    run = Run(
        id=f"{now:%Y%m%dT%H%M%S}-{os.urandom(2).hex()}",
        started=now.isoformat(timespec="seconds"),
        command=_command(),
        seed=drawn,
        replicates=plan.replicates,
        wattmark=bench.__version__,
    )
    return Request(plan, run=run, **rest)


def _measured(request: Any, store: Path) -> Any:
    from bench.progress import Progress
    from bench.run import run as measure

    try:
        with Progress() as progress:
            return measure(request, progress)
    except KeyboardInterrupt:
        again = _command().replace(" --resume", "")
        again += "" if any(option in sys.argv for option in ("-o", "--output")) else f" -o {store}"
        print(f"Interrupted. Every finished replicate is in {store}; go on with:\n{again} --resume", file=sys.stderr)
        raise


def _printed(json: bool) -> Path:
    """The exporter whose words go to stdout: a bare name is not a file."""
    return Path("json" if json else "terminal")


def _store(output: Path | None, resume: bool) -> tuple[Path, list[Any]]:
    """Where records go, and what a resumed run has already written there."""
    from bench.store import Store

    if not resume:
        return output or Path("results") / f"{datetime.now():%Y-%m-%d-%H%M%S}", []
    if output is None:
        stores = sorted(path for path in Path("results").glob("*") if path.is_dir())
        if not stores:
            raise SpecError("--resume: there is no store under results/; name one with -o")
        output = stores[-1]
    return output, list(Store(output))  # none, if it was stopped before the first replicate had ended


def _axes(texts: list[str]) -> dict[str, list[str]]:
    axes: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not (name and equals and values):
            raise SpecError(f"--set {text}: needs the form AXIS=VALUE or AXIS=VALUE,VALUE")
        axes.setdefault(name, []).extend(values.split(","))
    return axes


def _meters(names: list[str] | None) -> tuple[str, ...]:
    from bench import meters

    return tuple(map(meters.check, names or meters.names()))


def _data(data: str) -> str:
    if data in ("auto", "real", "generated"):
        return data
    if not Path(data).is_dir():
        raise SpecError(f"--data {data}: no such folder; auto, real, generated, or a folder of inputs")
    return _without_home(Path(data))


def _model(model: Path | None) -> str | None:
    if model is not None and not model.is_dir():
        raise SpecError(f"--model {model}: no such folder; it needs config.json and weights as save_pretrained writes")
    return _without_home(model) if model else None


def _one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        raise SpecError(f"{option} {value}: one of {', '.join(known)}")
    return value


def _without_home(path: Path) -> str:
    """The full path, with ``~`` for the home directory: a record is made to be handed on, and names nobody."""
    full, home = path.absolute(), Path.home()
    return str("~" / full.relative_to(home)) if full.is_relative_to(home) else str(full)


def _command() -> str:
    """The command as typed, the home directory left out of it likewise."""
    import shlex

    from bench.environment import scrub

    return scrub(shlex.join(["wattmark", *sys.argv[1:]]))


def _print_json(data: Any) -> None:
    import json

    print(json.dumps(data, indent=1, ensure_ascii=False))
