"""Where inputs come from, and what a record says of them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

# The same in all replicates, whatever seed draws their weights: replicates differ by chance, not by the work they do.
SEED = 0

Content = TypeVar("Content")


@dataclass(frozen=True)
class Inputs(Generic[Content]):
    """Inputs of a kind (real or generated), with a name that says which.

    ``read`` reads items by their numbers from where they lie and decodes them anew, and gives what ``content`` has of
    them; None where they lie nowhere.
    """

    kind: Literal["real", "generated"]
    name: str
    content: Content
    read: Callable[[Sequence[int]], Content] | None = None


def choose(data: str, corpus: str, reader: str) -> Literal["real", "generated"] | Path:
    """What ``data`` (auto, real, generated or a path) comes to.

    Real inputs lie in the package ``corpus`` or below the path; the package ``reader`` is what makes numbers of them.

    Raises:
        ValueError: what real inputs need is not installed, or the path is no directory.
    """
    if data == "generated":
        return "generated"
    if data not in ("auto", "real") and not Path(data).is_dir():
        raise ValueError(f"data {data}: no such directory; auto, real, generated or a directory is needed")
    needed = (corpus, reader) if data in ("auto", "real") else (reader,)
    missing = [package for package in needed if not installed(package)]
    if missing and data == "auto":
        return "generated"
    if missing:
        raise ValueError(f"data {data}: {' and '.join(missing)} not installed; pip install 'wattmark[data]'")
    return "real" if data in ("auto", "real") else Path(data)


def installed(package: str) -> bool:
    """Whether a package can be imported, found out without importing it."""
    return find_spec(package) is not None


def package_folder(package: str) -> Path:
    """Where an installed package's files lie, found without importing it."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ValueError(f"data real: {package} not installed; pip install 'wattmark[data]'")
    return Path(spec.submodule_search_locations[0])


def release(distribution: str) -> str:
    """The name and version of an installed distribution."""
    return f"{distribution} {version(distribution)}"


def files(folder: Path, suffixes: tuple[str, ...], most: int) -> list[Path]:
    """The first files below a folder, in order of their names, without listing all of a large tree."""

    def walk() -> Iterator[Path]:
        for parent, folders, names in os.walk(folder):
            folders.sort()
            yield from (Path(parent, name) for name in sorted(names) if name.lower().endswith(suffixes))

    return list(islice(walk(), most))


def distinct(batch_size: int, most_items: int) -> int:
    """How many batches to prepare: four, or fewer where they would hold more than ``most_items``, but two at least."""
    return max(2, min(4, most_items // batch_size))


def describe(inputs: Inputs[Any], batches: Iterable[Mapping[str, Tensor]]) -> dict[str, str]:
    """Kind, name and a SHA-256 over the names, types, shapes and bytes of all batches, in order."""
    digest = hashlib.sha256()
    for batch in batches:
        for name, tensor in batch.items():
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
            digest.update(tensor.numpy().tobytes())
    return {"kind": inputs.kind, "name": inputs.name, "sha256": digest.hexdigest()}
