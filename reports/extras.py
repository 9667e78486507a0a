"""Packages that some outputs need and that are not installed with Wattmark."""

from __future__ import annotations

import importlib
from typing import Any

from bench.errors import SpecError


def needed(module: str, extra: str) -> Any:
    """A module of an extra.

    Raises:
        SpecError: it is not installed; the message has the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise SpecError(f"-o .{extra}: needs {package} ({error}); pip install 'wattmark[{extra}]'") from error
