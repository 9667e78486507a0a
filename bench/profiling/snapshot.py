"""What CUDA's allocator did until memory ran out, kept for torch's viewer: https://docs.pytorch.org/memory_viz."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from bench.device import Device

MOST_EVENTS = 100_000  # of allocations and frees, the last ones; each with its Python stack
VIEWER = "https://docs.pytorch.org/memory_viz"


@contextlib.contextmanager
def kept_when_out_of_memory(device: Device, folder: Path, worker: str) -> Iterator[None]:
    """Writes a snapshot of the allocator into a folder of the store, as ``worker``'s, where memory runs out within.

    On other devices than CUDA torch keeps no such history, and nothing is done.

    Raises:
        torch.OutOfMemoryError: as it came, with the file's name and what opens it.
    """
    if device.kind != "cuda":
        yield
        return
    torch.cuda.memory._record_memory_history(max_entries=MOST_EVENTS)
    try:
        yield
    except torch.OutOfMemoryError as error:
        name = f"{worker}.{time.time_ns() // 1_000_000}.memory.pickle"
        folder.mkdir(parents=True, exist_ok=True)
        torch.cuda.memory._dump_snapshot(str(folder / name))  # type: ignore[no-untyped-call]
        first = (str(error).strip().splitlines() or ["out of memory"])[0]
        raise torch.OutOfMemoryError(f"{first} The allocator's history is in {folder.name}/{name}: {VIEWER}") from error
    finally:
        torch.cuda.memory._record_memory_history(enabled=None)
