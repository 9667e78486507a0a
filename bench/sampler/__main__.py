"""The sampler's process: `python -m bench.sampler TARGET [PID]`, asked and answering in JSON lines.

It reads by itself and only waits for the next question meanwhile; it ends when its standard input does, so it never
outlives the process that it watches for.
"""

from __future__ import annotations

import json
import select
import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable
from bench.record import Reading

if TYPE_CHECKING:
    from bench.sampler.watch import Watch


def main(target: str, pid: int | None) -> None:
    """Watch the GPU of a UUID or of NVML's number for a process until nobody asks any more."""
    try:
        from bench.nvml import Gpu  # refuses where another distribution's pynvml is installed
        from bench.sampler.watch import Watch

        gpu = Gpu.find(target)
        watch = Watch(gpu, pid)
    except Unavailable as unavailable:
        _answer({"unavailable": str(unavailable)})
        return
    _answer({"name": gpu.name, "uuid": gpu.uuid})
    try:
        _serve(watch)
    finally:
        watch.close()
        gpu.close()


def _serve(watch: Watch) -> None:
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], max(watch.due() - watch.now(), 0.0))
        if not ready:
            watch.look()
            continue
        line = sys.stdin.readline()
        if not line:
            return
        question = json.loads(line)
        _answer(_ANSWERS[question.pop("ask")](watch, **question))


def _readings(readings: dict[str, Reading]) -> dict[str, Any]:
    return {name: asdict(reading) for name, reading in readings.items()}


_ANSWERS: dict[str, Callable[..., dict[str, Any]]] = {
    "before": lambda watch: _readings(watch.before()),
    "window": lambda watch, begin, end: _readings(watch.window(begin, end)),
    "shortest": lambda watch: {"seconds": watch.shortest()},
    "facts": lambda watch: watch.facts(),
}


def _answer(answer: Any) -> None:
    print(json.dumps(answer, allow_nan=False), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
