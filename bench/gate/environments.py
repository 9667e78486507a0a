"""The environment of a revision that declares other dependencies than the tree here: made once, kept, and checked.

A kept environment must be what it was when it was made. One that something was installed into since measures packages
that the revision never asked for, so it is refused, with the names of the packages.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from bench.errors import SpecError
from bench.gate import declared, worktree
from bench.gate.interpreter import packages
from bench.gate.worktree import Repository, surroundings

_STAMP = "made.json"
# Where pip looks for packages decides which build of torch comes; only a hash of these is kept, since they may hold
# passwords.
_INDEXES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_CONSTRAINT", "UV_INDEX_URL", "UV_INDEX")

Say = Callable[[str], object]


@dataclass(frozen=True)
class Wanted:
    """The environment that is wanted: for what a tree declares, or by the user's own command ``install``.

    ``tree`` is the revision's checkout and ``within`` the directory of it that is used.
    """

    repository: Repository
    revision: str
    tree: Path
    within: Path
    declared: Mapping[str, str]
    install: str | None = None

    @property
    def tied(self) -> bool:
        """Whether it may hold links to files of the tree, so that it is this revision's alone and keeps the tree."""
        return self.install is not None or declared.tied(self.declared)

    @property
    def locked(self) -> bool:
        """Whether there is a lock of uv's."""
        return self.install is None and any(name.endswith("uv.lock") for name in self.declared)


@dataclass(frozen=True)
class Environment:
    """An environment that is ready: its interpreter, the checkout that goes with it, and what to know of it."""

    folder: Path
    python: Path
    tree: Path
    note: str


def environment(wanted: Wanted, home: Path, needs: Sequence[str] | None = None, say: Say = print) -> Environment:
    """The environment, made where there is none yet. ``needs`` are what the harness wants installed beside.

    Raises:
        SpecError: it cannot be made, or what was made has been changed since.
    """
    folder = home / _key(wanted, needs := harness_needs() if needs is None else needs)
    home.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(f"{folder.name}.lock"), say):
        if not (folder / _STAMP).exists():
            _make(wanted, folder, needs, say)
        made = json.loads((folder / _STAMP).read_text(encoding="utf-8"))
        _refuse_stale(wanted, folder, made)
    note = f"its environment is {folder}, made on {made['made'][:10]}; delete that directory to make it anew"
    if wanted.locked and not shutil.which("uv"):
        note += ", with uv on the PATH to follow its uv.lock, which pip does not"
    return Environment(folder, _python(folder), _tree(wanted, folder), note)


def harness_needs() -> list[str]:
    """What the harness imports in an arm besides torch, as Wattmark's own distribution demands it."""
    names = ("psutil", "nvidia-ml-py")
    try:
        demanded = metadata.requires("wattmark") or []
    except metadata.PackageNotFoundError:  # run from its sources
        return list(names)
    return [line for line in demanded if re.split(r"[^\w.-]", line)[0] in names]


def _key(wanted: Wanted, needs: Sequence[str]) -> str:
    """The same for everything that makes the same environment."""
    own = [wanted.revision, str(wanted.repository.top), wanted.install] if wanted.tied else []
    where = str(wanted.within.relative_to(wanted.tree))
    indexes = {name: os.environ[name] for name in _INDEXES if name in os.environ}
    python = [sys.version, platform.python_implementation(), sysconfig.get_platform()]
    parts = [wanted.declared, where, own, list(needs), indexes, python, wanted.locked and shutil.which("uv")]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def _make(wanted: Wanted, folder: Path, needs: Sequence[str], say: Say) -> None:
    commands = _commands(wanted, folder, needs)
    worktree.remove(folder / "tree")
    shutil.rmtree(folder, ignore_errors=True)  # what a process left that was stopped on the way
    folder.mkdir()
    if wanted.tied:
        wanted.repository.add(wanted.revision, folder / "tree")
    say(f"making an environment for {wanted.revision[:12]} in {folder}")
    where = _tree(wanted, folder) / wanted.within.relative_to(wanted.tree)
    for command in commands:
        _run(command, where, folder)
    made = datetime.now(UTC).isoformat(timespec="seconds")
    stamp = {"made": made, "revision": wanted.revision, "packages": packages(_python(folder))}
    partial = folder / f"{_STAMP}.partial"
    partial.write_text(json.dumps(stamp, indent=1), encoding="utf-8")
    partial.rename(folder / _STAMP)  # last, so that what has a stamp is whole


