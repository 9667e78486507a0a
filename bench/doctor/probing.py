"""Probes each NVIDIA GPU: a load in a process that has torch, the driver asked from here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench import probe
from bench.engines import Engine
from bench.errors import SpecError, Unavailable
from bench.probe.load import Phase, Played
from bench.record import absent
from bench.typed import typed

UNPROBED = 10.0  # s that are recorded of a GPU without a load
SPARE = 60.0  # s for waking up torch and the card


def probe_all(
    machine: Engine,
    devices: Sequence[dict[str, Any]],
    probing: bool,
    record: Path | None,
    tell: Callable[[str], None],
) -> None:
    """Put into each device what its probe found, where ``probing``; write what the driver said, where ``record``."""
    gpus = [device for device in devices if device["nvml"] is not None]
    for device in devices if probing else ():
        if device not in gpus:
            device["probe"] = absent("only a GPU that NVIDIA's driver lists can be probed")
    for device in gpus:
        tell(_announced(device, probing))
        try:
            probed = probe.probe(device["uuid"], player(machine, device, probing), _idle(probing))
        except Unavailable as unavailable:
            device["probe"] = absent(str(unavailable))
            continue
        if probing:
            device["probe"] = probed.found
        if record is not None:
            device["recording"] = _write(record if len(gpus) == 1 else _numbered(record, device), probed.script)


def _announced(device: Mapping[str, Any], probing: bool) -> str:
    if probing and device["torch"]:
        return f"probing {device['name']}: a load is switched on and off for about {probe.seconds():.0f} s"
    return f"watching {device['name']} for {_idle(probing):.0f} s"


def _idle(probing: bool) -> float:
    return probe.IDLE if probing else UNPROBED


def player(machine: Engine, device: Mapping[str, Any], probing: bool) -> probe.Play:
    """What plays phases of load on a device, in a process that has torch."""

    def play(phases: Sequence[Phase]) -> tuple[str, Sequence[Played]]:
        if not probing:
            raise Unavailable("no load was asked for")
        if not device["torch"]:
            raise Unavailable(f"a load needs torch, which does not see {device['label']}")
        identity = {key: device[key] for key in ("kind", "name", "label", "uuid", "memory_bytes")}
        job = {"device": identity, "phases": [asdict(phase) for phase in phases]}
        ended = machine.run("load", job, sum(phase.seconds for phase in phases) + SPARE)
        if ended.result is None:
            last = ended.stderr.strip().splitlines()[-1:]
            raise Unavailable(": ".join([f"the load ended early, {ended.reason or ended.status}", *last]))
        return ended.result["what"], [typed(one, Played) for one in ended.result["played"]]

    return play


def _numbered(record: Path, device: Mapping[str, Any]) -> Path:
    return record.with_stem(f"{record.stem}-{device['nvml']['number']}")


def _write(path: Path, text: str) -> str:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SpecError(f"--record {path}: {error.strerror}") from error
    return str(path)
