"""A recording as a script of the fake driver, which plays it back; tests/fake_nvml/nvml.c explains the format."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bench.nvml.raw import Answer
from bench.probe.load import Played
from bench.probe.recording import Recording

UUID = "GPU-recorded"  # the card's own says whose it is
COUNTER = "nvmlDeviceGetTotalEnergyConsumption"
USAGE = "nvmlDeviceGetPowerUsage"


@dataclass(frozen=True)
class Card:
    """What a recording is of: the GPU's name, the driver's version, what power is of, limits and modes as answered, and
    the date (ISO 8601)."""

    name: str
    driver: str
    scope: str
    settings: Sequence[Answer]
    date: str


def script(recording: Recording, card: Card, played: Sequence[Played], begin: float) -> str:
    """The text. Its timeline begins at ``begin``, in seconds of the recording's clock."""
    lines = {**recording.tape, **_exact(recording, card.scope)}
    return "\n".join(
        [
            *_heading(card, played, begin),
            "gpus 1",
            f"uuid {UUID}",
            f"name {_plain(card.name)}",
            f"driver {_plain(card.driver)}",
            *_settings(card.settings),
            *(_line(key, values, begin) for key, values in sorted(lines.items()) if _worth(key, values)),
            "",
        ]
    )


def _heading(card: Card, played: Sequence[Played], begin: float) -> Iterable[str]:
    yield f"# What a {card.name} answered (driver {card.driver}, {card.date}), recorded by wattmark doctor --record."
    yield "# A script of the fake driver in tests/fake_nvml, whose nvml.c explains the format. The UUID is made up."
    yield "# From 0 s: nothing was done on the GPU." if played else "# Nothing was done on the GPU by us."
    for phase in played:
        yield f"# From {phase.begin - begin:.3f} s: {phase.name}, {phase.duty:.0%} of the time under load."
    if played:
        yield f"# From {played[-1].end - begin:.3f} s: nothing."


def _exact(recording: Recording, scope: str) -> dict[str, list[tuple[float, int]]]:
    """What was read more often than once a round: the counter at its ticks, the sensor at its stamps."""
    sensor = "power.module" if scope == "module" else "power"
    average = f"{sensor}.average" if scope == "module" else USAGE
    found = {
        f"{sensor}.instant": [(one.stamped, _milli(one.watts)) for one in recording.power],
        f"{sensor}.samples": [(at, _milli(watts)) for at, watts in recording.samples],
        average: [(at, _milli(watts)) for at, watts in recording.average],
        COUNTER: _counter(recording),
    }
    return {key: sorted(values, key=lambda one: one[0]) for key, values in found.items() if values}


def _counter(recording: Recording) -> list[tuple[float, int]]:
    """The ticks; before the first one and where one was missed, what the rounds saw."""
    ticks = [(tick.at, tick.value) for tick in recording.ticks]
    seen = {value for _, value in ticks}
    return ticks + [(at, value) for at, value in recording.tape.get(COUNTER, []) if value not in seen]


def _settings(settings: Iterable[Answer]) -> Iterable[str]:
    for answer in settings:
        yield f"{answer.key} {answer.value}" if answer.value is not None else f"{answer.returned} {answer.code}"


def _line(key: str, values: Sequence[tuple[float, int]], begin: float) -> str:
    earlier = sum(at <= begin for at, _ in values)
    values = values[max(earlier - 1, 0) :]  # what was before the recording counts as its newest
    if len(values) == 1:
        return f"{key} {values[0][1]}"
    return f"{key} @ " + " ".join(f"{max(at - begin, 0.0):.6f}:{value}" for at, value in values)


def _worth(key: str, values: Sequence[tuple[float, int]]) -> bool:
    """Success, which is what a fake driver returns by itself, needs no line."""
    return bool(values) and not (key.endswith(".return") and all(code == 0 for _, code in values))


def _milli(value: float) -> int:
    return round(value * 1e3)


def _plain(text: str) -> str:
    return text.replace("#", "")
