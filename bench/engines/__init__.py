"""What starts replicates, and where. `--engine foo` finds `bench/engines/foo.py` and its class ``Engine``."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bench.errors import SpecError

SHIPPED = ("local",)
# What makes an optimizer, uses the meta device or counts operators imports it, which takes seconds: where many
# processes are forked, it is loaded before.
DYNAMO = "torch._dynamo"
FAILURE = "this machine could not be read"


@dataclass(frozen=True)
class Ended:
    """How a job ended: its result, or None with the status and reason; and the tail of what it wrote to stderr."""

    result: Any | None
    status: str = "ok"
    reason: str | None = None
    stderr: str = ""


class Listener(Protocol):
    """Is told what a running job says of itself."""

    def __call__(self, event: str, facts: Mapping[str, Any]) -> None: ...


class Engine(AbstractContextManager["Engine"], Protocol):
    """Runs one job after another, each in a process of its own."""

    def run(self, task: str, job: Mapping[str, Any], timeout: float, listen: Listener | None = None) -> Ended:
        """Run a job to its end, or end it: it never raises for what the job did."""


def engine(name: str, **options: Any) -> Engine:
    """The engine of a name.

    Raises:
        SpecError: no engine of that name is shipped.
    """
    if name not in SHIPPED:
        raise SpecError(f"--engine {name}: no such engine; one of {', '.join(SHIPPED)}")
    found: Engine = importlib.import_module(f"bench.engines.{name}").Engine(**options)
    return found


def result(ended: Ended, failure: str = FAILURE) -> Any:
    """The result of a job that has no case to blame.

    Raises:
        SpecError: there is none; the message begins with ``failure``.
    """
    if ended.result is None:
        last = (ended.stderr.strip().splitlines() or ["no word on stderr"])[-1]
        raise SpecError(f"{failure}: {ended.reason}: {last}")
    return ended.result
