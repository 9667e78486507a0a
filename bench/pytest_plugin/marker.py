"""The marker ``wattmark``: the call of a test's ``benchmark`` fixture, measured by our machinery."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest

from bench.pytest_plugin.entry import enter
from bench.store import Store

SETTINGS = {"work", "device", "budget", "meters", "trains"}  # of `bench.measure`


def take_over(fixture: Any, mark: pytest.Mark, config: pytest.Config) -> None:
    """Have a fixture of pytest-benchmark measure as `bench.measure` does.

    ``_raw`` is what its call comes to, once it has seen to it that the fixture is used a single time and that an error
    makes no entry.

    A setting that there is not fails the test.
    """
    unknown = [*map(repr, mark.args), *sorted(set(mark.kwargs) - SETTINGS)]
    if unknown:
        known = ", ".join(sorted(SETTINGS))
        pytest.fail(f"@pytest.mark.wattmark: unknown {', '.join(unknown)}; by name, one of {known}", pytrace=False)
    if fixture.disabled:  # the function then runs once, and nothing is measured
        return
    fixture._raw = partial(_measured, fixture, mark, config)
    fixture.pedantic = _refuse_pedantic


def _measured(
    fixture: Any, mark: pytest.Mark, config: pytest.Config, function: Callable[..., Any], *args: Any, **kwargs: Any
) -> Any:
    """Measure a function, enter it, and return what one more call of it returns, as pytest-benchmark does."""
    from bench.measurement import measure
    from bench.measuring import NotFinite

    def step() -> Any:
        return function(*args, **kwargs)

    try:
        with _without_tracing():
            record = measure(step, name=fixture.fullname, **mark.kwargs).record
    except NotFinite as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    if record.status != "ok":
        fixture.has_error = True
        pytest.fail(f"{record.status}: {record.reason}", pytrace=False)
    if store := config.getoption("wattmark_store"):
        Store(Path(store)).write(record)
    fixture.stats = enter(config, fixture, record)
    return function(*args, **kwargs)


def _refuse_pedantic(*args: Any, **kwargs: Any) -> NoReturn:
    """Raise: it would say the rounds and iterations that our machinery finds itself."""
    pytest.fail("a test marked wattmark measures benchmark(step), not benchmark.pedantic", pytrace=False)


@contextmanager
def _without_tracing() -> Iterator[None]:
    """A debugger or a coverage tool slows every line of Python: none is traced while steps are measured."""
    tracer, profiler = sys.gettrace(), sys.getprofile()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.settrace(tracer)
        sys.setprofile(profiler)
