"""What the tests of reports share: a store with everything in it, and its report."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for made_records and metered_records

from made_records import many
from metered_records import powered

from bench.record import Record
from reports import Report, build


@pytest.fixture(scope="session")
def records() -> list[Record]:
    return many()


@pytest.fixture(scope="session")
def report(records: list[Record]) -> Report:
    return build(records)


@pytest.fixture(scope="session")
def metered() -> Report:
    """The report of records with power, memory and state from every kind of meter, or the reason for none."""
    return build(powered())


@pytest.fixture(params=["report", "metered"])
def any_report(request: pytest.FixtureRequest) -> Report:
    found: Report = request.getfixturevalue(request.param)
    return found
