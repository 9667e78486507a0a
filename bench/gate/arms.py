"""Base and head, each with a place to run in: `bench.gate.naming` says what their names mean.

A revision is checked out beside the user's own tree. Where it declares the same dependencies it runs on this
interpreter, otherwise in an environment of its own (`bench.gate.environments`). The harness is the running one in both
arms, so that an edit of it compares like with like, and neither arm can load the other's sources.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.environment import scrub
from bench.errors import SpecError
from bench.gate import interpreter, naming, sources, worktree
from bench.gate.declared import declared, differing
from bench.gate.environments import Wanted, environment
from bench.gate.naming import Kind, Named
from bench.gate.worktree import Repository
from bench.pair import Arm

Say = Callable[[str], object]


@dataclass(frozen=True)
class Place:
    """Where an arm runs: ``python`` with ``path`` as its PYTHONPATH, in ``directory``.

    ``name`` is as the user gave it. ``revision`` is the commit of its sources and ``dirty`` whether tracked files
    differ from that; None where git cannot tell. ``environment`` is the directory of an environment that was made for
    this arm; None where a given interpreter runs it.
    """

    name: str
    kind: Kind
    python: Path
    path: tuple[Path, ...]
    directory: Path
    revision: str | None = None
    dirty: bool | None = None
    environment: Path | None = None

    def to_json(self) -> dict[str, Any]:
        """What a judgement keeps of it: nothing that names a user."""
        return {"name": scrub(self.name), "kind": self.kind, "revision": self.revision, "dirty": self.dirty}


@dataclass(frozen=True)
class Arms:
    """Both places, and what a reader of the judgement should know of them, in sentences."""

    base: Place
    head: Place
    notes: tuple[str, ...]

    @property
    def places(self) -> dict[Arm, Place]:
        """Both by the name of their arm."""
        return {"base": self.base, "head": self.head}


@contextlib.contextmanager
def arms(
    base: str,
    head: str | None = None,
    *,
    install: str | None = None,
    cache: Path | None = None,
    say: Say = lambda text: None,
) -> Iterator[Arms]:
    """Both arms, ready to run while the context lasts; without ``head`` that is the current directory.

    ``install`` is a shell command that fills the environment of an arm that is a revision, instead of what the
    revision declares. ``cache`` keeps environments, and worktrees while they are in use.

    Raises:
        SpecError: a name means nothing, a revision is not here, an environment cannot be made or was changed since, an
            interpreter is too old or has no torch.
    """
    ours = naming.here()
    meant = [naming.named("--base", base, ours), ours if head is None else naming.named("--head", head, ours)]
    for arm in meant:
        if arm.kind == "interpreter":  # at once, before anything is built for the other arm
            with _blaming(arm):
                interpreter.require(interpreter.ask(arm.python), arm.python)
    with contextlib.ExitStack() as stack:
        making = _Making(ours, install, cache or default_cache(), say, stack, [])
        ready = [making.ready(arm) for arm in meant]
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wattmark-arms-"))).resolve()
        lent = _Lent(sources.harness(folder), sources.contract(folder))
        notes = [*_notes(ready[0], ready[1], ours), *making.notes]
        places: list[Place] = []
        for arm, other in (ready, ready[::-1]):
            with _blaming(arm):
                places.append(_place(arm, {other, ours}, ours, folder / str(len(places)), lent))
        yield Arms(places[0], places[1], tuple(map(scrub, notes)))


def default_cache() -> Path:
    """``wattmark`` in the user's cache directory (XDG Base Directory Specification)."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wattmark"


@dataclass(frozen=True)
class _Lent:
    """Copies of what runs here, for both arms."""

    harness: Path
    workloads: Path


@contextlib.contextmanager
def _blaming(arm: Named) -> Iterator[None]:
    """Begin the message of what goes wrong with the option that led to it."""
    try:
        yield
    except SpecError as error:
        raise SpecError(f"{arm.option} {arm.name}: {error}") from error
    except OSError as error:
        raise SpecError(f"{arm.option} {arm.name}: {error.filename}: {error.strerror}") from error


