"""Revisions of the user's repository, each in a worktree of its own: checkout, index and stash stay untouched."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.errors import SpecError

# A hook of git's hands these to what it starts, and `git worktree add` would then write into the user's index.
# (`git rev-parse --local-env-vars`, without those that carry settings.)
_OF_A_REPOSITORY = {
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_INTERNAL_SUPER_PREFIX", "GIT_NAMESPACE"),
    *("GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
}

_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")  # a post-checkout hook may do anything


@dataclass(frozen=True)
class Repository:
    """A git repository by the top of its checkout."""

    top: Path

    @classmethod
    def around(cls, directory: Path) -> Repository:
        """The repository that a directory belongs to.

        Raises:
            SpecError: there is none, or git cannot be asked; the message is git's own.
        """
        return cls(Path(_git(directory, "rev-parse", "--show-toplevel")))

    def commit(self, name: str) -> str:
        """The full hash of the commit that a branch, tag, hash or ``HEAD~2`` names.

        Raises:
            SpecError: there is none here; the message says how to come by it.
        """
        if name.startswith("-"):  # git refuses such names too, and must not read one as an option
            raise SpecError("no revision begins with a dash; a file or directory of that name is ./-...")
        found = self._find(name)
        if found:
            return found
        if _git(self.top, "rev-parse", "--is-shallow-repository") == "true":
            raise SpecError(
                "no such commit, and this clone is shallow: fetch all of it with fetch-depth: 0 "
                "(actions/checkout), GIT_DEPTH: 0 (GitLab) or git fetch --unshallow"
            )
        if self._find(f"refs/remotes/origin/{name}"):
            raise SpecError(f"no such commit here, but there is origin/{name}")
        raise SpecError("no such commit in this repository")

    def _find(self, name: str) -> str | None:
        with contextlib.suppress(SpecError):
            found = _git(self.top, "rev-parse", "--verify", "--quiet", f"{name}^{{commit}}")
            if re.fullmatch("[0-9a-f]{40,64}", found):  # and not ^ with a hash, which means all but that commit
                return found
        return None

    def add(self, revision: str, tree: Path) -> None:
        """Check a commit out into a directory that does not exist yet.

        Raises:
            SpecError: git could not; the message is its own.
        """
        _git(self.top, *_NO_HOOKS, "worktree", "add", "--quiet", "--detach", str(tree), revision)

    @contextlib.contextmanager
    def temporary(self, revision: str, home: Path) -> Iterator[Path]:
        """A commit in a new directory under ``home``, for as long as it is needed.

        What a process left behind that was killed is cleared away first; what another one still uses is left alone.
        """
        clear(home)
        tree = home / f"{revision[:12]}-{secrets.token_hex(4)}"
        with _locked(_lock_of(tree)):  # before the tree is there, so that a tree without a held lock is nobody's
            try:
                self.add(revision, tree)
                yield tree
            finally:
                remove(tree)


def surroundings() -> dict[str, str]:
    """The environment variables, without those by which a hook of git's binds what it starts to its repository."""
    return {name: value for name, value in os.environ.items() if name not in _OF_A_REPOSITORY}


def state(directory: Path) -> tuple[str | None, bool | None]:
    """The commit that a directory is at, and whether its tracked files differ from it; None where git cannot tell."""
    try:
        return _git(directory, "rev-parse", "HEAD"), bool(changes(directory))
    except SpecError:
        return None, None


def changes(directory: Path) -> list[str]:
    """The tracked files of a checkout that differ from its commit.

    Raises:
        SpecError: git cannot be asked there.
    """
    lines = _git(directory, "status", "--porcelain", "-uno").splitlines()
    return [line.strip().partition(" ")[2].strip() for line in lines]


def submodules(tree: Path) -> list[str]:
    """The paths of a checkout's submodules, which `Repository.add` leaves empty."""
    listed = _git(tree, "ls-files", "--stage", "-z").split("\0")
    return [entry.partition("\t")[2] for entry in listed if entry.startswith("160000 ")]


def remove(tree: Path) -> None:
    """Take a worktree away again, and its entry in the repository."""
    if tree.exists():
        with contextlib.suppress(SpecError):
            _git(tree, "worktree", "remove", "--force", str(tree))
        shutil.rmtree(tree, ignore_errors=True)


def clear(home: Path) -> None:
    """Remove the worktrees under a directory whose processes are gone."""
    home.mkdir(parents=True, exist_ok=True)
    for tree in home.iterdir():
        if tree.is_dir():
            with contextlib.suppress(BlockingIOError), _locked(_lock_of(tree)):
                remove(tree)


def _lock_of(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.lock")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process, however that ends; raises BlockingIOError where another one holds it."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _git(directory: Path, *arguments: str) -> str:
    """What git says in a directory, asking nobody and taking no lock that it can do without."""
    settings = {**surroundings(), "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            env=settings,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=True,
        )
    except FileNotFoundError as missing:
        raise SpecError("git is not installed") from missing
    except subprocess.CalledProcessError as failed:
        lines = [line for line in failed.stderr.splitlines() if line.strip()]
        told = next((line for line in lines if line.startswith("fatal:")), lines[0] if lines else "")
        raise SpecError(f"git: {told.removeprefix('fatal: ') or f'exit code {failed.returncode}'}") from failed
    return done.stdout.strip("\n")
