"""What a source tree says it depends on, so that two trees can be compared without installing anything."""

from __future__ import annotations

import configparser
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from bench.errors import SpecError

_WHOLE = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile", "Pipfile.lock", "setup.py", "environment.yml", "pylock.toml")
_LINES = ("requirements*.txt", "requirements/*.txt", "constraints*.txt")

# A dependency that is files of the tree: a path, an option that takes one, a requirement at one.
_LOCAL_LINE = re.compile(r"\.{1,2}(?:[/\\\[]|$)|/|file:|-e\b|--editable\b|.*@\s*(?:file:|\.{0,2}/)")
_LOCAL_SOURCE = re.compile(r'^source = \{ (?:editable|directory|path) = "(?!\."|"\s)', re.MULTILINE)
_INCLUDED = re.compile(r"(?:-r|-c|--requirement|--constraint)[ =]*(\S+)")


def declared(root: Path, directory: Path) -> dict[str, str]:
    """What the files at the top of a tree, and in the directory of it that is used, declare; by the files' names.

    Only what decides which packages are installed: a new version of the project or another comment changes nothing.

    Raises:
        SpecError: a file cannot be parsed.
    """
    found = {}
    for folder in dict.fromkeys((root, directory)):
        for file, text in _files(folder):
            if text:
                found[str(file.relative_to(root))] = text
    return found


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The files whose declarations differ, or that only one of both trees has."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def tied(found: Mapping[str, str]) -> bool:
    """Whether what is declared depends on further files of the tree, which make its environment its own."""
    return any(_tied(name, text, found) for name, text in found.items())


def _tied(name: str, text: str, found: Mapping[str, str]) -> bool:
    if name.endswith("uv.lock"):
        return _LOCAL_SOURCE.search(text) is not None
    if name.endswith("pyproject.toml"):
        return any(map(_LOCAL_LINE.match, dependencies(json.loads(text)) or ()))
    if not name.endswith(".txt"):
        return False
    for line in text.splitlines():
        included = _INCLUDED.match(line)
        if str(Path(name).parent / included[1]) not in found if included else _LOCAL_LINE.match(line):
            return True
    return False


def dependencies(project: Mapping[str, Any]) -> list[str] | None:
    """The requirements of a pyproject.toml; None where its build finds them out."""
    table = project.get("project", {})
    if "dependencies" in table.get("dynamic", ()) or "poetry" in project.get("tool", {}):
        return None
    return [str(line) for line in table.get("dependencies", ())]


def read(pyproject: Path) -> dict[str, Any]:
    """A pyproject.toml; empty where there is none.

    Raises:
        SpecError: it is not TOML.
    """
    try:
        return tomllib.loads(pyproject.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SpecError(f"{pyproject}: {error}") from error


def _files(folder: Path) -> Iterable[tuple[Path, str]]:
    for name in _WHOLE:
        if (folder / name).is_file():
            yield folder / name, (folder / name).read_text(encoding="utf-8", errors="replace")
    for pattern in _LINES:
        for file in sorted(folder.glob(pattern)):
            lines = (line.partition(" #")[0].strip() for line in file.read_text(errors="replace").splitlines())
            yield file, "\n".join(line for line in lines if line and not line.startswith("#"))
    yield folder / "pyproject.toml", _pyproject(read(folder / "pyproject.toml"))
    yield folder / "setup.cfg", _setup_cfg(folder / "setup.cfg")


def _pyproject(data: Mapping[str, Any]) -> str:
    tools = {
        "poetry": ("dependencies", "group", "extras", "source"),
        "uv": ("sources", "index", "constraint-dependencies", "override-dependencies"),
    }
    parts = {
        "project": _some(data.get("project", {}), ("dependencies", "optional-dependencies", "requires-python")),
        "tool": {name: _some(data.get("tool", {}).get(name, {}), keys) for name, keys in tools.items()},
    }
    dynamic = [name for name in data.get("project", {}).get("dynamic", ()) if "dependencies" in name]
    if dynamic:
        parts["project"]["dynamic"] = dynamic
    parts["tool"] = {name: part for name, part in parts["tool"].items() if part}
    parts = {name: part for name, part in parts.items() if part}
    return json.dumps(parts, indent=1, sort_keys=True, default=str) if parts else ""


def _setup_cfg(file: Path) -> str:
    parser = configparser.RawConfigParser()
    try:
        parser.read(file, encoding="utf-8")
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SpecError(f"{file}: {' '.join(str(error).split())}") from error
    options = dict(parser["options"]) if parser.has_section("options") else {}
    extras = dict(parser["options.extras_require"]) if parser.has_section("options.extras_require") else {}
    parts = {**_some(options, ("install_requires", "python_requires")), **extras}
    return json.dumps(parts, indent=1, sort_keys=True) if parts else ""


def _some(table: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: table[name] for name in names if name in table}
