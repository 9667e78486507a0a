"""The application that the commands belong to, and its end: exit codes, and one line for a mistake."""

from __future__ import annotations

import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from bench.errors import SpecError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="What a deep-learning step costs on a machine: throughput, latency, memory, watts and joules.",
)

# Options that several commands have.
Workloads = Annotated[list[str] | None, typer.Option("-w", "--workload", help="Only this workload.")]
Devices = Annotated[list[str] | None, typer.Option("--device", help="auto (all of them), cpu, cuda:0, mps, ...")]
Precisions = Annotated[list[str] | None, typer.Option("--precision", help="fp32, tf32, bf16, fp16 or bf16-pure.")]
Axes = Annotated[list[str] | None, typer.Option("--set", metavar="AXIS=V[,V]", help="Values of an axis.")]
Variants = Annotated[
    list[str] | None, typer.Option("--variant", metavar="V[,V]", help="plain, tuned, or rungs such as fused+packed.")
]
Pipelines = Annotated[
    list[str] | None,
    typer.Option("--pipeline", metavar="N[,N]", help="Feed steps by a real input pipeline of so many workers; or off."),
]
Data = Annotated[str, typer.Option("--data", help="auto, real, generated, or a folder of inputs.")]
Weights = Annotated[Path | None, typer.Option("--model", help="A folder of pretrained weights.")]
Allocator = Annotated[str, typer.Option("--allocator", help="pinned (repeatable) or system (as shipped).")]
Seed = Annotated[int | None, typer.Option("--seed", help="Draws orders, weights and masks.")]


def main() -> NoReturn:
    """Run the command; every mistake of the user's is one line on stderr and exit code 2."""
    signal.signal(signal.SIGTERM, _interrupt)
    # A user's own workloads are found as `python -m` would find them; but a folder there that is called as a package of
    # ours must not hide it, as it would an editable install, which is looked for after all of the path.
    sys.path += [str(Path(__file__).parents[2]), str(Path.cwd())]
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
