"""What a recording comes to, as JSON: SI units, and a reason wherever there is no value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from bench.probe import energies, signals
from bench.probe.load import Played
from bench.probe.recording import Recording
from bench.record import Reading, absent

STEADY = "steady load"
# Phases of steps, which tell how a sensor answers, and not whether two agree.
STEPS = ("waking up", "short steps", "long steps")
# What has to lie between two steps to see a sensor's answer to one of them. Units: s.
SETTLED = {"instantaneous": 0.2, "average": 1.3}


def sensors(recording: Recording) -> dict[str, Any]:
    """What needs no load: the counter's tick and the power sensor's period (s), and how often it was refused."""
    rhythm = signals.rhythm(recording.ticks)
    new = signals.updates(recording.power, recording.asked)
    if isinstance(new, str):
        period = absent(new if recording.power else recording.reasons.get("power", new))
    else:
        period = {"by": new.by, "median": new.median, "least": new.least, "most": new.most, "updates": len(new.points)}
    return {
        "tick": asdict(rhythm) if rhythm else absent(_no_ticks(recording)),
        "power_period": period,
        "questions": {
            "asked": recording.asked,
            "refused": recording.refused,
            "reason": recording.reasons.get("power"),
        },
    }


def loaded(recording: Recording, scope: str, played: Sequence[Played]) -> dict[str, Any]:
    """What takes a load: how sensors answer to a step, whether two methods agree, what short windows cost."""
    new = signals.updates(recording.power, recording.asked)
    power = new if isinstance(new, str) else new.points
    average = recording.average or recording.reasons.get("average", "the driver gave no average")
    exact = signals.exact(recording.ticks)
    seen = energies.Sensors(exact or _no_ticks(recording), signals.rhythm(recording.ticks), power, scope)
    switched = signals.edges(played)
    return {
        "response": {
            "instantaneous": _answer(power, switched, SETTLED["instantaneous"]),
            "average": _answer(average, switched, SETTLED["average"]),
        },
        "agreement": [_agreed(energies.agreement(seen, one)) for one in played if one.name not in STEPS],
        "short_windows": _short(seen, played),
    }


def unloaded(reason: Mapping[str, Any]) -> dict[str, Any]:
    """Likewise without a load: nothing, and why."""
    return {name: dict(reason) for name in ("response", "agreement", "short_windows")}


def _no_ticks(recording: Recording) -> str:
    refused = recording.reasons.get("counter")
    return refused or f"the energy counter was seen moving {len(recording.ticks)} times, 3 are needed"


def _answer(points: Sequence[signals.Point] | str, switched: Sequence[signals.Point], settled: float) -> Any:
    found = points if isinstance(points, str) else signals.response(points, switched, settled)
    return absent(found) if isinstance(found, str) else {**asdict(found), "window": found.window}


def _agreed(wave: energies.Agreement) -> dict[str, Any]:
    ratio = wave.ratio if wave.ratio is not None else absent("one of the two is missing")
    watts = {"counter": _watts(wave.counter), "integrated": _watts(wave.integrated)}
    return {"name": wave.name, "duty": wave.duty, **watts, "ratio": ratio}


def _watts(power: Reading) -> Any:
    return absent(power.reason or "") if power.value is None else power.value


def _short(seen: energies.Sensors, played: Sequence[Played]) -> Any:
    steady = next((phase for phase in played if phase.name == STEADY), None)
    if steady is None:
        return absent("no steady load was played")
    begin, end = steady.on[0]
    found = energies.short_windows(seen, begin + 1.0, end)  # the first second is the sensors' to settle
    return absent(found) if isinstance(found, str) else [_one_short(one) for one in found]


def _one_short(one: energies.Short) -> dict[str, Any]:
    worst = one.worst if one.worst is not None else absent("no window of this length gave an energy")
    return {**asdict(one), "worst": worst}
