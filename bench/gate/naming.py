"""What the user means by the name of an arm.

A name is read in this order, so that what can be seen goes before what git knows:

1. a directory that is a virtual or conda environment: its interpreter, with the sources here;
2. any other directory: its sources, with this interpreter;
3. a file that can be run: an interpreter, with the sources here;
4. what git calls a commit in the repository here: its sources.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.errors import SpecError
from bench.gate import worktree
from bench.gate.worktree import Repository

Kind = Literal["here", "interpreter", "directory", "revision"]

_NEEDED = "a revision, a Python interpreter, its environment's directory, or a directory of sources"


@dataclass(frozen=True)
class Named:
    """What a name stands for: sources in ``directory``, which belongs to the tree ``root``, run by ``python``.

    ``revision`` is the tree's commit and ``dirty`` whether its tracked files differ from that; None where git cannot
    tell. The directory of a revision is ours until it is checked out. ``environment`` was made for it, where one was.
    """

    option: str
    name: str
    kind: Kind
    directory: Path
    root: Path
    python: Path = Path(sys.executable)
    revision: str | None = None
    dirty: bool | None = None
    environment: Path | None = None


def here(option: str = "--head") -> Named:
    """The current directory and this interpreter."""
    directory = root = Path.cwd().resolve()
    with contextlib.suppress(SpecError):
        root = Repository.around(directory).top
    revision, dirty = worktree.state(directory)
    return Named(option, "here", "here", directory, root, revision=revision, dirty=dirty)


def named(option: str, name: str, ours: Named) -> Named:
    """What a name means to a user who is `here`.

    Raises:
        SpecError: nothing; the message says what would be right.
    """
    if not name.strip():  # as from an unset variable; Path("") is the current directory, and base would be head
        raise SpecError(f"{option} is empty; {_NEEDED} is needed")
    path = Path(name).absolute()
    with contextlib.suppress(OSError):  # too long for a file's name
        python = _python_of(path)
        if python is not None:
            return Named(option, name, "interpreter", ours.directory, ours.root, python, ours.revision, ours.dirty)
        if path.is_dir():
            revision, dirty = worktree.state(path)
            return Named(option, name, "directory", path.resolve(), path.resolve(), revision=revision, dirty=dirty)
    try:
        revision = Repository.around(ours.directory).commit(name)
    except SpecError as error:
        found = shutil.which(name)
        instead = f"; the interpreter of that name is {found}" if found else ""
        raise SpecError(f"{option} {name}: {error}{instead}; {_NEEDED} is needed") from error
    return Named(option, name, "revision", ours.directory, ours.root, revision=revision, dirty=False)


def _python_of(path: Path) -> Path | None:
    """The interpreter that a path is or has; its links are kept, since they make an environment one."""
    if path.is_dir():
        environment = (path / "pyvenv.cfg").exists() or (path / "conda-meta").is_dir()
        candidates = [path / "bin" / "python", path / "Scripts" / "python.exe"] if environment else []
        return next((candidate for candidate in candidates if candidate.exists()), None)
    return path if path.is_file() and os.access(path, os.X_OK) else None
