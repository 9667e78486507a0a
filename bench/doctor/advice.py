"""What to do about what was found: a line and perhaps a command each, and none where nothing is wrong. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Found = Mapping[str, Any]


@dataclass(frozen=True)
class Advice:
    """What was seen and what helps, and the command that does it, where one does."""

    text: str
    command: str | None = None


# What NVML's codes (nvml.h, nvmlReturn_t) ask for.
_DRIVER = {
    4: Advice("this user may not use the NVIDIA driver: it needs to read and write /dev/nvidiactl and /dev/nvidia0"),
    9: Advice("an NVIDIA GPU is here, and its driver is not loaded; load it, or install it", "sudo modprobe nvidia"),
    12: Advice(
        "an NVIDIA GPU is here, and the driver's library libnvidia-ml.so.1 is not: install the driver; a container is "
        "given it by --gpus all with NVIDIA_DRIVER_CAPABILITIES=compute,utility"
    ),
    18: Advice("the NVIDIA driver was updated and the old one is still loaded: restart the machine"),
}


def advice(found: Found) -> list[Advice]:
    """Everything that the user could do, the most helpful first."""
    return list(dict.fromkeys(line for rule in _RULES for line in rule(found)))


def _distribution(found: Found) -> Iterator[Advice]:
    if found["driver"]["wrong_distribution"]:
        yield Advice(found["driver"]["wrong_distribution"])


def _driver(found: Found) -> Iterator[Advice]:
    """A machine without an NVIDIA GPU needs no driver."""
    driver = found["driver"]
    if driver["gpus"] is not None or driver["wrong_distribution"]:
        return
    cuda = _value(_part(found, "torch").get("cuda")) is not None
    if found["signs"]["nvidia_cards"] or (cuda and any(device["kind"] == "cuda" for device in found["devices"])):
        yield _DRIVER.get(
            driver["code"], Advice(f"the NVIDIA driver does not answer ({driver['reason']})", "nvidia-smi")
        )


def _torch_without_cuda(found: Found) -> Iterator[Advice]:
    torch = _part(found, "torch")
    if found["driver"]["gpus"] and torch and _value(torch["cuda"]) is None:
        yield Advice(
            f"torch {torch['version']} was built without CUDA, so nothing can run on the GPUs that the driver lists: "
            "install a build with CUDA; pytorch.org/get-started says which"
        )


def _company(found: Found) -> Iterator[Advice]:
    for phrase in found["others"]:
        yield Advice(f"{phrase}; measure when they have ended, or know that they are in the numbers")
    for device in _gpus(found):
        others = [other for other in _facts(device).get("foreign") or () if other["when"] == "before"]
        if others:
            who = ", ".join(map(_process, others))
            yield Advice(f"others use {device['name']}: {who}; measure when they have ended")


def _process(other: Mapping[str, Any]) -> str:
    memory = "" if other["memory"] is None else f" with {other['memory'] / 1e9:.2f} GB"
    return f"{other['name'] or 'unnamed'} (process {other['pid']}{memory})"


def _mig(found: Found) -> Iterator[Advice]:
    for device in _gpus(found):
        if _nvml(device).get("mig") is True or _facts(device).get("mig") is True:
            text = f"{device['name']} is cut into MIG slices, and NVML gives power and energy of the whole GPU only"
            yield Advice(f"{text}; to have them, measure where it is whole", _smi(device, "-mig 0"))


def _host_pids(found: Found) -> Iterator[Advice]:
    if any(_facts(device).get("pids") == "host" for device in _gpus(found)):
        yield Advice(
            "the driver lists processes by the host's ids, which this container does not know, so memory.process is "
            "the growth of the whole GPU's memory; start the container with --pid=host for the process's own"
        )


def _powercap(found: Found) -> Iterator[Advice]:
    cap, virtual = found["signs"]["powercap"], _value(_part(found, "system").get("virtual_machine"))
    if cap == "closed":
        yield Advice(
            "only root may read the CPU's energy counters; this lets everybody until the machine starts again",
            "sudo chmod a+r /sys/class/powercap/intel-rapl:*/energy_uj",
        )
    elif cap == "none" and virtual is True:
        yield Advice(
            "a virtual machine shows no energy counters of its CPU: measure the CPU's energy on the host itself, or by "
            "a meter of your own (entry points of the group wattmark.meters)"
        )
    elif cap == "none" and virtual is False:
        yield Advice(
            "the kernel shows no energy counters of the CPU; this may bring them", "sudo modprobe intel_rapl_msr"
        )


def _power_limit(found: Found) -> Iterator[Advice]:
    for device in _gpus(found):
        limit, default = (_value(_nvml(device).get(name)) for name in ("power_limit", "power_limit_default"))
        if limit is not None and default is not None and limit < default:
            text = (
                f"{device['name']}: the power limit is {limit:g} W and the default {default:g} W, which makes it slower"
            )
            yield Advice(text, _smi(device, f"-pl {default:g}"))


def _persistence(found: Found) -> Iterator[Advice]:
    for device in _gpus(found):
        if _nvml(device).get("persistence") is False:
            yield Advice(
                f"{device['name']}: persistence mode is off, so the driver lets go of the GPU whenever nobody uses it; "
                "the next program waits for it, and the energy counter may start again",
                _smi(device, "-pm 1"),
            )


def _ecc(found: Found) -> Iterator[Advice]:
    for device in _gpus(found):
        if _nvml(device).get("ecc") is False:
            text = f"{device['name']}: ECC is off; data centres run with it, at less memory and often less speed"
            yield Advice(f"{text}; it comes on with the next start", _smi(device, "-e 1"))


def _governor(found: Found) -> Iterator[Advice]:
    governor = _value(_part(found, "cpu").get("governor"))
    if governor is not None and governor != "performance":
        yield Advice(
            f"the CPU's clock is governed by {governor}; for times that repeat",
            "sudo cpupower frequency-set -g performance",
        )


def _saving(found: Found) -> Iterator[Advice]:
    signs = found["signs"]
    if _value(signs["battery"]) is True:
        yield Advice("the machine runs on its battery, which makes it slower: plug it in")
    if _value(signs["power_profile"]) in ("low-power", "cool", "quiet"):
        yield Advice(
            f"the firmware's power profile is {signs['power_profile']}, which makes the machine slower",
            "echo performance | sudo tee /sys/firmware/acpi/platform_profile",
        )


def _quota(found: Found) -> Iterator[Advice]:
    quota, threads = _value(_part(found, "cpu").get("quota_cores")), _part(found, "torch").get("threads")
    if quota is not None and threads and threads > quota + 0.5:
        yield Advice(
            f"torch uses {threads} threads, and the control group gives the time of {quota:g} cores, so they are "
            "stopped again and again; set fewer",
            f"export OMP_NUM_THREADS={max(1, int(quota))}",
        )


def _turbo(found: Found) -> Iterator[Advice]:
    if _value(_part(found, "cpu").get("turbo")) is True:
        yield Advice(
            "the CPU's turbo is on, so its clock depends on heat and on how many cores work; to compare small "
            "differences, turn it off",
            _value(found["signs"]["turbo_switch"]),
        )


def _gpus(found: Found) -> list[Found]:
    return [device for device in found["devices"] if device["kind"] in ("cuda", "nvml")]


def _nvml(device: Found) -> Mapping[str, Any]:
    """What the driver says of the card's settings."""
    facts: Mapping[str, Any] = (device["nvml"] or {}).get("facts", {})
    return facts


def _facts(device: Found) -> Mapping[str, Any]:
    """What the NVML meter found out of the card."""
    found = (meter["facts"] for name, meter in device["meters"].items() if name.partition(":")[0] == "nvml")
    return next(found, {})


def _smi(device: Found, what: str) -> str | None:
    """The command for a card; a slice has no number of its own."""
    return f"sudo nvidia-smi -i {device['nvml']['number']} {what}" if device["nvml"] else None


def _part(found: Found, name: str) -> Mapping[str, Any]:
    """A part of the environment; empty where torch did not come up to tell it."""
    part: Mapping[str, Any] = found["environment"].get(name, {})
    return part


def _value(fact: Any) -> Any:
    """The fact, or None where it stands for one that cannot be had."""
    return None if isinstance(fact, Mapping) else fact


_RULES: tuple[Callable[[Found], Iterator[Advice]], ...] = (
    _distribution,
    _driver,
    _torch_without_cuda,
    _company,
    _mig,
    _host_pids,
    _powercap,
    _power_limit,
    _persistence,
    _ecc,
    _governor,
    _saving,
    _quota,
    _turbo,
)
