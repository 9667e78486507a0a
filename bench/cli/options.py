"""Options that commands share: what was typed becomes what they need, or one line that says what would be right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from bench.errors import SpecError


def planned(
    name: str, workloads: list[str] | None, precision: list[str] | None, batch: list[str] | None, set_: list[str] | None
) -> Any:
    """The matrix of a name or file, with the command line's values in place of its own."""
    from bench import matrix as matrices
    from bench.run import axes_of

    wanted = matrices.Override(workloads or (), precision or (), batch or (), axes(set_ or []))
    return matrices.override(matrices.load(name, axes_of), wanted, axes_of)


def axes(texts: list[str]) -> dict[str, list[str]]:
    """The values of each axis that `--set` names."""
    axes: dict[str, list[str]] = {}
    for text in texts:
        name, equals, values = text.partition("=")
        if not (name and equals and values):
            raise SpecError(f"--set {text}: needs the form AXIS=VALUE or AXIS=VALUE,VALUE")
        axes.setdefault(name, []).extend(values.split(","))
    return axes


def with_ways(set_: list[str] | None, **ways: list[str] | None) -> list[str]:
    """What `--set` names, and the axes that have options of their own as if it had named them."""
    return [*(set_ or []), *(f"{name}={value}" for name, values in ways.items() for value in values or ())]


def meters(names: list[str] | None) -> tuple[str, ...]:
    """The meters that `--meter` names, or all that there are."""
    from bench import meters

    return tuple(map(meters.check, names or meters.names()))


def data_of(data: str) -> str:
    """What `--data` asks for, a folder by its full path."""
    if data in ("auto", "real", "generated"):
        return data
    if not Path(data).is_dir():
        raise SpecError(f"--data {data}: no such folder; auto, real, generated, or a folder of inputs")
    return without_home(Path(data))


def model_of(model: Path | None) -> str | None:
    """The folder of `--model` by its full path."""
    if model is not None and not model.is_dir():
        raise SpecError(f"--model {model}: no such folder; it needs config.json and weights as save_pretrained writes")
    return without_home(model) if model else None


def one_of(option: str, value: str, known: tuple[str, ...]) -> str:
    """The value of an option, which must be one of those known."""
    if value not in known:
        raise SpecError(f"{option} {value}: one of {', '.join(known)}")
    return value


def without_home(path: Path) -> str:
    """The full path, with ``~`` for the home directory: a record is made to be handed on, and names nobody."""
    full, home = path.absolute(), Path.home()
    return str("~" / full.relative_to(home)) if full.is_relative_to(home) else str(full)


def command() -> str:
    """The command as typed, the home directory left out of it likewise."""
    import shlex

    from bench.environment import scrub

    return scrub(shlex.join(["wattmark", *sys.argv[1:]]))


def print_json(data: Any) -> None:
    """Data on stdout, for a script to read."""
    import json

    print(json.dumps(data, indent=1, ensure_ascii=False))
