"""Several meters as one: order, merging, and how a meter is found by its name."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.catalogue import catalogue
from bench.device import Device
from bench.errors import SpecError, Unavailable
from bench.meters import GROUP, SHIPPED, Absent, Guarded, Meter, Meters, check, merged, module, names, open_meters
from bench.record import Reading

CPU = Device("cpu", "a cpu", None, None)

WALL = '''
"""A wall meter, as another distribution brings it."""

from bench.errors import Unavailable
from bench.meters import Meter
from bench.record import Reading

READINGS = ("energy", "power.max")


class Wall(Meter):
    def __init__(self, device, target):
        self.target = target or f"the socket of {device.name}"

    def start(self):
        pass

    def stop(self):
        return {"energy": Reading(7.0, "wall meter", scope=self.target, error=0.01)}

    def facts(self):
        return {"target": self.target}


def open_meter(device, target=None):
    if target == "broken":
        raise Unavailable("the wall meter does not answer")
    return Wall(device, target)
'''


class Noted(Meter):
    """Writes down what is asked of it."""

    def __init__(self, name: str, notes: list[str], readings: Mapping[str, Reading] | None = None) -> None:
        self.name = name
        self.notes = notes
        self.readings = readings or {}

    def before(self) -> Mapping[str, Reading]:
        self.notes.append(f"{self.name} before")
        return self.readings

    def start(self) -> None:
        self.notes.append(f"{self.name} start")

    def stop(self) -> Mapping[str, Reading]:
        self.notes.append(f"{self.name} stop")
        return self.readings

    def facts(self) -> Mapping[str, Any]:
        return {"is": self.name} if self.name != "silent" else {}

    def close(self) -> None:
        self.notes.append(f"{self.name} close")


@pytest.fixture
def wall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution with a meter, installed in a folder of its own."""
    (tmp_path / "wall_meter.py").write_text(WALL)
    information = tmp_path / "wattmark_wall-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: wattmark-wall\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(f"[{GROUP}]\nwall = wall_meter\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "wall_meter", raising=False)


def test_a_meter_that_cannot_be_loaded_costs_no_other_one(wall: None, tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "wall_meter.py").write_text("raise ImportError('libwall.so is not here')\n")
    meters = open_meters(("wall", "host"), CPU)
    meters.start()

    assert meters.stop()["memory.host"].value
    assert "libwall.so is not here" in meters.facts()["wall"]["reason"]
    assert "libwall.so is not here" in catalogue(["meters"])["meters"][-1]["description"]


def test_the_last_meter_is_the_nearest_to_the_window_at_both_edges() -> None:
    notes: list[str] = []
    meters = Meters({name: Noted(name, notes) for name in ("first", "second", "third")})

    meters.before()
    meters.start()
    notes.append("window")
    meters.stop()
    meters.close()

    assert notes == [
        *("first before", "second before", "third before"),
        *("first start", "second start", "third start"),
        "window",
        *("third stop", "second stop", "first stop"),
        *("first close", "second close", "third close"),
    ]


def test_a_value_goes_before_a_reason_and_the_first_before_the_second() -> None:
    parts = [
        {"energy": Reading.absent("no counter"), "memory": Reading(1, "a")},
        {"energy": Reading(5, "b"), "memory": Reading(2, "b"), "clock": Reading.absent("b has none")},
        {"energy": Reading(6, "c"), "memory": Reading.absent("c has none"), "clock": Reading.absent("c has none")},
    ]

    assert merged(parts) == {
        "energy": Reading(5, "b"),
        "memory": Reading(1, "a"),
        "clock": Reading.absent("b has none"),
    }


def test_readings_are_merged_in_the_order_of_the_names_and_not_of_the_stopping() -> None:
    meters = Meters(
        {name: Noted(name, [], {"energy": Reading(number, name)}) for number, name in enumerate(("first", "second"))}
    )

    assert meters.stop() == {"energy": Reading(0, "first")}
    assert meters.before() == {"energy": Reading(0, "first")}


def test_facts_are_kept_by_meter_and_only_where_there_are_any() -> None:
    meters = Meters({name: Noted(name, []) for name in ("loud", "silent")})

    assert meters.facts() == {"loud": {"is": "loud"}}


def test_a_meter_that_cannot_be_had_gives_its_reason_for_every_reading_once() -> None:
    absent = Absent(("energy", "power.idle"), "no such hardware")

    assert absent.before() == dict.fromkeys(("energy", "power.idle"), Reading.absent("no such hardware"))
    absent.start()
    assert absent.stop() == {}  # once is enough
    assert absent.facts() == {"reason": "no such hardware"}


@pytest.mark.parametrize("name", ["nmvl", "nmvl:0", "", ":0"])
def test_an_unknown_meter_is_told_in_one_line_with_those_that_there_are(name: str) -> None:
    with pytest.raises(SpecError) as refused:
        check(name)

    assert str(refused.value) == (
        f"--meter {name}: no such meter; one of {', '.join(names())}, or one with a target, as nvml:0"
    )
    with pytest.raises(SpecError):
        open_meters((name,), CPU)