@dataclass(frozen=True)
class _Making:
    """Makes ready what a name means. Worktrees go with the stack, environments stay in the cache."""

    ours: Named
    install: str | None
    cache: Path
    say: Say
    stack: contextlib.ExitStack
    notes: list[str]

    def ready(self, arm: Named) -> Named:
        """The arm with its sources and its interpreter in place."""
        with _blaming(arm):
            return self._checked_out(arm, str(arm.revision)) if arm.kind == "revision" else arm

    def _checked_out(self, arm: Named, revision: str) -> Named:
        """A revision in a worktree, and in an environment of its own where it needs one."""
        ours, repository = self.ours, Repository(self.ours.root)
        self.say(f"checking out {arm.name}")
        tree = self.stack.enter_context(repository.temporary(revision, self.cache / "worktrees")).resolve()
        within = ours.directory.relative_to(ours.root)
        if not (tree / within).is_dir():
            raise SpecError(f"it has no directory {within}; start in one that both arms have")
        empty = worktree.submodules(tree)
        if empty:
            self.notes.append(f"The submodules of {arm.name} are not checked out: {', '.join(empty)}.")
        theirs = declared(tree, tree / within)
        files = differing(declared(ours.root, ours.directory), theirs)
        if not files and self.install is None:
            self.notes.append(f"{arm.name} declares the dependencies of the tree here and runs on this interpreter.")
            return replace(arm, directory=tree / within, root=tree)
        wanted = Wanted(repository, revision, tree, tree / within, theirs, self.install)
        made = environment(wanted, self.cache / "environments", say=self.say)
        why = f"declares other dependencies than the tree here ({', '.join(files)})" if files else "has --install"
        self.notes.append(f"{arm.name} {why}: {made.note}.")
        arm = replace(arm, python=made.python, environment=made.folder)
        return replace(arm, directory=made.tree / within, root=made.tree)


def _place(arm: Named, others: set[Named], ours: Named, folder: Path, lent: _Lent) -> Place:
    """Where an arm looks for modules, and proof that its interpreter does look there."""
    revision = arm.kind == "revision"
    top = ours.directory if arm.kind == "directory" else ours.root
    entries = sources.tree_entries(arm.directory, arm.root, sources.extra_entries(sys.path), top)
    lends = not sources.has_own_workloads(entries) and not (revision and sources.running_workloads_are_in(ours.root))
    shared = [lent.harness, *([lent.workloads] if lends else [])]
    # Two directories may lie in one tree, and share what else is there; a revision is a whole tree.
    closed = {other.root if revision or other.kind == "revision" else other.directory for other in others}
    closed -= {arm.root, arm.directory}
    guard = sources.close(folder, closed, [arm.root, *entries], shared)
    path = (guard, *shared, *entries)
    for entry in path:
        if os.pathsep in str(entry):
            raise SpecError(f"{entry}: a path with {os.pathsep!r} in it cannot be an entry of PYTHONPATH")
    answer = interpreter.ask(arm.python, path, [lent.harness])
    try:
        interpreter.require(answer, arm.python)
    except SpecError as error:
        if arm.environment is None:
            raise
        raise SpecError(f"{error}; have it among the dependencies, or say how to install with --install") from error
    if not answer.closed or not Path((answer.origins or {}).get("bench", "/")).is_relative_to(lent.harness):
        raise SpecError(f"{arm.python} does not heed PYTHONPATH, which tells an arm where its sources are")
    return Place(arm.name, arm.kind, arm.python, path, arm.directory, arm.revision, arm.dirty, arm.environment)


def _notes(base: Named, head: Named, ours: Named) -> Iterator[str]:
    """What is true of both arms and might surprise."""
    for arm in {base.directory: base, head.directory: head}.values():
        if arm.dirty:
            name = arm.name if arm.kind == "directory" else "The current directory"
            yield f"{name} has changes that are not committed."
        if arm.kind == "directory":
            files = differing(declared(ours.directory, ours.directory), declared(arm.directory, arm.directory))
            if files:
                other = f"declares other dependencies than the directory here ({', '.join(files)})"
                yield f"{arm.name} {other}, and runs on this interpreter all the same."
    clean = base.dirty is False and head.dirty is False
    same = base.directory == head.directory or (clean and base.revision == head.revision)
    if same and base.python == head.python:
        yield "Base and head are the same sources on the same interpreter."
