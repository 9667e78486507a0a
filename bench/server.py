"""The fork server: has torch and the model classes loaded, has run no step and touched no accelerator.

It reads one job a line from standard input and forks a child for each, which can die alone. Facts go to the parent as
JSON lines through the pipe whose number is the first argument; a child's result is a file. One job runs at a time, and
the server sleeps in `waitpid` while it does: standard input is then the child's to read, where its task takes orders.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(pipe: int, modules: list[str]) -> None:
    """Load ``modules``, say so, then serve jobs until standard input ends."""
    die_with_parent()
    for module in modules:
        # What cannot be loaded here (an older tree lacks a module) is told by the job that needs it.
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
    # What is loaded stays: the children's collector need not walk it, nor copy its pages (the documentation's advice).
    gc.collect()
    gc.freeze()
    _tell(pipe, "ready", {})
    for line in sys.stdin:
        job = json.loads(line)
        if "task" not in job:
            continue  # an order that came too late: the child that it was for has ended
        server = os.getpid()
        child = os.fork()
        if child == 0:
            _child(pipe, job, server)
        _tell(pipe, "started", {"pid": child})
        _, status = os.waitpid(child, 0)
        with contextlib.suppress(ProcessLookupError, PermissionError):  # what the child left behind
            os.killpg(child, signal.SIGKILL)
        _tell(pipe, "exit", {"code": os.waitstatus_to_exitcode(status)})


def die_with_parent() -> None:
    """Have the kernel end this process when its parent dies, so that `kill -9` leaves nothing running (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _child(pipe: int, job: dict[str, Any], server: int) -> None:
    """Run the job with its own session and output files, then leave without the server's clean-up."""
    code = 1
    try:
        os.setsid()
        die_with_parent()
        if os.getppid() != server:  # it died before the kernel was told
            os._exit(1)
        spool = Path(job["spool"])
        with (spool / "stderr").open("wb") as stderr:
            os.dup2(stderr.fileno(), 1)
            os.dup2(stderr.fileno(), 2)
        if job["task"] not in _TAKE_ORDERS:
            sys.stdin.close()
        result = _TASKS[job["task"]](job["job"], pipe)
        partial = spool / "result.partial"
        partial.write_text(json.dumps(result, allow_nan=False, default=_plain), encoding="utf-8")
        partial.rename(spool / "result.json")
        code = 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _plain(thing: Any) -> Any:
    """What a user's facts may hold and JSON may not: a number of numpy's or torch's is one, all else its text."""
    try:
        return thing.item()
    except (AttributeError, ValueError, RuntimeError):  # it is none, or holds several
        return str(thing)


def _devices(job: dict[str, Any], pipe: int) -> Any:
    from bench.device import devices

    return [found.to_json() for found in devices()]


def _environment(job: dict[str, Any], pipe: int) -> Any:
    from bench.device import device
    from bench.environment import environment

    return environment(device(job["device"]))


def _company(job: dict[str, Any], pipe: int) -> Any:
    from bench.device import Device
    from bench.foreign import others

    return others(Device.from_json(job["device"]))


def _look(job: dict[str, Any], pipe: int) -> Any:
    from bench.doctor.look import look

    return look(job["devices"])


def _load(job: dict[str, Any], pipe: int) -> Any:
    from bench.device import Device
    from bench.probe.load import Phase, play

    return play(Device.from_json(job["device"]), [Phase(**phase) for phase in job["phases"]])


def _replicate(job: dict[str, Any], pipe: int) -> Any:
    from bench.job import Job
    from bench.replicate import run

    parsed = Job.from_json(job)
    if parsed.case.device == "cpu":
        _limit_memory()
    return asdict(run(parsed, lambda event, facts: _tell(pipe, event, facts)))


def _chunks(job: dict[str, Any], pipe: int) -> Any:
    from bench.chunks import serve
    from bench.job import Job

    return asdict(serve(Job.from_json(job), lambda event, facts: _tell(pipe, event, facts), _orders().__next__))


def _orders() -> Iterator[dict[str, Any] | None]:
    """The lines of standard input, read below Python's buffers, which are the server's; None at the end."""
    buffer = b""
    while True:
        while b"\n" not in buffer:
            read = os.read(0, 65536)
            if not read:
                yield None
            buffer += read
        line, buffer = buffer.split(b"\n", 1)
        order = json.loads(line)
        yield None if order.get("order") == "end" else order


def _limit_memory() -> None:
    """Let an allocation beyond what the host has fail as an exception, before the kernel kills something for it."""
    import resource

    import psutil

    held = psutil.Process().memory_info()
    spare = psutil.virtual_memory().available
    with contextlib.suppress(OSError, ValueError):
        cgroup = Path("/sys/fs/cgroup")
        spare = min(spare, int((cgroup / "memory.max").read_text()) - int((cgroup / "memory.current").read_text()))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (getattr(held, "data", held.vms) + int(spare * 0.95), hard))


_TASKS = {
    "devices": _devices,
    "environment": _environment,
    "company": _company,
    "look": _look,
    "load": _load,
    "replicate": _replicate,
    "chunks": _chunks,
}
_TAKE_ORDERS = {"chunks"}


def _tell(pipe: int, event: str, facts: Mapping[str, Any]) -> None:
    """One line; below PIPE_BUF, so the kernel writes it whole even if the process is killed meanwhile."""
    os.write(pipe, (json.dumps({"event": event, **facts}) + "\n").encode())


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
