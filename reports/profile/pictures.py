"""What a profile found, as pictures: the split of a step, and memory over it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bench.profile import Profile, profile_of
from bench.record import Record
from reports.number import number, quantity, scale
from reports.profile.tables import percent
from reports.text import line
from reports.timeline import Timeline, Track


@dataclass(frozen=True)
class Part:
    """A phase's part of a bar: its share from 0 to 1, and its time with unit and percent. ``style`` numbers its
    colour."""

    label: str
    share: float
    told: str
    style: int


@dataclass(frozen=True)
class Split:
    """A bar for the host, and one for the device where it ran kernels, each cut into the phases of a step."""

    title: str
    subject: str
    description: str
    bars: tuple[tuple[str, tuple[Part, ...]], ...]
    note: str = ""


def profile_pictures(subject: str, record: Record) -> tuple[Split | Timeline, ...]:
    """The pictures of a profiled case."""
    profile = profile_of(record)
    if profile is None:
        return ()
    return tuple(picture for picture in (split(subject, profile), memory_curve(subject, profile)) if picture)


def split(subject: str, profile: Profile) -> Split | None:
    """The split of a step into its phases; None where it has none."""
    names = [line(phase.name) for phase in profile.phases]
    host = [phase.seconds / profile.steps for phase in profile.phases]
    device = [(phase.device_seconds or 0.0) / profile.steps for phase in profile.phases]
    bars = tuple(
        (title, _parts(names, seconds))
        for title, seconds in (("time of the host", host), ("time of kernels launched in it", device))
        if sum(seconds) > 0
    )
    if not bars:
        return None
    told = "; ".join(f"{title}: {', '.join(f'{one.label} {one.told}' for one in parts)}" for title, parts in bars)
    return Split("Split of a step, profiled", subject, f"{told}.", bars)


def _parts(names: Sequence[str], seconds: Sequence[float]) -> tuple[Part, ...]:
    total = sum(seconds)
    return tuple(
        Part(name, one / total, f"{quantity(one, 's')}, {percent(one, total)} %", style)
        for style, (name, one) in enumerate(zip(names, seconds, strict=True))
    )


def memory_curve(subject: str, profile: Profile) -> Timeline | None:
    """Memory over the last profiled step; None where nothing was allocated."""
    memory = profile.memory
    if memory is None or not memory.seconds or memory.seconds[-1] <= 0:
        return None
    unit = scale("B", [memory.peak])
    sizes = tuple(size / unit.size for size in memory.bytes)
    peak = f"Peak {number(memory.peak / unit.size)} {unit.unit} after {quantity(memory.peak_seconds, 's')}"
    what = "allocated since the profile began" if memory.base is None else "of tensors"
    description = f"Memory {what} on {line(memory.device)} over one step. {peak}."
    track = Track(f"Memory {what}", unit.unit, sizes, gap=math.inf)
    note = f"{peak}; a table has its owners."
    title = "Memory over a step, profiled"
    return Timeline(title, subject, description, memory.seconds[-1], tuple(memory.seconds), (track,), (), note=note)