def _commands(wanted: Wanted, folder: Path, needs: Sequence[str]) -> list[list[str] | str]:
    """What makes an environment and fills it; run in the directory of the tree that is used."""
    python = str(_python(folder))
    pip = [python, "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    requirements = _requirements(wanted)
    commands: list[list[str] | str] = [[sys.executable, "-m", "venv", str(folder / "venv")]]
    if wanted.install is not None:
        commands.append(wanted.install)
    elif wanted.locked and shutil.which("uv"):
        commands.append(["uv", "sync", "--frozen", "--inexact", "--no-install-project", "--no-dev", "--python", python])
    elif requirements:
        commands.append([*pip, *requirements])
    elif wanted.declared:
        raise SpecError(
            f"the dependencies in {', '.join(wanted.declared)} cannot be installed without the project itself; "
            "say how with --install 'pip install ...'"
        )
    return [*commands, [*pip, *needs]] if needs else commands


def _requirements(wanted: Wanted) -> list[str]:
    """Arguments of pip that install the dependencies and not the project, which is measured from its checkout."""
    nearest = [folder for folder in (wanted.within, *wanted.within.parents) if folder.is_relative_to(wanted.tree)]
    for folder in nearest:
        found = list(declared.dependencies(declared.read(folder / "pyproject.toml")) or ())
        above = Path(os.path.relpath(folder, wanted.within))  # the command may run in another checkout
        if (folder / "requirements.txt").exists():
            found += ["-r", str(above / "requirements.txt")]
        if found and (folder / "constraints.txt").exists():
            found += ["-c", str(above / "constraints.txt")]
        if found:
            return found
    return []


def _run(command: list[str] | str, where: Path, folder: Path) -> None:
    """Run a command with the environment's own programs first, its words kept beside the environment."""
    venv = folder / "venv"
    settings = {name: value for name, value in surroundings().items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    settings |= {"VIRTUAL_ENV": str(venv), "UV_PROJECT_ENVIRONMENT": str(venv)}
    settings["PATH"] = os.pathsep.join([str(_python(folder).parent), os.environ.get("PATH", os.defpath)])
    log = folder / "install.log"
    with log.open("ab") as words:
        shell = isinstance(command, str)
        code = subprocess.run(
            command, shell=shell, cwd=where, env=settings, stdin=subprocess.DEVNULL, stdout=words, stderr=words
        ).returncode
    if code:
        lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error")] or lines or ["no word"]
        name = command if isinstance(command, str) else " ".join(command[1:4] if command[0] != "uv" else command[:2])
        raise SpecError(f"{name} ended with code {code}: {errors[-1]} ({log} has all of it)")


def _refuse_stale(wanted: Wanted, folder: Path, made: Mapping[str, Any]) -> None:
    try:
        now = packages(_python(folder))
    except SpecError as error:
        raise SpecError(f"{error}; delete {folder} and the environment is made anew") from error
    changed = list(_changed(made["packages"], now))
    if wanted.tied:
        changed += _changed_files(wanted, folder / "tree")
    if changed:
        raise SpecError(
            f"{folder} is not what it was when it was made on {made['made'][:10]}: {', '.join(changed)}; "
            "delete that directory and it is made anew"
        )


def _changed(then: Mapping[str, list[str]], now: Mapping[str, list[str]]) -> Iterator[str]:
    for name in sorted(then.keys() | now.keys()):
        if name not in now:
            yield f"{name} is gone"
        elif name not in then:
            yield f"{name} {now[name][0]} was added"
        elif now[name][0] != then[name][0]:
            yield f"{name} was {then[name][0]} and is {now[name][0]}"
        elif now[name] != then[name]:
            yield f"{name} {now[name][0]} is another build"


def _changed_files(wanted: Wanted, tree: Path) -> list[str]:
    revision, dirty = worktree.state(tree)
    if revision != wanted.revision:
        return ["its checkout is at another commit" if revision else "its checkout is gone"]
    return worktree.changes(tree) if dirty else []


def _python(folder: Path) -> Path:
    return folder / "venv" / "bin" / "python"


def _tree(wanted: Wanted, folder: Path) -> Path:
    return folder / "tree" if wanted.tied else wanted.tree


@contextlib.contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    """One process makes an environment, others wait for it."""
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for another gate that makes {path.stem}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
