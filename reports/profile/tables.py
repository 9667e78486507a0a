"""What a profile found, as tables."""

from __future__ import annotations

from bench.profile import STEPS, Operator, Profile, profile_of, why_none
from bench.record import Record
from reports.cell import Cell, Column, Table, absent, plain
from reports.number import Scale, count, number, quantity, scale
from reports.text import line

OUTSIDE = "outside operators (Python)"
_SHOWN = 12  # operators and kernels of a table: the record has more, the trace all

PROFILED = "Profiled"
_SHARES = {
    "idle": ("Device idle", "of the profiled time nothing ran on the device"),
    "launch_bound": ("Launch-bound", "of the profiled time the device idled until its next kernel was launched"),
    "data_loading": ("Loading data", "of the profiled time the step waited for its input"),
    "tensor_core": ("Tensor cores", "of the kernels' time was in kernels whose names say tensor cores"),
}


def profile_tables(record: Record) -> tuple[Table, ...]:
    """The tables of a profiled case; none of one that was not to be profiled."""
    profile = profile_of(record)
    if profile is None:
        why = why_none(record)
        return (Table(PROFILED, (Column("Profile"),), (), remarks=(line(f"Not profiled: {why}."),)),) if why else ()
    found = (breakdown(profile), operators(profile), kernels(profile), owners(profile))
    return tuple(table for table in found if table.rows or table.remarks)


def breakdown(profile: Profile) -> Table:
    """Where a step's time goes: its phases, then what is a share of it."""
    step = profile.seconds / profile.steps
    unit = scale("s", [step, *(phase.seconds / profile.steps for phase in profile.phases)])
    whole = sum(
        phase.seconds for phase in profile.phases
    )  # between two steps, which no phase holds, is next to nothing
    on_device = any(phase.device_seconds is not None for phase in profile.phases)
    rows = [
        (
            Cell(line(phase.name)),
            _time(phase.seconds / profile.steps, unit),
            _share(phase.seconds, whole),
            *([_time((phase.device_seconds or 0) / profile.steps, unit)] if on_device else []),
        )
        for phase in profile.phases
    ]
    columns = [Column("Phase"), Column("Time", unit.unit, True), Column("Share", "%", True)]
    columns += [Column("Kernels launched in it", unit.unit, True)] if on_device else []
    where = f"{profile.steps} steps under {line(profile.source)} of torch {line(profile.torch)}, apart from measuring"
    remarks = [f"{where}: {quantity(step, 's')} each while watched. Trace: {line(profile.trace)}."]
    remarks += [
        f"{title}: {percent(reading.value, 1)} % {meaning}."
        for name, (title, meaning) in _SHARES.items()
        if (reading := profile.shares.get(name)) and reading.value is not None
    ]
    return Table(PROFILED, tuple(columns), tuple(rows), remarks=(*remarks, *_absences(profile)))


def _absences(profile: Profile) -> list[str]:
    """What the profile does not have, gathered by reason: one sentence each."""
    of_reason: dict[str, list[str]] = {}
    for part, reason in profile.absent.items():
        of_reason.setdefault(line(reason), []).append(line(part))
    for name, (title, _) in _SHARES.items():
        reading = profile.shares.get(name)
        if reading and reading.reason:
            of_reason.setdefault(line(reading.reason), []).append(title.lower())
    return [f"Not profiled: {', '.join(parts)} ({reason})." for reason, parts in of_reason.items()]


