"""`plan`: capacity from what was measured."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from bench.cli.app import app


@app.command()
def plan(
    store: Annotated[list[Path], typer.Argument(help="Directories that `wattmark run` wrote.")],
    inputs: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Demand, prices and policies; `-o plan.toml` writes one.")
    ] = None,
    output: Annotated[list[Path] | None, typer.Option("-o", "--output", help="A .xlsx, .json or .toml")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the plan as JSON.")] = False,
) -> None:
    """Plan capacity: from demand to devices, racks, power, money and carbon; or a training run."""
    import reports
    from bench.store import read
    from reports import plan as planning

    report = reports.build(read(store))
    today = date.today()
    given = planning.read(inputs, report.cases, today) if inputs else planning.usual(report.cases, today)
    printed = [Path("json" if json else "terminal")] if json or not output else []
    planning.write(planning.build(report, given), [*(output or []), *printed])
