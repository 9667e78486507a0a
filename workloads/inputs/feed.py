"""A real input pipeline behind a step: batches are read, decoded and collated anew by worker processes.

It gives the same batches in the same order as those that lie on the device without it, so a step does the same work:
what it adds is what it costs to get them. Files that were read once come from the page cache, as they do in training
from the second epoch on where the data fit in memory.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from workloads.inputs.source import Inputs
from workloads.inputs.wait import wait

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.setup import Setup

OFF = "off"
_MOST_WORKERS = 64
_AHEAD = 2  # batches that each worker keeps ready: torch's own default
_MOST_SECONDS = 20.0  # that finding the rate may take


def check(pipeline: str) -> None:
    """Hold the axis ``pipeline`` against what it may be.

    Raises:
        ValueError: it is neither off nor a number of workers.
    """
    if pipeline != OFF and not (pipeline.isascii() and pipeline.isdigit() and int(pipeline) <= _MOST_WORKERS):
        raise ValueError(
            f"pipeline {pipeline!r}: must be {OFF}, or a number of loader workers from 0 to {_MOST_WORKERS}"
        )


class Feed:
    """Batches in turn from so many loader workers, each placed on the device; without workers this process makes them.

    ``make`` reads batch ``i`` of ``count`` on the host, ``place`` moves one to the device; ``wait`` tells how long the
    steps waited for batches so far. Batches out of turn, as of a step that is looked at again, are made at once and
    waited for by nobody.
    """

    def __init__(
        self,
        make: Callable[[int], Mapping[str, Tensor]],
        count: int,
        workers: int,
        place: Callable[[Mapping[str, Tensor]], Any],
        setup: Setup,
    ) -> None:
        self._make, self._count, self._place = make, count, place
        self._workers, self._pin = workers, setup.device.type != "cpu"
        # Begun by the first step: a stock that was made before would feed the windows faster than the workers can.
        self._batches: Iterator[Mapping[str, Tensor]] | None = None
        self._next = 0
        self.wait = wait(setup.device)

    def __call__(self, number: int) -> Any:
        """The batch of a step, on the device."""
        if number != self._next:
            return self._place(self._make(number % self._count))
        self._next += 1
        with self.wait.watch():
            if self._batches is None:
                self._batches = self._loader()
            batch = next(self._batches)
        return self._place(batch)

    def alone(self, seconds: float) -> float:
        """Batches a second that the pipeline gives to one that asks for nothing else, over so many seconds at least.

        Those that lie ready at first were made while nobody asked for them, so they are taken and not counted.

        Raises:
            TimeoutError: it gave too few batches in the time that may be spent on it.
        """
        batches, end = self._loader(), time.perf_counter() + _MOST_SECONDS
        fewest, begin, done = 2 * max(1, self._workers), 0.0, -max(1, _AHEAD * self._workers)
        while done < fewest or time.perf_counter() - begin < seconds:
            if time.perf_counter() > end:
                raise TimeoutError(f"too slow for its rate to be found: {max(done, 0)} batches in {_MOST_SECONDS:g} s")
            next(batches)
            done += 1
            if done == 0:
                begin = time.perf_counter()
        return done / (time.perf_counter() - begin)

    def _loader(self) -> Iterator[Mapping[str, Tensor]]:
        import torch
        from torch.utils.data import DataLoader

        # The tokenizer's own threads would not survive a fork, and each worker has one core.
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        made: Any = _Made(self._make)
        turns: DataLoader[Any] = DataLoader(
            made,
            batch_size=None,  # each item is a whole batch, made by one worker
            sampler=itertools.cycle(range(self._count)),
            num_workers=self._workers,
            multiprocessing_context="fork" if self._workers else None,
            prefetch_factor=_AHEAD if self._workers else None,
            pin_memory=self._pin,
            generator=torch.Generator(),  # it would seed its workers from the numbers that dropout draws
        )
        return iter(turns)


class Fleeting(Sequence[Any]):
    """Batches that are on the device only while they are looked at, since a step that a pipeline feeds needs none."""

    def __init__(self, batches: Sequence[Any], place: Callable[[Any], Any]) -> None:
        self._batches, self._place = batches, place

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, number: Any) -> Any:
        return self._place(self._batches[number])


def resident(batches: Sequence[Any], place: Callable[[Any], Any], fed: Feed | None) -> Sequence[Any]:
    """The batches on the device, to stay there where no pipeline feeds the step."""
    return Fleeting(batches, place) if fed else [place(batch) for batch in batches]


class _Made:
    """What torch's loader takes for a data set."""

    def __init__(self, make: Callable[[int], Mapping[str, Tensor]]) -> None:
        self._make = make

    def __getitem__(self, number: int) -> Mapping[str, Tensor]:
        return self._make(number)


def feed(
    pipeline: str,
    inputs: Inputs[Any],
    make: Callable[[Callable[..., Any], int], Mapping[str, Tensor]],
    count: int,
    place: Callable[[Mapping[str, Tensor]], Any],
    setup: Setup,
) -> Feed | None:
    """The pipeline that the axis asks for, or None where it is off; ``make(read, i)`` makes batch ``i``.

    Raises:
        NotImplementedError: the inputs are generated, and there is nothing to read.
    """
    if pipeline == OFF:
        return None
    read = inputs.read
    if read is None:
        raise NotImplementedError(
            "no input pipeline: these inputs are generated, and there is nothing to read; real ones come with "
            "pip install 'wattmark[data]' or --data PATH"
        )
    return Feed(lambda number: make(read, number), count, int(pipeline), place, setup)
