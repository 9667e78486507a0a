"""Where the modules of an arm come from: the harness from the one that runs, all else from the arm's own tree."""

from __future__ import annotations

import json
import os
import shutil
import site
import sysconfig
from collections.abc import Iterable, Sequence
from pathlib import Path

import bench
import workloads

_CONTRACT = ("Prepared", "Setup")  # what a package called workloads has where it is Wattmark's
_SITES = ("site-packages", "dist-packages")


def extra_entries(path: Sequence[str]) -> list[Path]:
    """The entries of a ``sys.path`` that the user has put there: by PYTHONPATH, an editable install or a conftest.

    The standard library and installed packages are the interpreter's own, and another interpreter has others. That the
    harness lies in a folder makes it none of the user's, unless PYTHONPATH names it.
    """
    ours = Path(str(bench.__file__)).absolute().parents[1]
    named = list(map(Path, os.environ.get("PYTHONPATH", "").split(os.pathsep)))
    own = [Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib", "scripts")]
    own += map(Path, (*site.getsitepackages(), site.getusersitepackages()))
    entries = [Path(entry).absolute() for entry in path if entry and Path(entry).exists()]
    return [
        entry
        for entry in dict.fromkeys(entries)
        if entry != ours or ours in named
        if entry.suffix != ".zip" or not entry.name.startswith("python")
        if entry.name not in _SITES and not any(entry.is_relative_to(folder) for folder in own)
    ]


def tree_entries(directory: Path, root: Path, extra: Iterable[Path], here: Path) -> list[Path]:
    """Where an arm looks for the user's modules: in its directory, in ``src``, and where ``sys.path`` leads here.

    An entry inside of the tree ``here`` becomes the same entry of the arm's tree ``root``; one outside is shared.
    """
    entries = [directory, directory / "src"]
    for entry in extra:
        real = entry.resolve()
        entries.append(root / real.relative_to(here) if real.is_relative_to(here) else entry)
    return [entry for entry in dict.fromkeys(entries) if entry.exists()]


def harness(folder: Path) -> Path:
    """A copy of the running ``bench`` and nothing else: no edit during the gate reaches one arm and not the other."""
    return _copy(Path(str(bench.__file__)).parent, folder / "harness")


def contract(folder: Path) -> Path:
    """A copy of the running ``workloads`` and nothing else."""
    return _copy(Path(str(workloads.__file__)).parent, folder / "workloads")


def has_own_workloads(entries: Sequence[Path]) -> bool:
    """Whether the package ``workloads`` that is found first there is Wattmark's, of whatever revision.

    A user's own package of that name is none; the running one goes before it then, as in `wattmark run`.
    """
    for entry in entries:
        init = entry / "workloads" / "__init__.py"
        if init.is_file():
            text = init.read_text(encoding="utf-8", errors="replace")
            return all(name in text for name in _CONTRACT)
    return False


def running_workloads_are_in(root: Path) -> bool:
    """Whether what would be lent to an arm are sources of this tree, and so under test themselves."""
    return Path(str(workloads.__file__)).resolve().is_relative_to(root)


def close(folder: Path, closed: Iterable[Path], opened: Iterable[Path], shared: Iterable[Path]) -> Path:
    """The directory that keeps modules in ``closed`` out of an arm (`bench.gate.closed`); goes first on its path."""
    folder.mkdir(parents=True)
    shutil.copyfile(Path(__file__).with_name("closed.py"), folder / "sitecustomize.py")
    setting = {
        "closed": sorted(str(path.resolve()) for path in closed),
        "opened": sorted(str(path.resolve()) for path in opened),
        "shared": sorted(map(str, shared)),
    }
    (folder / "closed.json").write_text(json.dumps(setting), encoding="utf-8")
    return folder


def _copy(package: Path, folder: Path) -> Path:
    shutil.copytree(package, folder / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    return folder
