"""RAPL against a powercap tree in a temporary folder: exact joules, and every way in which there are none."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench.device import Device
from bench.errors import Unavailable
from bench.meters import Meters, open_meters, rapl
from bench.meters.rapl import Domain, RaplMeter, domains, energy, open_meter
from bench.record import Reading

CPU = Device("cpu", "a cpu", None, None)
GPU = Device("cuda:0", "a gpu", "GPU-aaaa", None)
RANGE = 262_143_328_850  # µJ, as on a real machine


class Machine:
    """A powercap tree and a clock. Domains draw what they are told while time passes."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.time = 100.0
        self.watts: dict[str, Callable[[float], float]] = {}

    def domain(self, folder: str, name: str, start: int = 1_000_000, watts: Any = 0.0, most: int = RANGE) -> None:
        """A counter that stands at ``start`` µJ and draws ``watts``, a number or a function of time."""
        path = self.root / folder
        path.mkdir()
        (path / "name").write_text(f"{name}\n")
        (path / "max_energy_range_uj").write_text(f"{most}\n")
        (path / "energy_uj").write_text(f"{start}\n")
        self.watts[folder] = watts if callable(watts) else lambda time: watts

    def clock(self) -> float:
        return self.time

    def wait(self, seconds: float) -> None:
        """Time passes; counters go round as real ones do."""
        for folder, watts in self.watts.items():
            counter = self.root / folder / "energy_uj"
            most = int((self.root / folder / "max_energy_range_uj").read_text())
            spent = round(watts(self.time) * seconds * 1e6)
            counter.write_text(f"{(int(counter.read_text()) + spent) % most}\n")
        self.time += seconds

    def meter(self, own: bool = True) -> RaplMeter:
        return RaplMeter(domains(self.root), own, self.clock, self.wait)

    def window(self, seconds: float = 2.0, own: bool = True) -> Any:
        meter = self.meter(own)
        meter.start()
        self.wait(seconds)
        return meter.stop()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def server(machine: Machine) -> Machine:
    """Two packages with cores, memory, a second way to the first of them, and psys."""
    machine.domain("intel-rapl:0", "package-0", watts=100.0)
    machine.domain("intel-rapl:0:0", "core", watts=80.0)
    machine.domain("intel-rapl:0:1", "dram", watts=8.0)
    machine.domain("intel-rapl:1", "package-1", watts=50.0)
    machine.domain("intel-rapl:1:0", "dram", watts=4.0)
    machine.domain("intel-rapl:2", "psys", watts=300.0)
    machine.domain("intel-rapl-mmio:0", "package-0", watts=99.0)
    return machine


@pytest.fixture
def desktop(machine: Machine) -> Machine:
    """One package that does not count its memory."""
    machine.domain("intel-rapl:0", "package-0", watts=30.0)
    return machine


def test_packages_and_memory_are_summed_and_nothing_is_counted_twice(server: Machine) -> None:
    readings = server.window(2.0)

    source = "RAPL counters (powercap)"
    assert readings["energy.cpu"] == Reading(300.0, source, scope="CPU packages", seconds=2.0)
    assert readings["energy.dram"] == Reading(24.0, source, scope="DRAM", seconds=2.0)
    assert readings["energy"] == Reading(324.0, source, scope="CPU packages and DRAM", seconds=2.0)


def test_a_package_that_is_listed_twice_under_one_kind_counts_once(server: Machine) -> None:
    server.domain("intel-rapl:3", "package-0", watts=99.0)

    assert server.window(2.0)["energy.cpu"].value == 300.0


def test_two_packages_that_draw_the_same_are_two(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=20.0)
    machine.domain("intel-rapl:0:0", "dram", watts=20.0)
    machine.domain("intel-rapl:1", "package-1", watts=20.0)

    readings = machine.window(1.0)

    assert (readings["energy.cpu"].value, readings["energy.dram"].value) == (40.0, 20.0)


def test_memory_that_is_not_counted_is_absent_and_the_scope_says_so(desktop: Machine) -> None:
    readings = desktop.window(2.0)

    assert readings["energy.dram"] == Reading.absent("these CPUs do not count their memory")
    assert readings["energy"].value == 60.0
    assert readings["energy"].scope == "CPU packages"


def test_the_energy_of_a_case_on_a_gpu_is_left_to_its_own_meter(server: Machine) -> None:
    meter = server.meter(own=False)

    assert meter.before() == {}
    assert set(server.window(own=False)) == {"energy.cpu", "energy.dram"}


def test_the_error_is_unknown_and_the_record_says_why(desktop: Machine) -> None:
    assert desktop.window()["energy"].error is None
    assert desktop.meter().facts() == {
        "domains": ["package-0"],
        "error": {"value": None, "reason": rapl.UNKNOWN_ERROR},
    }


