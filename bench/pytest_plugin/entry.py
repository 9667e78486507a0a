"""A record as an entry of pytest-benchmark: its rounds, its ``extra_info``, and the machine that it was measured on.

All that is used of pytest-benchmark and is not documented stands here: the plugin ``pytest-benchmark`` with its list
``benchmarks``, and `pytest_benchmark.stats.Metadata`, which is made from a fixture. A test fails where these change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from bench.caveats import caveats
from bench.errors import SpecError
from bench.rates import Value, values
from bench.record import Record

# Told of every entry, absent ones with the reason; other metrics only where they were measured.
ALWAYS = (
    *("throughput", "time.step", "latency.p50", "latency.p95", "memory.planning", "power.mean", "energy.step"),
    *("energy.item", "flop.step", "flop.rate"),
)
# Where two machines differ in one of these, their times are not to be compared. Parts of a record's environment.
TELLING = (
    *(("cpu", "model"), ("device", "label"), ("device", "nvml", "driver"), ("device", "nvml", "power_limit")),
    *(("torch", "version"), ("torch", "cuda"), ("torch", "threads"), ("libraries", "transformers"), ("allocator",)),
)


@dataclass
class Source:
    """What pytest-benchmark asks of the fixture that an entry is from."""

    name: str
    fullname: str
    group: str | None
    param: str | None
    params: Mapping[str, Any] | None
    extra_info: dict[str, Any]
    cprofile_stats: None = None
    has_error: bool = False


class Entries:
    """What has been entered in this session: a plugin of it, once there is something.

    ``compared`` are the environments, by device, of saved runs that this one is compared with.
    """

    def __init__(self) -> None:
        self.compared: list[Mapping[str, Any]] = []
        self._environments: dict[str, Mapping[str, Any]] = {}
        self._caveats: list[str] = []

    def add(self, name: str, record: Record) -> None:
        """Take in a record that was entered."""
        self._environments[record.case.device] = record.environment
        self._caveats += (f"{name}: {caveat}" for caveat in caveats(record))

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """What was measured on, by device, as records keep it."""
        machine_info["wattmark"] = self._environments

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """In what a saved run's machine differs from this one, and what a reader must know of the numbers."""
        lines = [*self._other_machines(), *self._caveats]
        if lines:
            terminalreporter.section("Wattmark", sep="-")
        for line in lines:
            terminalreporter.write_line(line)

    def _other_machines(self) -> list[str]:
        return [
            f"compared with another machine: {device}: {difference}"
            for then in self.compared
            for device, now in self._environments.items()
            if device in then
            for difference in differences(then[device], now)
        ]


def entries(config: pytest.Config) -> Entries:
    """The session's entries."""
    found: Entries | None = config.pluginmanager.get_plugin("wattmark-entries")
    if found is None:
        found = Entries()
        config.pluginmanager.register(found, "wattmark-entries")
    return found


def session(config: pytest.Config) -> Any:
    """pytest-benchmark's session.

    Raises:
        SpecError: it is not there.
    """
    found = config.pluginmanager.get_plugin("pytest-benchmark")
    if found is None:
        raise SpecError("the cases of a matrix are entries of pytest-benchmark, and that plugin is switched off")
    return found


def enter(config: pytest.Config, source: Any, record: Record) -> Any:
    """Add a record to pytest-benchmark's entries, and return the entry.

    A round is a window: its seconds per step, both of its edges synchronised, of all replicates together. The number of
    iterations is that of the window with the fewest steps.
    """
    from pytest_benchmark import stats

    made: Any = stats.Metadata
    source.extra_info.update(extra_info(record))
    options = {"timer": "wall clock, synchronised", "replicates": len(record.measured)}
    entry = made(source, min(sample.steps for sample in record.samples), options)
    for sample in record.samples:
        entry.stats.update(sample.seconds / sample.steps)
    session(config).benchmarks.append(entry)
    entries(config).add(source.fullname, record)
    return entry


def extra_info(record: Record) -> dict[str, Any]:
    """Everything that an entry says beside its times: SI units, null with a reason for what was not measured."""
    case = record.case
    shown = [one for one in values(record) if one.value is not None or one.metric in ALWAYS]
    return {
        "case": case.id,
        "status": record.status,
        "workload": case.workload,
        "version": record.version,
        "device": case.device,
        "precision": case.precision,
        "batch_size": case.batch_size,
        "parameters": dict(case.parameters),
        "replicates": len(record.measured),
        "clock": record.measured[0].clock,
        "caveats": caveats(record),
        **{one.metric: _told(one) for one in shown},
    }


def differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Where two environments differ in what tells: ``torch.version 2.12.0 then, 2.13.0 now``."""
    pairs = ((".".join(path), _part(then, path), _part(now, path)) for path in TELLING)
    return [f"{name} {before} then, {after} now" for name, before, after in pairs if before != after]


def _part(environment: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        environment = environment.get(name) if isinstance(environment, Mapping) else None
    return environment.get("reason") if isinstance(environment, Mapping) else environment


def _told(value: Value) -> dict[str, Any]:
    """A value with its unit and origin, or null with the reason; what does not apply is left out."""
    if value.value is None:
        return {"value": None, "unit": value.unit, "reason": value.reason}
    rest = {"low": value.low, "high": value.high, "source": value.source, "scope": value.scope, "error": value.error}
    return {"value": value.value, "unit": value.unit, **{key: one for key, one in rest.items() if one is not None}}
