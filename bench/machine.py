"""What the measuring machine is: its processor, memory, limits and system. Nothing that names the machine or a user."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

from bench.record import absent

ROOT = Path("/")

# Keeps the host id from being compared with anybody else's hash of the same machine-id (machine-id(5) asks for that).
_SALT = "wattmark.host/1:"


def cpu_model(root: Path = ROOT) -> str:
    """The processor's product name, or the nearest that the system tells."""
    if sys.platform == "darwin":
        name = subprocess.run(["sysctl", "-n", "machdep.cpu.brand_string"], capture_output=True, text=True, check=False)
        return name.stdout.strip() or platform.machine()
    told = _cpuinfo(root)
    if "model name" in told:
        return told["model name"]
    # Arm's /proc/cpuinfo has numbers only.
    numbers = [f"{key} {told[key]}" for key in ("CPU implementer", "CPU part") if key in told]
    return " ".join([platform.machine(), *numbers])


def cpu(root: Path = ROOT) -> dict[str, Any]:
    """Processor, how many cores there are and how many may be used, and what governs their clock."""
    return {
        "model": cpu_model(root),
        "microcode": _cpuinfo(root).get("microcode") or absent("the system does not tell it"),
        "physical_cores": psutil.cpu_count(logical=False) or absent("the system does not tell it"),
        "logical_cores": psutil.cpu_count() or absent("the system does not tell it"),
        "affinity_cores": _affinity(),
        "quota_cores": cpu_quota(root),
        "numa_nodes": len(list((root / "sys/devices/system/node").glob("node[0-9]*"))) or absent("no node is listed"),
        "governor": _governor(root),
        "turbo": _turbo(root),
    }


def memory(root: Path = ROOT) -> dict[str, Any]:
    """Main memory and the control group's limit on it. Units: B."""
    total = psutil.virtual_memory().total
    limits = [int(text) for text in _cgroup(root, "memory", "memory.max", "memory.limit_in_bytes") if text.isdigit()]
    least = min(limits, default=total)  # version 1 says "no limit" by a number beyond all memory
    return {
        "bytes": total,
        "limit_bytes": least if least < total else absent("no limit is set"),
        "transparent_hugepages": _chosen(_text(root / "sys/kernel/mm/transparent_hugepage/enabled")),
    }


def system(root: Path = ROOT) -> dict[str, Any]:
    """The operating system, and whether it runs on a machine of its own."""
    return {
        "id": host_id(root),
        "os": _os_name(root),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "libc": " ".join(platform.libc_ver()).strip() or absent("not told by the interpreter"),
        "virtual_machine": _virtual(root),
        "product": _product(root),
        "container": _container(root),
    }


def host_id(root: Path = ROOT) -> str | dict[str, Any]:
    """The same for every run on one installed system, and of no use elsewhere: a salted hash of its machine-id."""
    for name in ("etc/machine-id", "var/lib/dbus/machine-id"):
        text = _text(root / name)
        if text:
            return hashlib.sha256((_SALT + text).encode()).hexdigest()[:16]
    return absent("the system has no machine-id")


def cpu_quota(root: Path = ROOT) -> float | dict[str, Any]:
    """The time that the control group may use, in cores: the least of its own and its ancestors' quotas."""
    shares = []
    for text in _cgroup(root, "cpu", "cpu.max", "cpu.cfs_quota_us cpu.cfs_period_us"):
        quota, period = text.split()
        if quota not in ("max", "-1"):
            shares.append(int(quota) / int(period))
    return min(shares) if shares else absent("no quota is set")


def _cgroup(root: Path, controller: str, v2: str, v1: str) -> Iterator[str]:
    """What the files say (several names: their texts joined), for the process's group and all above it."""
    base = root / "sys/fs/cgroup"
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            names, top = v2, base / "unified" if (base / "unified").is_dir() else base
        elif controller in controllers.split(","):
            names, top = v1, base / controller
        else:
            continue
        group = Path(path.lstrip("/"))
        # In a container the path may be the host's, and its own group is then what it sees at the top.
        for folder in dict.fromkeys([top / group, *(top / parent for parent in group.parents), top]):
            texts = [_text(folder / name) for name in names.split()]
            if all(texts):
                yield " ".join(filter(None, texts))


def _affinity() -> int | dict[str, Any]:
    if not hasattr(os, "sched_getaffinity"):
        return absent("this system has no affinity of processes")
    return len(os.sched_getaffinity(0))


def _governor(root: Path) -> str | dict[str, Any]:
    files = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    governors = sorted({text for text in map(_text, files) if text})
    return ", ".join(governors) or absent("the system does not show it (usual in a virtual machine)")


def _turbo(root: Path) -> bool | dict[str, Any]:
    off = _text(root / "sys/devices/system/cpu/intel_pstate/no_turbo")
    on = _text(root / "sys/devices/system/cpu/cpufreq/boost")
    if off is None and on is None:
        return absent("the system does not show it (usual in a virtual machine)")
    return off == "0" if off is not None else on == "1"


def _os_name(root: Path) -> str:
    if sys.platform == "darwin":
        return f"macOS {platform.mac_ver()[0]}"
    found = re.search(r'^PRETTY_NAME="?(.*?)"?$', _text(root / "etc/os-release") or "", re.MULTILINE)
    return found[1] if found else platform.system()


def _virtual(root: Path) -> bool | dict[str, Any]:
    flags = _cpuinfo(root).get("flags")
    return "hypervisor" in flags.split() if flags else absent("only x86 processors tell it")


def _product(root: Path) -> str | dict[str, Any]:
    """Vendor and model, which in a cloud is the type of the instance."""
    parts = [_text(root / "sys/class/dmi/id" / name) for name in ("sys_vendor", "product_name")]
    return " ".join(filter(None, parts)) or absent("the firmware does not tell it")


def _container(root: Path) -> str | dict[str, Any]:
    if "KUBERNETES_SERVICE_HOST" in os.environ:
        return "kubernetes"
    signs = {".dockerenv": "docker", "run/.containerenv": "podman"}
    found = [name for sign, name in signs.items() if (root / sign).exists()]
    return found[0] if found else _text(root / "run/systemd/container") or absent("no sign of one")


def _cpuinfo(root: Path) -> dict[str, str]:
    """The facts of the first processor."""
    first = (_text(root / "proc/cpuinfo") or "").partition("\n\n")[0]
    pairs = (line.partition(":") for line in first.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _chosen(text: str | None) -> str | dict[str, Any]:
    """The word in brackets, as the kernel marks the one in force."""
    found = re.search(r"\[(\w+)\]", text or "")
    return found[1] if found else absent("the system does not show it")


def _text(path: Path) -> str | None:
    """What a file says, or None where it cannot be read or is empty."""
    try:
        return path.read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None