@pytest.mark.parametrize("name", [*SHIPPED, "nvml:0", "rapl:/sys/class/powercap"])
def test_a_known_meter_is_taken_as_it_is(name: str) -> None:
    assert check(name) == name


@pytest.mark.usefixtures("wall")
def test_a_meter_of_another_distribution_is_found_opened_and_merged() -> None:
    meters = open_meters(("host", "wall"), CPU)
    meters.start()

    assert names() == (*SHIPPED, "wall")
    assert module("wall").__doc__ == "A wall meter, as another distribution brings it."
    assert meters.stop()["energy"] == Reading(7.0, "wall meter", scope="the socket of cpu", error=0.01)
    assert meters.facts() == {"wall": {"target": "the socket of cpu"}}


@pytest.mark.usefixtures("wall")
def test_a_target_is_what_stands_behind_the_first_colon() -> None:
    meters = open_meters(("wall:bmc:3", "wall"), CPU)

    assert meters.facts() == {"wall:bmc:3": {"target": "bmc:3"}, "wall": {"target": "the socket of cpu"}}


@pytest.mark.usefixtures("wall")
def test_a_meter_of_another_distribution_can_be_absent_too() -> None:
    reason = Reading.absent("the wall meter does not answer")

    assert open_meters(("wall:broken",), CPU).before() == {"energy": reason, "power.max": reason}


def test_without_the_other_distribution_its_meter_is_unknown() -> None:
    with pytest.raises(SpecError, match="no such meter"):
        check("wall")


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_meter_gives_or_refuses_all_of_its_readings(name: str) -> None:
    found = module(name)
    try:
        meter = found.open_meter(CPU, None)
    except Unavailable:
        return
    given = set(meter.before())
    meter.start()
    given |= set(meter.stop())
    meter.close()

    assert given == set(found.READINGS)


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_meter_says_what_it_is_in_one_line(name: str) -> None:
    spec = importlib.util.find_spec(f"bench.meters.{name}")
    assert spec is not None
    assert spec.origin is not None
    words = ast.get_docstring(ast.parse(Path(spec.origin).read_text(encoding="utf-8"))) or ""

    assert words.partition("\n")[0].endswith(".")


def test_on_a_cpu_the_reason_for_no_energy_is_that_of_the_cpus_own_counters() -> None:
    reading = open_meters(SHIPPED, CPU).before().get("energy")

    if reading is not None:
        assert "NVIDIA" not in str(reading.reason)
        assert "AMD GPUs" not in str(reading.reason)


def test_meters_for_other_devices_refuse_before_they_load_anything_heavy() -> None:
    script = (
        "import sys, types\n"
        "from bench.meters import open_meters\n"
        "cpu = types.SimpleNamespace(name='cpu', kind='cpu', uuid=None)\n"
        "open_meters(('rapl', 'nvml', 'amd', 'apple'), cpu)\n"
        "print([name for name in ('torch', 'amdsmi', 'zeus_apple_silicon') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


class Broken(Meter):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        self.where = where

    def before(self) -> Mapping[str, Reading]:
        return self.fail("before", {"power.idle": Reading(5.0, "x")})

    def start(self) -> None:
        self.fail("start", None)

    def stop(self) -> Mapping[str, Reading]:
        return self.fail("stop", {"energy": Reading(7.0, "x")})

    def close(self) -> None:
        self.fail("close", None)

    def fail(self, here: str, otherwise: Any) -> Any:
        if here == self.where:
            raise RuntimeError("boom")
        return otherwise


@pytest.mark.parametrize("where", ["before", "start", "stop"])
def test_a_meter_that_fails_loses_its_own_readings_and_no_others(where: str) -> None:
    meters = Meters(
        {"broken": Guarded(Broken(where), ("energy",)), "host": Noted("host", [], {"x": Reading(1.0, "x")})}
    )

    meters.before()
    meters.start()
    readings = meters.stop()
    facts = meters.facts()
    meters.close()

    assert readings == {"energy": Reading.absent("the meter failed: RuntimeError('boom')"), "x": Reading(1.0, "x")}
    assert facts["broken"] == {"reason": "the meter failed: RuntimeError('boom')"}


def test_facts_that_are_none_cost_the_meter_its_own_and_no_others() -> None:
    class Odd(Noted):
        def facts(self) -> Any:
            return ["not", "facts"]

    facts = Meters({"odd": Guarded(Odd("odd", [], {}), ()), "host": Noted("host", [], {})}).facts()

    assert facts["odd"]["reason"].startswith("the meter failed: ValueError(")


def test_a_meter_that_works_is_not_changed_by_its_guard() -> None:
    meter = Guarded(Broken("close"), ("energy",))
    meter.start()

    assert meter.before() == {"power.idle": Reading(5.0, "x")}
    assert meter.stop() == {"energy": Reading(7.0, "x")}
    assert meter.facts() == {}
    meter.close()
