"""What a number was measured on: machine, device, software and settings, as kept in every record.

Runs in a process that has torch. Values are plain JSON; one that cannot be had is ``{"value": None, "reason": ...}``.
No host name, no user name and no variable that is not known to be harmless gets in.
"""

from __future__ import annotations

import os
import platform
import pwd
import re
import subprocess
from fnmatch import fnmatchcase
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bench
from bench import machine
from bench.errors import Unavailable
from bench.record import absent

if TYPE_CHECKING:
    from bench.device import Device

# Settings that change what is measured; no other variable is looked at.
_VARIABLES = (
    *("OMP_*", "GOMP_*", "KMP_*", "MKL_*", "DNNL_*", "ONEDNN_*", "MALLOC_*", "ATEN_CPU_CAPABILITY"),
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_LAUNCH_BLOCKING", "CUBLAS_WORKSPACE_CONFIG"),
    *("NVIDIA_TF32_OVERRIDE", "PYTORCH_*ALLOC_CONF", "TORCHINDUCTOR_*", "TORCH_COMPILE*", "HF_HUB_OFFLINE"),
)
# TORCHINDUCTOR_REDIS_URL may hold a password, TORCHINDUCTOR_CACHE_DIR (set by torch itself) the user's name.
_PRIVATE = re.compile("URL|TOKEN|SECRET|PASS|KEY|CREDENTIAL|_DIR")

_LIBRARIES = ("transformers", "tokenizers", "numpy", "safetensors", "triton", "nvidia-ml-py")


def environment(device: Device) -> dict[str, Any]:
    """Everything besides the case that a number may depend on. The same whenever it is asked for in one process."""
    facts = {
        "system": machine.system(),
        "cpu": machine.cpu(),
        "memory": machine.memory(),
        "device": _device(device),
        "python": {"version": platform.python_version(), "implementation": platform.python_implementation()},
        "torch": _torch(),
        "libraries": {"wattmark": bench.__version__, **{name: _version(name) for name in _LIBRARIES}},
        "git": _git(),
        "variables": _variables(),
    }
    scrubbed: dict[str, Any] = scrub_all(facts)
    return scrubbed


def scrub(text: str) -> str:
    """The text without what tells a user: the home directory becomes ``~``, a user's name in a path ``<user>``."""
    homes, names = _account()
    for home in sorted(homes, key=len, reverse=True):
        text = re.sub(rf"(?<![\w.-]){re.escape(home)}(?!\w)", "~", text)
    text = re.sub(r"(/(?:home|Users)/)[^/\s:;,'\"]+", r"\1<user>", text)
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<=/){re.escape(name)}(?!\w)", "<user>", text)
    return text


def _account() -> tuple[set[str], set[str]]:
    """The user's home directories and names, by the variables and by the system's list of users."""
    homes = {os.environ.get("HOME", "")}
    names = {os.environ.get("USER", ""), os.environ.get("LOGNAME", "")}
    try:
        account = pwd.getpwuid(os.getuid())
    except KeyError:  # an id without a name, as containers have
        pass
    else:
        homes.add(account.pw_dir)
        names.add(account.pw_name)
    homes |= {os.path.realpath(home) for home in homes if home}
    return {home.rstrip("/") for home in homes if home.startswith("/")} - {""}, names - {""}


def scrub_all(value: Any) -> Any:
    """JSON-like data with every string scrubbed, keys too."""
    if isinstance(value, str):
        return scrub(value)
    if isinstance(value, dict):
        return {scrub_all(key): scrub_all(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [scrub_all(part) for part in value]
    return value


def _variables() -> dict[str, str]:
    found = {
        name: value
        for name, value in sorted(os.environ.items())
        if any(fnmatchcase(name, pattern) for pattern in _VARIABLES) and not _PRIVATE.search(name)
    }
    preloaded = re.split(r"[ :]+", os.environ.get("LD_PRELOAD", "").strip())
    names = " ".join(Path(path).name for path in preloaded)
    return {**found, "LD_PRELOAD": names} if names else found


def _device(device: Device) -> dict[str, Any]:
    """Its identity and, of an NVIDIA GPU, what the driver and CUDA say of it."""
    identity = device.to_json()
    if device.kind != "cuda":
        return identity
    import torch

    properties = torch.cuda.get_device_properties(device.torch)
    try:
        from bench.nvml import describe

        nvml = describe(device.uuid or "")
    except Unavailable as unavailable:
        nvml = absent(str(unavailable))
    return {
        **identity,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "multiprocessors": properties.multi_processor_count,
        "nvml": nvml,
    }


def _torch() -> dict[str, Any]:
    import torch

    built = torch.__config__.show()
    return {
        "version": torch.__version__,
        "git": torch.version.git_version,
        "cuda": torch.version.cuda or absent("this build has no CUDA"),
        "hip": torch.version.hip or absent("this build has no ROCm"),
        "cudnn": torch.backends.cudnn.version() or absent("this build has no cuDNN"),  # type: ignore[no-untyped-call]
        "nccl": _nccl(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
        "interop_threads": torch.get_num_interop_threads(),
        "blas": _built_with(built, r"BLAS_INFO=(\w+)"),
        "mkl": _built_with(built, r"Math Kernel Library Version (\S+)"),
        "onednn": _built_with(built, r"MKL-DNN v(\S+)"),
        "openmp": _built_with(built, r"- OpenMP (\S+)"),
        "openmp_runtime": _openmp_runtime(),
    }


def _nccl() -> str | dict[str, Any]:
    import torch

    if not torch.distributed.is_available() or not torch.distributed.is_nccl_available():
        return absent("this build has no NCCL")
    return ".".join(map(str, torch.cuda.nccl.version()))  # type: ignore[no-untyped-call]


def _built_with(text: str, pattern: str) -> str | dict[str, Any]:
    found = re.search(pattern, text)
    return found[1] if found else absent("torch's build settings do not name it")


def _openmp_runtime() -> str | dict[str, Any]:
    """The file names of the OpenMP libraries in this process: two at once fight for the cores."""
    try:
        maps = Path("/proc/self/maps").read_text()
    except OSError as error:
        return absent(f"/proc/self/maps: {error.strerror}")
    names = sorted(set(re.findall(r"/(lib(?:gomp|iomp5|omp)[^/\s]*)$", maps, re.MULTILINE)))
    return ", ".join(names) or absent("no library of a known name is loaded")


def _version(distribution: str) -> str | dict[str, Any]:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return absent("not installed")


def _git() -> dict[str, Any]:
    """The commit of the current directory, and whether its tracked files differ from it."""
    try:
        return {"commit": _ask_git("rev-parse", "HEAD"), "dirty": bool(_ask_git("status", "--porcelain", "-uno"))}
    except Unavailable as unavailable:
        return {"commit": absent(str(unavailable)), "dirty": absent(str(unavailable))}


def _ask_git(*arguments: str) -> str:
    # Without the optional lock a status changes nothing, not even git's index.
    settings = {**os.environ, "GIT_OPTIONAL_LOCKS": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(["git", *arguments], env=settings, capture_output=True, text=True, timeout=30, check=True)
    except FileNotFoundError as missing:
        raise Unavailable("git is not installed") from missing
    except subprocess.CalledProcessError as failed:
        raise Unavailable(f"git: {failed.stderr.partition(chr(10))[0]}") from failed
    except subprocess.TimeoutExpired as late:
        raise Unavailable("git took more than 30 s") from late
    return done.stdout.strip()
