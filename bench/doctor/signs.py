"""What the system shows and no meter tells: cards in slots, closed counters, a machine that saves power."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import psutil

from bench.record import absent

ROOT = Path("/")

_NVIDIA = "0x10de"
_DISPLAY = "0x03"  # the PCI class of display controllers, those without an outlet included


def signs(root: Path = ROOT) -> dict[str, Any]:
    """All of them, as JSON."""
    return {
        "nvidia_cards": nvidia_cards(root),
        "powercap": powercap(root),
        "power_profile": power_profile(root),
        "battery": on_battery(),
        "turbo_switch": turbo_switch(root),
    }


def nvidia_cards(root: Path = ROOT) -> int:
    """How many GPUs of NVIDIA's the PCI bus shows, with a driver or without."""
    cards = (root / "sys/bus/pci/devices").glob("*")
    return sum(_text(card / "vendor") == _NVIDIA and _text(card / "class").startswith(_DISPLAY) for card in cards)


def powercap(root: Path = ROOT) -> Literal["open", "closed", "none"]:
    """Whether the kernel shows energy counters of the CPUs, and whether this user may read them."""
    counters = sorted((root / "sys/class/powercap").glob("intel-rapl:*/energy_uj"))
    if not counters:
        return "none"
    try:
        for counter in counters:
            counter.read_bytes()
    except PermissionError:
        return "closed"
    except OSError:  # listed, and emptied, as containers do
        return "none"
    return "open"


def power_profile(root: Path = ROOT) -> str | dict[str, Any]:
    """What the firmware was told to save: performance, balanced, low-power."""
    return _text(root / "sys/firmware/acpi/platform_profile") or absent("the firmware has no profiles")


def on_battery() -> bool | dict[str, Any]:
    """Whether the machine runs on a battery now."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    if battery is None or battery.power_plugged is None:
        return absent("the system shows no battery")
    return not battery.power_plugged


def turbo_switch(root: Path = ROOT) -> str | dict[str, Any]:
    """The command that turns the CPU's turbo off."""
    cpu = root / "sys/devices/system/cpu"
    for word, name in (("1", "intel_pstate/no_turbo"), ("0", "cpufreq/boost")):
        if (cpu / name).exists():
            return f"echo {word} | sudo tee {cpu / name}"
    return absent("the system has no switch for it")


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""
