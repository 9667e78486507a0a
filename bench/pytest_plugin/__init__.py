"""The pytest face: cases of a matrix, and tests marked ``wattmark``, as entries of pytest-benchmark.

pytest loads this file in every session where Wattmark is installed, so nothing else is imported before it is needed.
"""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

MARK = "wattmark"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What a matrix given to pytest is measured on, and where its records go."""
    group = parser.getgroup("wattmark", "Wattmark: pytest MATRIX.toml")
    group.addoption(
        "--wattmark-device",
        action="append",
        default=[],
        metavar="DEVICE",
        help="Devices for the cases of a matrix: auto (all of them, the default), cpu, cuda:0, mps, ...",
    )
    group.addoption(
        "--wattmark-store",
        metavar="DIR",
        help="Keep the records in this directory, for `wattmark report`.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(work=1, device=None, budget=2.0, meters=None, trains=False): have benchmark(step) measured by "
        "Wattmark, as bench.measure does.",
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A TOML file is taken for a matrix only where it is named on the command line."""
    if file_path.suffix != ".toml" or not parent.session.isinitpath(file_path):
        return None
    from bench.pytest_plugin.matrix import MatrixFile

    return MatrixFile.from_parent(parent, path=file_path)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(
    fixturedef: pytest.FixtureDef[Any], request: pytest.FixtureRequest
) -> Generator[None, Any, Any]:
    """In a marked test the fixture ``benchmark`` measures by our machinery."""
    fixture = yield
    if fixturedef.argname == "benchmark" and (mark := request.node.get_closest_marker(MARK)) is not None:
        from bench.pytest_plugin.marker import take_over

        take_over(fixture, mark, request.config)
    return fixture


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(config: pytest.Config, compared_benchmark: dict[str, Any]) -> None:
    """pytest-benchmark compares machines before anything has been measured, when ours are not known yet: they are taken
    out of what it looks at, and compared in the end."""
    if then := compared_benchmark["machine_info"].pop(MARK, None):
        from bench.pytest_plugin.entry import entries

        entries(config).compared.append(then)
