"""What every device and meter can give on this machine, what not and why, and what to do about it.

Devices are torch's, listed and watched in a process that has it (`look`), and the driver's own, matched by UUID. What
to do follows from all that was found (`advice`); `words` tells it to people.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import bench
from bench import meters
from bench.distribution import wrong_distribution
from bench.doctor.advice import advice
from bench.doctor.signs import signs
from bench.engines import Engine, engine
from bench.errors import SpecError, Unavailable
from bench.foreign import others
from bench.machine import cpu_model
from bench.record import absent

TASK_SECONDS = 120.0  # for loading torch, listing devices, and watching them; a meter waits 30 s for a driver at most

Tell = Callable[[str], None]


@dataclass(frozen=True)
class _Cpu:
    """What `bench.foreign` has to know of a device; of a GPU, the meter looks who else is on it."""

    name: str = "cpu"
    kind: str = "cpu"
    uuid: str | None = None


def doctor(probing: bool, record: Path | None, tell: Tell) -> dict[str, Any]:
    """Everything that was found, as JSON: SI units, null with a reason for what cannot be had.

    ``probing`` loads each NVIDIA GPU for a minute, to find out how its sensors work; ``record`` is the file to which
    the driver's answers go meanwhile, or of ten seconds of the GPU as it is. ``tell`` is told what goes on.

    Raises:
        SpecError: there is nothing to record, or nowhere to put it.
    """
    driver = _driver()
    if record is not None:
        _check(record, driver)
    company = others(_Cpu())
    with engine("local") as machine:
        tell("loading torch")
        listed = _run(machine, "devices", {})
        failed = isinstance(listed, dict)  # without torch the CPU and the driver's GPUs are there all the same
        devices = matched([_cpu()] if failed else listed, driver)
        environment = listed if failed else _run(machine, "environment", {"device": "cpu"})
        tell(f"watching {', '.join(device['name'] for device in devices)}")
        for group in (devices[:1], devices[1:]):  # the CPU by itself: waking up the others makes it work
            _look(group, lambda job: listed if failed else _run(machine, "look", job))
        if probing or record is not None:
            from bench.doctor.probing import probe_all

            probe_all(machine, devices, probing, record, tell)
    found = {
        "wattmark": bench.__version__,
        "environment": _environment(environment),
        "driver": driver,
        "signs": signs(),
        "others": company,
        "devices": devices,
    }
    return {**found, "advice": [asdict(one) for one in advice(found)]}


def _driver() -> dict[str, Any]:
    """What NVIDIA's driver says without torch: its GPUs with their settings, or the reason why it says nothing."""
    wrong = wrong_distribution()
    try:
        from bench.nvml import describe, nvml_devices

        gpus = [asdict(gpu) for gpu in nvml_devices()]
    except Unavailable as unavailable:
        code = getattr(unavailable, "code", None)
        return {"gpus": None, "reason": str(unavailable), "code": code, "wrong_distribution": wrong}
    described = [{**gpu, "facts": _described(describe, gpu["uuid"])} for gpu in gpus]
    return {"gpus": described, "reason": None, "code": None, "wrong_distribution": wrong}


def _described(describe: Callable[[str], dict[str, Any]], uuid: str) -> dict[str, Any]:
    try:
        return describe(uuid)
    except Unavailable as unavailable:
        return absent(str(unavailable))


def matched(listed: Sequence[Mapping[str, Any]], driver: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Torch's devices, each with the driver's facts of the same UUID; then the GPUs that torch does not see."""
    gpus = {gpu["uuid"]: gpu for gpu in driver["gpus"] or ()}
    devices = [{**device, "torch": True, "nvml": gpus.pop(device["uuid"], None)} for device in listed]
    for gpu in gpus.values():
        seen = {"kind": "nvml", "name": f"nvml:{gpu['number']}", "label": gpu["name"]}
        identity = {**seen, "uuid": gpu["uuid"], "memory_bytes": gpu["memory_bytes"]}
        devices.append({**identity, "torch": False, "nvml": gpu})
    return devices


def _look(devices: Sequence[dict[str, Any]], look: Callable[[Mapping[str, Any]], Any]) -> None:
    """Put into each device what each meter gives of it."""
    if not devices:
        return
    wanted = [_wanted(device) for device in devices]
    found = look({"devices": wanted})
    for number, device in enumerate(devices):
        if isinstance(found, dict):
            nothing = {"reason": found["reason"], "readings": {}, "facts": {}}
            device["meters"] = {name: dict(nothing) for name in wanted[number]["meters"]}
        else:
            device["meters"] = found[number]


def _wanted(device: Mapping[str, Any]) -> dict[str, Any]:
    """Every meter for a device of torch's; for a GPU that only the driver sees, the one that needs no torch."""
    identity = {key: device[key] for key in ("kind", "name", "label", "uuid", "memory_bytes")}
    if device["torch"]:
        return {"device": identity, "meters": meters.names()}
    return {"device": _cpu(), "meters": (f"nvml:{device['uuid']}",)}


def _cpu() -> dict[str, Any]:
    """The one device that is always there, as torch would list it."""
    return {"kind": "cpu", "name": "cpu", "label": cpu_model(), "uuid": None, "memory_bytes": None}


def _environment(told: Any) -> dict[str, Any]:
    """What of the record's environment helps a doctor."""
    if "reason" in told:
        return dict(told)
    return {part: told[part] for part in ("system", "cpu", "memory", "python", "torch", "libraries", "variables")}


def _run(machine: Engine, task: str, job: Mapping[str, Any]) -> Any:
    """A task's result, or ``{"value": None, "reason": ...}``."""
    ended = machine.run(task, job, TASK_SECONDS)
    if ended.result is None:
        last = ended.stderr.strip().splitlines()[-1:]
        return absent(": ".join([ended.reason or ended.status, *last]))
    return ended.result


def _check(record: Path, driver: Mapping[str, Any]) -> None:
    if not driver["gpus"]:
        raise SpecError(
            f"--record {record}: there is no NVIDIA GPU to record ({driver['reason'] or 'NVML lists none'})"
        )
    if not record.parent.is_dir():
        raise SpecError(f"--record {record}: no such folder, {record.parent}")
    if not os.access(record.parent, os.W_OK):
        raise SpecError(f"--record {record}: nothing can be written in {record.parent}")
    if record.is_dir():
        raise SpecError(f"--record {record}: a folder; it needs the name of a file")
