"""A matrix as a file of tests: each case an item, measured by its replicates in processes of their own.

Cases are measured one after the other and not in turns, as `wattmark run` does it: pytest runs its items one by one.
"""

from __future__ import annotations

import shlex
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from bench.case import Case
from bench.entry import MAX
from bench.environment import scrub
from bench.errors import SpecError
from bench.pytest_plugin.cases import Cases, name
from bench.pytest_plugin.entry import Source, enter, session


class MatrixFile(pytest.File):
    """A matrix that was named on the command line."""

    def collect(self) -> Iterable[pytest.Item]:
        """An item for each case on each of the devices.

        Raises:
            CollectError: the file is no matrix, or something in it or on the command line is wrong.
        """
        # A user's own workloads are found as `wattmark run` would find them.
        here = str(self.config.invocation_params.dir)
        if here not in sys.path:
            sys.path.append(here)
        try:
            session(self.config)
            _refuse_other_toml(self.path)
            self.cases = Cases(
                self.path,
                self.config.getoption("wattmark_device"),
                self.config.getoption("wattmark_store"),
                scrub(shlex.join(["pytest", *map(str, self.config.invocation_params.args)])),
            )
        except SpecError as error:
            raise self.CollectError(str(error)) from None
        self.config.add_cleanup(self.cases.close)
        return [*map(self._item, self.cases.cases), *(self._item(case, True) for case in self.cases.searches)]

    def _item(self, case: Case, search: bool = False) -> pytest.Item:
        called = name(case, MAX if search else case.batch_size)
        return MatrixItem.from_parent(self, name=called, case=case, search=search)

    def teardown(self) -> None:
        """The last item has run."""
        self.cases.stop()


class MatrixItem(pytest.Item):
    """One case of a matrix; where ``search``, with the largest batch size that fits."""

    parent: MatrixFile

    def __init__(self, *, case: Case, search: bool, **rest: Any) -> None:
        super().__init__(**rest)
        self.case = case
        self.search = search
        self.fixturenames = ["benchmark"]  # by this pytest-benchmark tells benchmarks from other tests

    def runtest(self) -> None:
        """Measure the case and enter it; with --benchmark-disable, only see that it runs."""
        cases = self.parent.cases
        if session(self.config).disabled:
            self._settle(*cases.tried(self.case))
            return
        record = cases.searched(self.case) if self.search else cases.measured(self.case)
        self._settle(record.status, record.reason, next((one.stderr for one in record.replicates if one.stderr), ""))
        enter(self.config, self._source(), record)

    def reportinfo(self) -> tuple[Path, int, str]:
        """Where it is from, for the heading of a failure."""
        return self.path, 0, self.name

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A machine that cannot be read is told in one line."""
        if isinstance(excinfo.value, SpecError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def _settle(self, status: str, reason: str | None, stderr: str = "") -> None:
        """What did not fit, or cannot run here, is skipped; what went wrong fails, in one line."""
        if status in ("oom", "unsupported"):
            pytest.skip(f"{self.name}: {status}: {reason}")
        if status != "ok":
            if stderr:
                self.add_report_section("call", "stderr", stderr)
            pytest.fail(f"{status}: {reason}", pytrace=False)

    def _source(self) -> Source:
        """What pytest-benchmark says of the item; entries of one workload stand in one table."""
        case = self.case
        axes = {"device": case.device, "precision": case.precision, "batch_size": case.batch_size, **case.parameters}
        return Source(self.name, self.nodeid, case.workload, self.name.partition("[")[2][:-1], axes, {})


def _refuse_other_toml(path: Path) -> None:
    """A file that pytest was told to take, and that is something else.

    Raises:
        SpecError: it has no table of cases, or is not TOML.
    """
    try:
        with path.open("rb") as file:
            found = tomllib.load(file)
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"{path.name}: not TOML: {error}") from error
    if not isinstance(found.get("cases"), list):
        raise SpecError(f"{path.name}: no matrix of Wattmark: a matrix lists what to measure in [[cases]] tables")
