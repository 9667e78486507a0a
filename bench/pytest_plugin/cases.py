"""What pytest measures of a matrix: its cases one at a time, each by the same replicates as in `wattmark run`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench import matrix as matrices
from bench import meters
from bench.book import Book
from bench.case import Case
from bench.engines import DYNAMO, Engine, engine
from bench.record import Record, Run
from bench.run import Request, Worker, axes_of, check, choose, environment_of, list_devices, preload
from bench.store import Store

ALLOCATOR = "pinned"


class Cases:
    """The cases of a matrix file on some devices. ``searches`` are those, at batch size 1, whose largest batch size
    that fits is asked for. Records go to the folder ``store``, or are forgotten in the end.

    The fork server is started when it is needed, and again if it has been stopped.

    Raises:
        SpecError: something in the matrix is not known, or a device is not here.
    """

    def __init__(self, path: Path, devices: Sequence[str], store: str | None, command: str) -> None:
        self._matrix = matrices.load(str(path), axes_of)
        self._server = ExitStack()
        self._machine: Engine | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="wattmark-")
        try:
            here = choose(devices, list_devices(self._engine()))
            self.cases = matrices.expand(self._matrix, here)
            self.searches = matrices.searches(self._matrix, here)
            check([*self.cases, *self.searches])
            self._environments: dict[str, Mapping[str, Any]] = {}
            self._request = self._asked(here, Store(Path(store or self._folder.name)), command)
            self._request.store.create()
            self._book = Book(self._request.store, self._request.run, self._environments)
        except BaseException:
            self.close()
            raise

    def measured(self, case: Case) -> Record:
        """The case, measured by all of its replicates unless one of them fails."""
        worker = self._worker(case)
        for index in range(self._matrix.replicates):
            worker.measure(case, index)
        found = self._book.record(case)
        assert found is not None
        return found

    def searched(self, family: Case) -> Record:
        """The case with the largest batch that fits, measured; or how the smallest one did not fit."""
        found = self._worker(family).search(family)
        return self.measured(found[0] if found else replace(family, batch_size=1))

    def tried(self, case: Case) -> tuple[str, str | None]:
        """Two steps of the case and no measurement: its status and reason."""
        ended = self._worker(case).run(case, 0, fit_only=True)
        if ended.result is None:
            return ended.status, ended.reason
        replicate = ended.result["replicate"]
        return replicate["status"], replicate["reason"]

    def stop(self) -> None:
        """End the server."""
        self._machine = None
        self._server.close()

    def close(self) -> None:
        """Nothing will be measured any more."""
        self.stop()
        self._folder.cleanup()

    def _worker(self, case: Case) -> Worker:
        machine = self._engine()
        if case.device not in self._environments:
            self._environments[case.device] = environment_of(machine, case.device, ALLOCATOR)
        return Worker(machine, self._book, self._request, _Silent())

    def _engine(self) -> Engine:
        if self._machine is None:
            started = engine("local", preload=[DYNAMO, *preload(self._matrix)], allocator=ALLOCATOR)
            self._machine = self._server.enter_context(started)
        return self._machine

    def _asked(self, devices: Sequence[str], store: Store, command: str) -> Request:
        run = Run.new(command, self._matrix.replicates)
        return Request(self._matrix, devices, store, run, meters.names(), allocator=ALLOCATOR)


def name(case: Case, size: int | str) -> str:
    """What pytest calls a case: its axes but those at their default, so that no other case of a matrix changes it.

    ``bert:Classify[cpu-bf16-b8-sequence_length=32]``
    """
    known = axes_of(case.workload)
    set_ = [f"{axis}={value}" for axis, value in case.parameters.items() if value != known[axis].default]
    return f"{case.workload}[{'-'.join([case.device, case.precision, f'b{size}', *set_])}]"


class _Silent:
    """pytest tells how far it is, item by item."""

    def plan(self, cases: Sequence[Case], replicates: int) -> None: ...

    def begin(self, case: Case, index: int) -> None: ...

    def listen(self, event: str, facts: Mapping[str, Any]) -> None: ...

    def end(self, record: Record) -> None: ...

    def say(self, text: str) -> None: ...
