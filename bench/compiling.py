"""What torch.compile took in this process, by its own clock: not the first step's, which holds more."""

from __future__ import annotations

import sys

from bench.record import Reading

_SECOND = 1e6  # µs


def compiling() -> dict[str, Reading]:
    """``time.compile``: seconds of all compilations so far, forward and backward."""
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is None or not dynamo.counters["frames"]["total"]:
        return {"time.compile": Reading.absent("nothing was compiled")}
    took = [metrics.duration_us for metrics in dynamo.get_compilation_metrics()]
    if not took or None in took:
        return {"time.compile": Reading.absent("torch does not say how long it compiled")}
    return {"time.compile": Reading(sum(took) / _SECOND, "torch._dynamo compilation metrics")}
