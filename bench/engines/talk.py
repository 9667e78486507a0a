"""A job in a child of the fork server: what it says, what it is told, how it ends."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from bench.engines import Ended

# What a job is doing after it has said so.
_PHASES = {
    "prepared": "running its first step",
    "probe": "warming up",
    "sample": "sampling",
    "chunk": "running chunks",
}

STDERR_TAIL = 4000  # characters kept of a failed job's stderr


class ServerDied(Exception):
    """The other end of the pipe is closed."""


class Talk:
    """A job that was started: what it says, what it is told, and how it ended (None while it runs)."""

    def __init__(
        self,
        server: subprocess.Popen[bytes] | None = None,
        events: Events | None = None,
        spool: Path = Path(),
        timeout: float = 0.0,
        stop: Callable[[], None] = lambda: None,
        ended: Ended | None = None,
    ) -> None:
        self.ended = ended
        self._server = server
        self._events = events
        self._spool = spool
        self._timeout = timeout
        self._stop = stop
        self._kills = _oom_kills()
        self._deadline = time.monotonic() + timeout
        self._pid: int | None = None
        self._phase = "starting"
        self._late = False

    def say(self, message: Mapping[str, Any]) -> None:
        """Send a line; a job that has ended meanwhile will not read it."""
        if self.ended is None and self._server is not None:
            with self._guarded():
                _send(self._server, message)

    def hear(self) -> tuple[str, dict[str, Any]] | None:
        """Sleep until the job says something, or has ended: then None, and `ended` says how."""
        while self.ended is None:
            with self._guarded():
                heard = self._next()
                if heard is not None:
                    return heard
        return None

    def end(self) -> Ended:
        """Have a job that takes orders finish, and wait for it."""
        self.say({"order": "end"})
        while self.hear() is not None:
            pass
        assert self.ended is not None
        return self.ended

    def _next(self) -> tuple[str, dict[str, Any]] | None:
        assert self._events is not None
        facts = self._events.next(None if self._late else max(self._deadline - time.monotonic(), 0.0))
        if facts is None:
            self._late = True
            if self._pid is not None:
                kill_tree(self._pid)
            return None
        event = facts.pop("event")
        if event == "started":
            self._pid, self._phase = facts["pid"], "preparing"
            if self._late:
                kill_tree(facts["pid"])
            return None
        if event == "exit":
            self.ended = self._ended(facts["code"])
            return None
        self._phase = _PHASES[event]
        return event, facts

    def _ended(self, code: int) -> Ended:
        late = f"no end after {self._timeout:.0f} s (while {self._phase})" if self._late else None
        bad = _verdict(code, late)
        result, stderr = self._spool / "result.json", tail(self._spool / "stderr")
        if bad is None and result.exists():
            return Ended(json.loads(result.read_text(encoding="utf-8")), stderr=stderr)
        status, reason = bad or ("crashed", "the replicate ended without a result")
        if "SIGKILL" in reason and _oom_kills() > self._kills:
            status, reason = "oom", f"{reason}: the kernel's out-of-memory killer was at work"
        return Ended(None, status, reason, stderr)

    @contextlib.contextmanager
    def _guarded(self) -> Iterator[None]:
        try:
            yield
        except ServerDied:
            self._stop()
            reason = "the fork server died with the replicate"
            self.ended = Ended(None, "crashed", reason, tail(self._spool / "stderr"))
        except BaseException:
            self._stop()  # Ctrl-C and the like: nothing that we started outlives us, and nobody talks to it any more
            self.ended = Ended(None, "interrupted", "stopped while it was listened to")
            raise


class Events:
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
                raise ServerDied
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
        raise ServerDied from None


def _verdict(code: int, timeout: str | None) -> tuple[str, str] | None:
    if timeout:
        return "timeout", timeout
    if code == 0:
        return None
    if code < 0:
        return "crashed", f"killed by {signal.Signals(-code).name}"
    return "crashed", f"the replicate exited with code {code}"


def kill_tree(pid: int) -> None:
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


def tail(path: Path) -> str:
    """The end of what a process wrote, or nothing where it wrote no file."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")[-STDERR_TAIL:]
    except FileNotFoundError:
        return ""
