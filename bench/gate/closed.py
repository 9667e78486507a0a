"""Keeps the sources of one arm out of the other. Each arm has a copy of this file as its ``sitecustomize.py``, which
Python imports before anything else (documentation of the module ``site``); ``closed.json`` beside it is its setting.

An editable install answers for a module wherever it is imported. In the arm called base it would answer with head's
file, both arms would be the same, and the gate would say "unchanged". So a module whose file lies in a closed directory
is not found.
"""

from __future__ import annotations

import importlib.util
import json
import os
import site
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType


class Closed:
    """A finder that asks all others and takes no module out of a closed directory.

    ``closed`` and ``opened`` are directories, without links; the innermost that holds a file decides. What the two
    arms share for certain, ``shared``, is known by the name under which it is found.
    """

    def __init__(self, closed: Sequence[str], opened: Sequence[str], shared: Sequence[str]) -> None:
        self._closed = set(closed)
        self._known = sorted({*closed, *opened}, key=len, reverse=True)
        self._shared = shared

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the other finders find, unless it is the other arm's."""
        refused = None
        for finder in sys.meta_path:
            find = None if finder is self else getattr(finder, "find_spec", None)
            spec: ModuleSpec | None = find(name, path, target) if find else None
            if spec is not None:
                refused = self._refused(spec)
                if refused is None:
                    return spec
        if refused:
            raise ModuleNotFoundError(f"No module named {name!r} in this arm: {refused} is the other arm's", name=name)
        return None

    def _refused(self, spec: ModuleSpec) -> str | None:
        """The file or directory that makes a module the other arm's."""
        places = [spec.origin] if spec.has_location and spec.origin else list(spec.submodule_search_locations or ())
        return places[0] if places and not any(map(self._open, places)) else None

    def _open(self, place: str) -> bool:
        if any(_within(place, directory) for directory in self._shared):
            return True
        real = os.path.realpath(place)
        innermost = next((directory for directory in self._known if _within(real, directory)), None)
        return innermost not in self._closed


def _within(place: str, directory: str) -> bool:
    return place == directory or place.startswith(directory.rstrip(os.sep) + os.sep)


def _install(here: Path) -> None:
    """Put the finder before all others, then run the sitecustomize.py that this one hides, where there is one."""
    setting = json.loads((here / "closed.json").read_text(encoding="utf-8"))
    sites = (*site.getsitepackages(), site.getusersitepackages())
    own = [os.path.realpath(folder) for folder in (sys.prefix, sys.base_prefix, *sites)]
    sys.meta_path.insert(0, Closed(setting["closed"], [*setting["opened"], *own], setting["shared"]))
    hidden = PathFinder.find_spec("sitecustomize", [entry for entry in sys.path if entry != str(here)])
    if hidden is not None and hidden.loader is not None:
        hidden.loader.exec_module(importlib.util.module_from_spec(hidden))


if __name__ == "sitecustomize":
    _install(Path(__file__).absolute().parent)