def operators(profile: Profile) -> Table:
    """The operators that took longest by themselves."""
    steps, shown = profile.steps, profile.operators[:_SHOWN]
    unit = scale("s", [one.self_seconds / steps for one in shown])
    on_device = any(one.device_seconds for one in shown)
    columns = [
        Column("Operator"),
        Column("Self time", unit.unit, True, "Of the host in a step, without what the operator calls itself."),
        Column("Share", "%", True, "Of the self time of all operators."),
        *([Column("Kernels", unit.unit, True, "Time of the kernels that it launched itself.")] if on_device else []),
        Column("Calls", "", True, "In a step."),
        Column("FLOPs", "", True, "Of a step, by torch's formulas, where it has one for the operator."),
    ]
    rows = tuple(
        (
            Cell(called(one)),
            _time(one.self_seconds / steps, unit),
            _share(one.self_seconds, profile.operator_seconds),
            *([_time(one.device_seconds / steps, unit)] if on_device else []),
            Cell(count(one.calls / steps), raw=one.calls / steps),
            _flop(one, steps),
        )
        for one in shown
    )
    more = profile.operator_names - len(shown)
    rest = profile.operator_seconds - sum(one.self_seconds for one in shown)
    told = f"{more} more operators: {percent(rest, profile.operator_seconds)} % of the self time."
    return Table("Top operators", tuple(columns), rows, remarks=(told,) if more > 0 else ())


def kernels(profile: Profile) -> Table:
    """The kernels that took longest."""
    steps, shown = profile.steps, profile.kernels[:_SHOWN]
    unit = scale("s", [one.seconds / steps for one in shown])
    columns = (
        Column("Kernel"),
        Column("Time", unit.unit, True, "On the device in a step."),
        Column("Share", "%", True, "Of the time of all kernels."),
        Column("Calls", "", True, "In a step."),
        Column("Tensor cores", "", meaning="By the kernel's name."),
    )
    rows = tuple(
        (
            Cell(line(one.name, 120)),
            _time(one.seconds / steps, unit),
            _share(one.seconds, profile.kernel_seconds),
            Cell(count(one.calls / steps), raw=one.calls / steps),
            Cell("yes" if one.tensor_core else "no"),
        )
        for one in shown
    )
    more = profile.kernel_names - len(shown)
    rest = profile.kernel_seconds - sum(one.seconds for one in shown)
    told = f"{more} more kernels: {percent(rest, profile.kernel_seconds)} % of their time."
    return Table("Top kernels", columns, rows, remarks=(told,) if more > 0 else ())


def owners(profile: Profile) -> Table:
    """Who owned the memory at its peak, in the profile's last step."""
    memory = profile.memory
    columns = (
        Column("Owner at the peak", meaning="The outermost operator in which it was allocated."),
        Column("Phase", meaning="In which it was allocated."),
        Column("Size", "", True),
        Column("Share", "%", True),
        Column("Blocks", "", True),
    )
    if memory is None:
        return Table("Memory at the peak", columns, ())
    rows = tuple(
        (
            Cell(line(one.operator)),
            Cell(line(one.phase)),
            Cell(quantity(one.bytes, "B"), raw=one.bytes),
            _share(one.bytes, memory.peak),
            plain(one.blocks or None, "not watched: it was there before"),
        )
        for one in memory.owners
    )
    return Table("Memory at the peak", columns, rows).filled


def called(one: Operator) -> str:
    """An operator's name as shown."""
    return OUTSIDE if one.name == STEPS else line(one.name, 120)


def _time(seconds: float, unit: Scale) -> Cell:
    return Cell(number(seconds / unit.size), unit.unit, seconds, size=unit.size)


def _share(part: float, whole: float) -> Cell:
    return Cell(percent(part, whole), "%", part / whole, size=0.01) if whole else absent("there is nothing to share")


def percent(part: float, whole: float) -> str:
    """One decimal, so that a column can be read down.

    >>> percent(1, 3), percent(1, 10_000)
    ('33.3', '<0.1')
    """
    share = 100 * part / whole if whole else 0.0
    return f"{share:.1f}" if share >= 0.05 or share == 0 else "<0.1"


def _flop(one: Operator, steps: int) -> Cell:
    if one.flop is None:
        return absent("torch has no formula for it")
    unit = scale("FLOP", [one.flop / steps])
    return Cell(number(one.flop / steps / unit.size), unit.unit, one.flop / steps, size=unit.size)
