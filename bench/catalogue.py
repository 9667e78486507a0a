"""What there is to choose from: workloads, matrices, meters, devices."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import workloads
from bench import matrix, meters
from bench.engines import engine, result
from bench.errors import in_one_line
from bench.workload import axes, find, workload_names


def catalogue(parts: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
    """The named parts: ``workloads``, ``matrices``, ``meters``, ``devices`` (which loads torch in another process)."""
    return {part: _PARTS[part]() for part in parts}


def words(found: dict[str, list[dict[str, Any]]]) -> str:
    """A catalogue as indented text."""
    lines: list[str] = []
    for part, things in found.items():
        lines += [part]
        for thing in things:
            lines += [f"  {thing['name']:<20} {thing['description']}"]
            lines += [f"  {'':<20}   {axis} = {text}" for axis, text in thing.get("axes", {}).items()]
        lines += [""]
    return "\n".join(lines[:-1])


def _workloads() -> list[dict[str, Any]]:
    found = []
    for info in pkgutil.iter_modules(workloads.__path__):
        module = importlib.import_module(f"workloads.{info.name}")
        for name in workload_names(module):
            workload = find(f"{info.name}:{name}")
            texts = {axis.name: _axis_words(axis) for axis in axes(workload).values()} | _ways(workload)
            found.append({"name": f"{info.name}:{name}", "description": _first_line(workload), "axes": texts})
    return found


def _axis_words(axis: Any) -> str:
    """The default, then what else it may be."""
    if axis.choices:
        return f"{axis.default} (of {', '.join(map(str, axis.choices))})"
    return f"{axis.default} ({axis.type})"


def _ways(workload: Any) -> dict[str, str]:
    """What the axes may be whose values are words of a language of their own."""
    rungs = ", ".join(getattr(workload, "RUNGS", ()))
    variants = {"variant": f"plain (or tuned, or some of {rungs}, joined by +)"} if rungs else {}
    pipelines = {"pipeline": "off (or a number of loader workers)"} if hasattr(workload, "pipeline") else {}
    return variants | pipelines


def _matrices() -> list[dict[str, Any]]:
    loaded = (matrix.load(name, lambda workload: axes(find(workload))) for name in matrix.names())
    return [{"name": one.name, "description": one.description} for one in loaded]


def _meters() -> list[dict[str, Any]]:
    return [{"name": name, "description": _docstring_of(name).partition("\n")[0]} for name in meters.names()]


def _docstring_of(meter: str) -> str:
    """A meter's docstring; one of ours is read and not imported, since it may import torch."""
    if meter not in meters.SHIPPED:
        try:
            return meters.module(meter).__doc__ or ""
        except Exception as error:
            return f"could not be loaded: {in_one_line(error)}"
    spec = importlib.util.find_spec(f"bench.meters.{meter}")
    assert spec is not None
    assert spec.origin is not None
    return ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""


def _devices() -> list[dict[str, Any]]:
    with engine("local") as machine:
        devices = result(machine.run("devices", {}, timeout=120), "the devices could not be listed")
    return [{**device, "description": f"{device['label']} {device['uuid'] or ''}".strip()} for device in devices]


def _first_line(thing: Any) -> str:
    return (thing.__doc__ or "").strip().partition("\n")[0]


_PARTS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "workloads": _workloads,
    "matrices": _matrices,
    "meters": _meters,
    "devices": _devices,
}