def test_a_counter_that_went_round_once_is_undone(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", start=RANGE - 40_000_000, watts=30.0)

    assert machine.window(2.0)["energy"].value == pytest.approx(60.0)


def test_a_counter_that_may_have_gone_round_once_more_is_no_measurement(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=100.0, most=5_000_000_000)

    assert machine.window(5.0)["energy"].value == 500.0
    assert machine.window(10.0)["energy"].reason == (
        "the counter of package-0 goes round at 5000 J: in 10 s it was 1000 J or 6000 J"
    )


def test_a_counter_that_started_again_is_no_measurement() -> None:
    domain = Domain("package-0", Path("x"), RANGE / 1e6)

    assert energy(domain, 5000.0, 3.0, 1.0).reason == (
        "the counter of package-0 went from 5000.000 to 3.000 J in 1.000 s, which no CPU can"
    )


def test_a_counter_that_leapt_is_no_measurement() -> None:
    assert energy(Domain("package-0", Path("x"), 65536.0), 0.0, 5000.0, 1.0).value is None


def test_a_counter_that_did_not_move_is_no_measurement(server: Machine) -> None:
    server.watts["intel-rapl:1"] = lambda time: 0.0

    readings = server.window(2.0)

    assert readings["energy.cpu"] == Reading.absent("the counter of package-1 did not move in 2.000 s")
    assert readings["energy"] == readings["energy.cpu"]
    assert readings["energy.dram"].value == 24.0


@pytest.mark.parametrize(("seconds", "present"), [(0.06, True), (0.04, False)])
def test_a_window_of_few_updates_is_too_short(desktop: Machine, seconds: float, present: bool) -> None:
    reading = desktop.window(seconds)["energy"]

    assert (reading.value is not None) == present
    assert present or reading.reason == "window too short: 0.040 s, where RAPL needs 0.05 s"


def test_a_counter_that_goes_away_meanwhile_is_absent_with_the_systems_reason(desktop: Machine) -> None:
    meter = desktop.meter()
    meter.start()
    (desktop.root / "intel-rapl:0" / "energy_uj").unlink()

    assert "No such file or directory" in str(meter.stop()["energy"].reason)


def test_the_idle_power_is_the_mean_of_the_two_blocks_that_agree(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=lambda time: 41.0 if time < 100.25 else 40.0)
    meter = machine.meter()

    assert meter.before() == {"power.idle": Reading(40.5, rapl.SOURCE, scope="CPU packages", seconds=0.5)}
    assert meter.facts()["before"] == {"settled": True, "seconds": 0.5}


def test_a_machine_that_cools_down_is_waited_for(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=lambda time: 40.0 + 60.0 * max(0.0, 101.0 - time))

    meter = machine.meter()

    assert meter.before()["power.idle"].value == pytest.approx(40.0)
    assert meter.facts()["before"] == {"settled": True, "seconds": 1.5}


def test_a_machine_that_does_not_settle_has_no_idle_power(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=lambda time: 40.0 if time % 0.5 < 0.25 else 80.0)
    meter = machine.meter()

    assert meter.before() == {
        "power.idle": Reading.absent("the idle device had not settled after 3.0 s: 40.0 W, then 80.0 W")
    }
    assert meter.facts()["before"] == {"settled": False, "seconds": 3.0}


def test_idle_power_of_a_counter_that_stands_still_is_absent(machine: Machine) -> None:
    machine.domain("intel-rapl:0", "package-0", watts=0.0)

    assert machine.meter().before() == {
        "power.idle": Reading.absent("the counter of package-0 did not move in 0.250 s")
    }


def test_a_machine_without_powercap_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="is not there: this kernel counts no energy"):
        domains(tmp_path / "powercap")


@pytest.mark.parametrize("others", [[], ["core", "psys"], [""]])
def test_a_tree_without_a_package_says_so(machine: Machine, others: list[str]) -> None:
    for number, name in enumerate(others):
        machine.domain(f"intel-rapl:{number}", name)

    with pytest.raises(Unavailable, match="shows no CPU package"):
        domains(machine.root)


def test_a_folder_that_a_container_has_emptied_is_passed_over(desktop: Machine) -> None:
    (desktop.root / "intel-rapl:1").mkdir()

    assert [domain.name for domain in domains(desktop.root)] == ["package-0"]


def test_a_counter_for_root_alone_says_what_to_do(desktop: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    counter = desktop.root / "intel-rapl:0" / "energy_uj"
    if os.geteuid():
        counter.chmod(0o000)
    else:  # root may read everything
        read = Path.read_text

        def refuse(path: Path, *arguments: Any, **options: Any) -> str:
            if path == counter:
                raise PermissionError(13, "Permission denied", str(path))
            return read(path, *arguments, **options)

        monkeypatch.setattr(Path, "read_text", refuse)

    with pytest.raises(Unavailable) as refused:
        domains(desktop.root)

    assert str(refused.value) == (
        f"only root may read {counter} (since CVE-2020-8694: it told secrets); to let everybody until the machine "
        f"starts again: sudo chmod a+r {desktop.root}/intel-rapl:*/energy_uj"
    )


def test_a_counter_that_is_no_number_is_unavailable(desktop: Machine) -> None:
    (desktop.root / "intel-rapl:0" / "energy_uj").write_text("\n")

    with pytest.raises(Unavailable, match="the counter of package-0 cannot be read"):
        domains(desktop.root)


def test_another_folder_of_powercap_is_read_by_name(desktop: Machine) -> None:
    meter = open_meters((f"rapl:{desktop.root}",), CPU)

    assert isinstance(meter, Meters)
    assert meter.facts()[f"rapl:{desktop.root}"]["domains"] == ["package-0"]


def test_on_a_gpu_the_reason_is_that_of_the_cpus_energy_alone(tmp_path: Path) -> None:
    meter = open_meters((f"rapl:{tmp_path / 'none'}",), GPU)
    readings = meter.before()

    assert set(readings) == {"energy.cpu", "energy.dram"}
    assert {reading.value for reading in readings.values()} == {None}


def test_on_a_cpu_the_reason_is_that_of_every_reading(tmp_path: Path) -> None:
    meter = open_meters((f"rapl:{tmp_path / 'none'}",), CPU)

    assert set(meter.before()) == set(rapl.READINGS)


def test_another_system_has_no_powercap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(Unavailable, match="Linux's powercap, which is not on this system"):
        open_meter(CPU)
