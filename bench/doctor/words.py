"""What was found, as text for a terminal of 100 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bench.metric import METRICS

WIDTH = 100
NAME = 12  # room for a meter's name
READING = 21  # for a reading's
VALUE = 9  # for its value

Quantity = Callable[[float, str], str]
Found = Mapping[str, Any]


def words(found: Found, quantity: Quantity) -> str:
    """All of it: the machine, each device with what works first and then what does not, and what to do.

    ``quantity`` writes a number with its SI unit.
    """
    lines = [*_machine(found, quantity)]
    for device in found["devices"]:
        lines += ["", *_device(device, quantity)]
    lines += ["", "What to do"]
    lines += [line for one in found["advice"] for line in _advised(one)] or ["  Nothing that could be seen from here."]
    return "\n".join(lines)


def _advised(advice: Mapping[str, Any]) -> Iterator[str]:
    """A command has a line of its own, whole, to be copied."""
    yield from _wrapped(advice["text"] + (":" if advice["command"] else ""), "  - ", "    ")
    if advice["command"]:
        yield f"      {advice['command']}"


def _machine(found: Found, quantity: Quantity) -> Iterator[str]:
    environment, driver = found["environment"], found["driver"]
    yield "Machine"
    if "reason" in environment:
        yield from _fact("torch", f"does not come up: {environment['reason']}")
    else:
        cpu, torch = environment["cpu"], environment["torch"]
        virtual = " · a virtual machine" if environment["system"]["virtual_machine"] is True else ""
        yield from _fact("system", f"{environment['system']['os']} · {environment['system']['kernel']}{virtual}")
        yield from _fact("processor", f"{cpu['model']} · {cpu['logical_cores']} logical cores")
        yield from _fact("its clock", f"governor: {_told(cpu['governor'])} · turbo: {_told(cpu['turbo'])}")
        yield from _fact("memory", quantity(environment["memory"]["bytes"], "B"))
        built = next((f"{kind} {torch[name]}" for name, kind in _BUILDS.items() if isinstance(torch[name], str)), "")
        yield from _fact("torch", f"{torch['version']} · {built or 'for CPUs only'}")
    if driver["gpus"] is None:
        yield from _fact("NVIDIA", f"driver: {driver['reason']}")
    else:
        seen = sum(device["torch"] for device in found["devices"] if device["nvml"])
        yield from _fact("NVIDIA", f"{_counted(len(driver['gpus']), 'GPU')}{_missed(found, seen)}")


_BUILDS = {"cuda": "CUDA", "hip": "ROCm"}


def _missed(found: Found, seen: int) -> str:
    """Why torch sees fewer GPUs than the driver."""
    listed = len(found["driver"]["gpus"])
    slices = sum(device["kind"] == "cuda" and device["nvml"] is None for device in found["devices"])
    if slices:
        more = f"{_counted(slices, 'device')} that NVML does not list (MIG)"
        return f", torch sees {seen or 'none'} of them whole, and {more}"
    if seen == listed:
        return ", torch sees all of them" if listed else ""
    variable = found["environment"].get("variables", {}).get("CUDA_VISIBLE_DEVICES")
    why = f" (CUDA_VISIBLE_DEVICES={variable})" if variable is not None else ""
    return f", torch sees {seen or 'none'} of them{why}"


def _device(device: Found, quantity: Quantity) -> Iterator[str]:
    memory = device["memory_bytes"]
    parts = [device["name"], device["label"], *([quantity(memory, "B")] if memory else [])]
    if device["torch"] and device["nvml"]:
        parts.append(f"NVML's {device['nvml']['number']}")
    yield " · ".join(parts)
    if not device["torch"]:
        yield "  torch does not see it: `wattmark run` cannot use it, and can watch it with --meter " + device["name"]
    given = [line for name, meter in device["meters"].items() for line in _given(name, meter, quantity)]
    if given:
        yield "  gives"
        yield from given
    missing = [line for name, meter in device["meters"].items() for line in _missing(name, meter)]
    if missing:
        yield "  does not give"
        yield from missing
    if "probe" in device:
        from bench.doctor.probe_words import probe_words

        yield from probe_words(device["probe"], quantity)
    if "recording" in device:
        yield f"  recorded in {device['recording']}"


def _given(meter: str, found: Found, quantity: Quantity) -> Iterator[str]:
    shown = f"{_meter(meter):<{NAME}}"
    for name, reading in found["readings"].items():
        if reading["value"] is None:
            continue
        how = [reading["source"], *([reading["scope"]] if reading["scope"] else [])]
        how += [f"±{reading['error']:.1%}".replace("%", " %")] if reading["error"] is not None else []
        how += [f"over {quantity(reading['seconds'], 's')}"] if reading["seconds"] is not None else []
        value = _value(name, reading["value"], reading["unit"], quantity)
        begin = f"    {shown}{name:<{READING}}{value:>{VALUE}}  "
        yield from _wrapped(", ".join(how), begin, " " * len(begin))
        shown = " " * NAME


def _missing(meter: str, found: Found) -> Iterator[str]:
    """Readings that are absent for the same reason stand together; all of a meter's need no names."""
    by_reason: dict[str, list[str]] = {}
    for name, reading in found["readings"].items():
        if reading["value"] is None:
            # A reason may name its reading, which it need not where the names stand before it.
            reason = (reading["reason"] or "no reason was given").replace(f", {name}:", ":")
            by_reason.setdefault(reason, []).append(name)
    if not found["readings"] and found["reason"]:
        by_reason[found["reason"]] = []
    begin = f"    {_meter(meter):<{NAME}}"
    for reason, names in by_reason.items():
        which = "" if len(names) == len(found["readings"]) else f"{', '.join(names)}: "
        yield from _wrapped(which + reason, begin, " " * (4 + NAME))
        begin = " " * (4 + NAME)


def _meter(name: str) -> str:
    """Its name without the long target."""
    return name.partition(":")[0]


def _value(name: str, value: float, unit: str | None, quantity: Quantity) -> str:
    metric = METRICS.get(name)
    if metric and metric.kind == "share":
        return f"{value * 100:.3g} %"
    return f"{value:g}" if unit in ("1", None) else quantity(value, unit)


def _fact(name: str, text: str) -> Iterator[str]:
    yield from _wrapped(text, f"  {name:<{NAME - 2}}", " " * NAME)


def _told(fact: Any) -> str:
    if isinstance(fact, Mapping):
        return f"unknown, {fact['reason']}"
    return {True: "on", False: "off"}.get(fact, str(fact)) if isinstance(fact, bool) else str(fact)


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _wrapped(text: str, begin: str, further: str) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=begin, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    ) or [begin.rstrip()]
