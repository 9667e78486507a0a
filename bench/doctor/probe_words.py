"""What a probe found, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Mapping
from typing import Any

NAME = 26  # room for what was looked at
WIDTH = 100

Quantity = Callable[[float, str], str]


def probe_words(found: Mapping[str, Any], quantity: Quantity) -> Iterator[str]:
    """The lines, indented under the device's name."""
    yield "  probed"
    if "reason" in found:
        yield from _line("nothing", found["reason"])
        return
    yield from _line("energy counter's tick", _every(found["tick"], "ticks", quantity))
    yield from _line("power sensor's period", _every(found["power_period"], "updates", quantity))
    questions = found["questions"]
    if questions["refused"]:
        yield from _line(
            "refused", f"{questions['refused']} of {questions['asked']} questions for power: {questions['reason']}"
        )
    if isinstance(found["load"], Mapping):
        yield from _line("under load", f"nothing was seen: {found['load']['reason']}")
        return
    yield from _line("load", found["load"])
    for name, response in found["response"].items():
        yield from _line(f"{name} power", _response(response, quantity))
    for wave in found["agreement"]:
        yield from _line(f"load of {wave['duty'] * 100:.0f} %", _agreement(wave, quantity))
    yield from _short(found["short_windows"], quantity)


def _every(found: Mapping[str, Any], things: str, quantity: Quantity) -> str:
    if "median" not in found:
        return str(found["reason"])
    spread = f"{quantity(found['least'], 's')} to {quantity(found['most'], 's')}"
    how = f", told by its {found['by']}s" if "by" in found else ""
    return f"{quantity(found['median'], 's')} ({spread}; {found[things]} {things}{how})"


def _response(found: Mapping[str, Any], quantity: Quantity) -> str:
    if "rise" not in found:
        return str(found["reason"])
    return (
        f"from 10 % to 90 % of a step in {quantity(found['rise'], 's')} (seen to {quantity(found['resolution'], 's')}, "
        f"{found['edges']} steps): averages over about {quantity(found['window'], 's')}"
    )


def _agreement(found: Mapping[str, Any], quantity: Quantity) -> str:
    watts = [found["counter"], found["integrated"]]
    reason = next((one["reason"] for one in watts if isinstance(one, Mapping)), None)
    if reason is not None:
        return str(reason)
    counter, integrated = (quantity(one, "W") for one in watts)
    return f"{found['name']}: counter {counter}, integrated {integrated}, ratio {found['ratio']:.3f}"


def _short(found: Any, quantity: Quantity) -> Iterator[str]:
    if isinstance(found, Mapping):
        yield from _line("short windows", found["reason"])
        return
    for one in found:
        given = f"Wattmark's energy for {one['measured'] * 100:.0f} % of them"
        worst = one["worst"]
        off = "" if isinstance(worst, Mapping) else f", off by {worst * 100:.2g} % at most"
        plain = f"a plain difference is off by {one['plain'] * 100:.2g} % at most"
        yield from _line(f"windows of {quantity(one['seconds'], 's')}", f"{plain}; {given}{off}")


def _line(name: str, text: str) -> Iterator[str]:
    begin = f"    {name:<{NAME}}"
    yield from textwrap.wrap(text, WIDTH, initial_indent=begin, subsequent_indent=" " * len(begin))
