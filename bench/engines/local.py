"""This machine: a fork server in a pinned environment, and a parent that sleeps while a replicate runs."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from bench.engines import Ended, Listener

# glibc's mmap threshold adapts to the history of frees, which makes a process fast or slow by 20 %, by lot. Setting
# both thresholds turns the adapting off (mallopt(3)); blocks up to 32 MiB are then reused from the heap.
PINNED = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(4 << 30)}

# A library that asks torch whether there is a GPU must not initialise CUDA in the server: its forks could not use it
# then. With this torch asks NVML instead (torch.cuda.is_available's documentation).
_NO_CUDA_IN_SERVER = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}

STDERR_TAIL = 4000  # characters kept of a failed job's stderr
START_SECONDS = 300.0  # for importing torch and the models on a cold disk


class Engine:
    """Forks each job from one server. A server that dies is replaced at the next job."""

    def __init__(self, preload: Sequence[str] = (), allocator: str = "pinned") -> None:
        self._modules = ["torch", "torch._dynamo", "bench.replicate", *preload]
        # The server finds modules exactly where we do, a workload in the current directory included.
        path = os.pathsep.join(entry for entry in sys.path if entry)
        self._environment = {**os.environ, **_NO_CUDA_IN_SERVER, "PYTHONPATH": path}
        self._environment |= PINNED if allocator == "pinned" else {}
        self._server: subprocess.Popen[bytes] | None = None
        self._events: _Events | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="wattmark-")

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        self._folder.cleanup()

    def run(self, task: str, job: Mapping[str, Any], timeout: float, listen: Listener | None = None) -> Ended:
        """Run a job in a fork of the server; see `bench.engines.Engine`."""
        try:
            server, events = self._serve()
        except _ServerDied:
            self._stop()
            return Ended(None, "crashed", "the fork server did not start", self._server_log())
        spool = Path(tempfile.mkdtemp(dir=self._folder.name))
        kills = _oom_kills()
        try:
            _send(server, {"task": task, "spool": str(spool), "job": job})
            ended = self._wait(events, timeout, listen)
        except _ServerDied:
            self._stop()
            return Ended(None, "crashed", "the fork server died with the replicate", _tail(spool / "stderr"))
        except BaseException:
            self._stop()  # Ctrl-C and the like: nothing that we started outlives us
            raise
        result = spool / "result.json"
        if ended is None and result.exists():
            return Ended(json.loads(result.read_text(encoding="utf-8")), stderr=_tail(spool / "stderr"))
        status, reason = ended or ("crashed", "the replicate ended without a result")
        if "SIGKILL" in reason and _oom_kills() > kills:
            status, reason = "oom", f"{reason}: the kernel's out-of-memory killer was at work"
        return Ended(None, status, reason, _tail(spool / "stderr"))

    def _wait(self, events: _Events, timeout: float, listen: Listener | None) -> tuple[str, str] | None:
        """Sleep until the job has ended; a status and reason if it ended badly."""
        deadline = time.monotonic() + timeout
        pid, phase, timed_out = None, "starting", False
        while True:
            left = deadline - time.monotonic()
            facts = events.next(None if timed_out else max(left, 0.0))
            if facts is None:
                timed_out = True
                if pid is not None:
                    _kill_tree(pid)
                continue
            event = facts.pop("event")
            if event == "started":
                pid, phase = facts["pid"], "preparing"
                if timed_out:
                    _kill_tree(facts["pid"])
            elif event == "exit":
                return _verdict(facts["code"], f"no end after {timeout:.0f} s (while {phase})" if timed_out else None)
            else:
                phase = {"prepared": "running its first step", "probe": "warming up", "sample": "sampling"}[event]
                if listen:
                    listen(event, facts)

    def _serve(self) -> tuple[subprocess.Popen[bytes], _Events]:
        """The running server, started where there is none."""
        if self._server is None or self._events is None or self._server.poll() is not None:
            self._stop()
            ours, theirs = os.pipe()
            with (Path(self._folder.name) / "server").open("wb") as log:
                self._server = subprocess.Popen(
                    [sys.executable, "-P", "-m", "bench.server", str(theirs), *self._modules],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    pass_fds=(theirs,),
                    start_new_session=True,  # Ctrl-C is the parent's to handle
                )
            os.close(theirs)
            self._events = _Events(ours)
            if self._events.next(START_SECONDS) is None:
                raise _ServerDied
        return self._server, self._events

    def _stop(self) -> None:
        if self._server is not None:
            _kill_tree(self._server.pid)
            self._server.wait()
            if self._server.stdin:
                with contextlib.suppress(BrokenPipeError):
                    self._server.stdin.close()
        if self._events is not None:
            self._events.close()
        self._server = self._events = None

    def _server_log(self) -> str:
        return _tail(Path(self._folder.name) / "server")


class _ServerDied(Exception):
    """The other end of the pipe is closed."""


class _Events:
    """JSON lines from a pipe, waited for without spinning."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._buffer = b""

    def next(self, timeout: float | None) -> dict[str, Any] | None:
        """The next fact, or None after ``timeout`` seconds."""
        while b"\n" not in self._buffer:
            ready, _, _ = select.select([self._pipe], [], [], timeout)
            if not ready:
                return None
            read = os.read(self._pipe, 65536)
            if not read:
                raise _ServerDied
            self._buffer += read
        line, self._buffer = self._buffer.split(b"\n", 1)
        facts: dict[str, Any] = json.loads(line)
        return facts

    def close(self) -> None:
        os.close(self._pipe)


def _send(server: subprocess.Popen[bytes], message: Mapping[str, Any]) -> None:
    assert server.stdin is not None
    try:
        server.stdin.write(json.dumps(message).encode() + b"\n")
        server.stdin.flush()
    except BrokenPipeError:
        raise _ServerDied from None


def _verdict(code: int, timeout: str | None) -> tuple[str, str] | None:
    if timeout:
        return "timeout", timeout
    if code == 0:
        return None
    if code < 0:
        return "crashed", f"killed by {signal.Signals(-code).name}"
    return "crashed", f"the replicate exited with code {code}"


def _kill_tree(pid: int) -> None:
    """End a process and all its descendants, those that made sessions of their own included."""
    with contextlib.suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        for one in [process, *process.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()


def _oom_kills() -> int:
    """How often the kernel has killed for memory since boot (Linux; 0 elsewhere)."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/vmstat").read_text().splitlines():
            if line.startswith("oom_kill "):
                return int(line.split()[1])
    return 0


def _tail(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-STDERR_TAIL:]
    except FileNotFoundError:
        return ""
