"""Collectives between the devices of one machine: this process is the first rank, and starts one for each other device.

The others join in whatever the first one begins, over and over, until they are killed with its process group.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

# Bytes that cross the busiest link for each byte of the tensor, with n ranks, whatever the algorithm (nccl-tests,
# doc/PERFORMANCE.md: "bus bandwidth"), so that the figure can be held against the hardware's.
ON_THE_BUS: dict[str, Callable[[int], float]] = {
    "all_reduce": lambda n: 2 * (n - 1) / n,
    "all_gather": lambda n: (n - 1) / n,
    "reduce_scatter": lambda n: (n - 1) / n,
}

_JOIN = timedelta(seconds=60)  # for importing torch and finding each other
_AHEAD = 4  # collectives that a follower may have begun before it waits: each is ready when the first rank comes to it


def collective(
    kernel: str, elements: int, dtype: torch.dtype, device: torch.device, world_size: int
) -> Callable[[], Tensor]:
    """One collective of so many elements on ``world_size`` devices, of which ``device`` is the first.

    Raises:
        NotImplementedError: there are fewer devices.
        RuntimeError: the ranks did not find each other.
    """
    import torch

    here = torch.accelerator.device_count() - (device.index or 0) if device.type != "cpu" else world_size
    if here < world_size:
        raise NotImplementedError(f"{world_size} devices from {device} on are needed, and there are {here}")
    store = _store(0, world_size, is_master=True)
    for rank in range(1, world_size):
        place = "cpu" if device.type == "cpu" else f"{device.type}:{(device.index or 0) + rank}"
        words = (kernel, elements, str(dtype).removeprefix("torch."), place, rank, world_size, store.port)
        subprocess.Popen([sys.executable, "-P", "-m", __name__, *map(str, words)], stdin=subprocess.DEVNULL)
    return _joined(kernel, elements, dtype, device, 0, world_size, store)


def _store(port: int, world_size: int, is_master: bool = False) -> Any:
    """Where the ranks find each other: on this host alone."""
    from torch.distributed import TCPStore  # type: ignore[attr-defined]

    return TCPStore("127.0.0.1", port, world_size, is_master, timeout=_JOIN, wait_for_workers=False)


def _joined(
    kernel: str, elements: int, dtype: torch.dtype, device: torch.device, rank: int, world_size: int, store: Any
) -> Callable[[], Tensor]:
    import torch
    from torch import distributed

    if device.type == "cpu" and sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # a host's name need not lead to itself
    distributed.init_process_group(
        distributed.get_default_backend_for_device(device),
        store=store,
        rank=rank,
        world_size=world_size,
        timeout=_JOIN,
    )
    # Sums of zeros stay finite however often they are summed; a link moves them like any other bytes.
    whole = torch.zeros(elements, dtype=dtype, device=device)
    part = torch.zeros(elements // world_size, dtype=dtype, device=device)
    # Newer versions of torch have other names for them.
    gather = getattr(distributed, "all_gather_single", None) or distributed.all_gather_into_tensor
    scatter = getattr(distributed, "reduce_scatter_single", None) or distributed.reduce_scatter_tensor
    runs: dict[str, Callable[[], object]] = {
        "all_reduce": lambda: distributed.all_reduce(whole),
        "all_gather": lambda: gather(whole, part),
        "reduce_scatter": lambda: scatter(part, whole),
    }
    begin = runs[kernel]

    def run() -> Tensor:
        begin()
        return part if kernel == "reduce_scatter" else whole

    return run


def _follow(kernel: str, elements: int, dtype: str, place: str, rank: int, world_size: int, port: int) -> None:
    """Take part in what the first rank begins, for as long as it is there."""
    import torch

    device = torch.device(place)
    if device.type != "cpu":
        torch.accelerator.set_device_index(device)
    store = _store(port, world_size)
    run = _joined(kernel, elements, getattr(torch, dtype), device, rank, world_size, store)
    while True:
        for _ in range(_AHEAD):
            run()
        if device.type != "cpu":
            torch.accelerator.synchronize(device)


if __name__ == "__main__":
    _kernel, _elements, _dtype, _place, *_numbers = sys.argv[1:]
    _follow(_kernel, int(_elements), _dtype, _place, *map(int, _numbers))
