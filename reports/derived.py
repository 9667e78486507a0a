"""What is derived of a record only where somebody asks for it: of fifty metrics a table shows ten."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class Derived(Mapping[str, T]):
    """Something for each of some names, derived when it is first asked for, and then kept."""

    def __init__(self, names: Collection[str], derive: Callable[[str], T]) -> None:
        self._names, self._derive = names, derive
        self._kept: dict[str, T] = {}

    def __getitem__(self, name: str) -> T:
        found = self._kept.get(name)
        if found is None:
            if name not in self._names:
                raise KeyError(name)
            found = self._kept[name] = self._derive(name)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
