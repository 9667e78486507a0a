"""This machine: a fork server in a pinned environment, and a parent that sleeps while a replicate runs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.engines import Ended, Listener
from bench.engines.talk import Events, ServerDied, Talk, kill_tree, tail

# glibc's mmap threshold adapts to the history of frees, which makes a process fast or slow by 20 %, by lot. Setting
# both thresholds turns the adapting off (mallopt(3)); blocks up to 32 MiB are then reused from the heap.
PINNED = {"MALLOC_MMAP_THRESHOLD_": str(32 << 20), "MALLOC_TRIM_THRESHOLD_": str(4 << 30)}

# A library that asks torch whether there is a GPU must not initialise CUDA in the server: its forks could not use it
# then. With this torch asks NVML instead (torch.cuda.is_available's documentation).
_NO_CUDA_IN_SERVER = {"PYTORCH_NVML_BASED_CUDA_CHECK": "1"}

START_SECONDS = 300.0  # for importing torch and the models on a cold disk


class Engine:
    """Forks each job from one server. A server that dies is replaced at the next job.

    The server runs this interpreter in this directory and finds modules where we do, unless ``python``, ``directory``
    and ``path`` (entries of PYTHONPATH) say otherwise.
    """

    def __init__(
        self,
        preload: Sequence[str] = (),
        allocator: str = "pinned",
        python: Path | None = None,
        path: Sequence[Path] | None = None,
        directory: Path | None = None,
    ) -> None:
        self._modules = ["torch", "bench.replicate", *preload]
        self._python = str(python or sys.executable)
        self._directory = directory
        entries = [entry for entry in sys.path if entry] if path is None else map(str, path)
        self._environment = {**os.environ, **_NO_CUDA_IN_SERVER, "PYTHONPATH": os.pathsep.join(entries)}
        self._environment |= PINNED if allocator == "pinned" else {}
        if python is not None:  # another interpreter has a home and tools (compilers, ninja) of its own
            self._environment.pop("PYTHONHOME", None)
            self._environment["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
        self._server: subprocess.Popen[bytes] | None = None
        self._ready = False
        self._events: Events | None = None
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
        talk = self.start(task, job, timeout)
        while (heard := talk.hear()) is not None:
            if listen:
                listen(*heard)
        assert talk.ended is not None
        return talk.ended

    def start(self, task: str, job: Mapping[str, Any], timeout: float) -> Talk:
        """Start a job in a fork of the server, to be listened to until it has ended; one at a time."""
        try:
            server, events = self._serve()
        except ServerDied:
            self._stop()
            return Talk(ended=Ended(None, "crashed", "the fork server did not start", self._server_log()))
        spool = Path(tempfile.mkdtemp(dir=self._folder.name))
        talk = Talk(server, events, spool, timeout, self._stop)
        talk.say({"task": task, "spool": str(spool), "job": job})
        return talk

    def spawn(self) -> None:
        """Have the server load what it loads, and do not wait for it; the first job does."""
        if self._server is None or self._events is None or self._server.poll() is not None:
            self._stop()
            ours, theirs = os.pipe()
            with (Path(self._folder.name) / "server").open("wb") as log:
                self._server = subprocess.Popen(
                    [self._python, "-P", "-m", "bench.server", str(theirs), *self._modules],
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    cwd=self._directory,
                    pass_fds=(theirs,),
                    start_new_session=True,  # Ctrl-C is the parent's to handle
                )
            os.close(theirs)
            self._events = Events(ours)

    def _serve(self) -> tuple[subprocess.Popen[bytes], Events]:
        """The running server, started where there is none."""
        self.spawn()
        assert self._server is not None
        assert self._events is not None
        if not self._ready and self._events.next(START_SECONDS) is None:
            raise ServerDied
        self._ready = True
        return self._server, self._events

    def _stop(self) -> None:
        if self._server is not None:
            kill_tree(self._server.pid)
            self._server.wait()
            if self._server.stdin:
                with contextlib.suppress(BrokenPipeError):
                    self._server.stdin.close()
        if self._events is not None:
            self._events.close()
        self._server = self._events = None
        self._ready = False

    def _server_log(self) -> str:
        return tail(Path(self._folder.name) / "server")
