"""Baselines: `baseline accept` and `baseline show`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import app
from bench.cli.options import print_json

baselines = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Baselines: records that were accepted, to gate against."
)
app.add_typer(baselines, name="baseline")
BASELINE = Path("baseline")


@baselines.command()
def accept(
    store: Annotated[list[Path], typer.Argument(help="Directories that `wattmark run` wrote.")],
    reason: Annotated[str, typer.Option(help="Why these numbers are right from now on.")],
    into: Annotated[Path, typer.Option(help="The baseline's directory.")] = BASELINE,
) -> None:
    """Make the newest record of each case the baseline of that case."""
    from bench.baseline import accept as take

    for case in take(store, into, reason).cases:
        what = f"in place of run {case.replaced}" if case.replaced else "new"
        changes = [f"{metric} {change:+.1%}" for metric, change in (case.change or {}).items()]
        print("; ".join([f"{case.case}: {what}", *changes, *case.differences]))
        for caveat in case.caveats:
            print(f"wattmark: {case.case}: {caveat}", file=sys.stderr)


@baselines.command()
def show(
    baseline: Annotated[Path, typer.Argument(help="The baseline's directory.")] = BASELINE,
    json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Say what was accepted, when and why."""
    from bench.baseline import show as rows

    found = rows(baseline)
    if json:
        print_json([row.to_json() for row in found])
        return
    for row in found:
        values = [f"{name} {value:.4g}" for name, value in row.values.items() if value is not None]
        print(f"{row.case}: {', '.join(values) or 'no numbers'}")
        print(f"  accepted {row.accepted or 'by hand'}: {row.reason or 'no reason was kept'}")
        print(f"  run {row.run} of {row.measured} on {', '.join(row.environment.values())}")
