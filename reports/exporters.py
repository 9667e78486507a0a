"""Finds the exporter that a path asks for, and brings what it made to where the path says."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import cast

from bench.errors import SpecError
from bench.store import write_whole


def find(package: str, path: Path) -> ModuleType:
    """The module of a package that a path asks for by its suffix, or by its name where it has none.

    A module with an ``export`` or a ``send`` is an exporter; the module ``a_b`` is for the suffix ``.a.b``. Raises:
        SpecError: there is none.
    """
    names = sorted(module.name for module in pkgutil.iter_modules(importlib.import_module(package).__path__))
    parts = [suffix.removeprefix(".") for suffix in path.suffixes[-2:]] or [path.name]
    for name in ("_".join(parts), parts[-1]):
        found = importlib.import_module(f"{package}.{name}") if name in names else None
        if _exports(found):
            return cast(ModuleType, found)
    known = [name for name in names if _exports(importlib.import_module(f"{package}.{name}"))]
    told = ", ".join(name.replace("_", ".") for name in known)
    raise SpecError(f"-o {path}: no exporter {parts[-1]!r}; end the file's name in one of {told}")


def _exports(module: ModuleType | None) -> bool:
    return hasattr(module, "export") or hasattr(module, "send")


def put(path: Path, content: bytes | Mapping[str, bytes]) -> None:
    """Replace the file, whole or not at all; a bare name is no file and goes to stdout.

    Several files go into the folder that the path names without its suffix.

    Raises:
        SpecError: the file cannot be written.
    """
    if not isinstance(content, bytes):
        for name, part in content.items():
            put(path.with_suffix("") / name, part)
        return
    if not path.suffix:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
        return
    try:
        write_whole(path, content)
    except OSError as error:
        raise SpecError(f"-o {path}: cannot be written ({error.strerror or error})") from error
