"""What torch.compile took in this process, by its own clock: not the first step's, which holds more."""

from __future__ import annotations

import sys

from bench.record import Reading

_SECOND = 1e6  # µs


def compiling() -> dict[str, Reading]:
    """``time.compile``: seconds of all compilations so far, forward and backward.

    The source says how many graphs torch took from its cache on disk, where replicates and runs before have left them:
    an interval over replicates that found different things there is one over different work.
    """
    dynamo = sys.modules.get("torch._dynamo.utils")
    if dynamo is None or not dynamo.counters["frames"]["total"]:
        return {"time.compile": Reading.absent("nothing was compiled")}
    told = dynamo.get_compilation_metrics()
    took = [metrics.duration_us for metrics in told]
    if not took or None in took:
        return {"time.compile": Reading.absent("torch does not say how long it compiled")}
    kept = sum(metrics.inductor_fx_local_cache_hit_count or 0 for metrics in told)
    graphs = kept + sum(metrics.inductor_fx_local_cache_miss_count or 0 for metrics in told)
    source = f"torch._dynamo compilation metrics, {kept} of {graphs} graphs from torch's cache on disk"
    return {"time.compile": Reading(sum(took) / _SECOND, source)}
