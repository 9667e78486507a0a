"""What the power sensor says: its newest value, the driver's average, and the samples that the driver kept.

``scope`` is `GPU` or `module`: a module's are read with the module's scope, like its energy counter.
"""

from __future__ import annotations

from typing import Any

import pynvml

from bench.errors import Unavailable
from bench.nvml.driver import Refused, ask
from bench.nvml.fields import Field, Stamped, read_field, union_value

_SCOPES = {"GPU": pynvml.NVML_POWER_SCOPE_GPU, "module": pynvml.NVML_POWER_SCOPE_MODULE}
_SAMPLES = {"GPU": pynvml.NVML_TOTAL_POWER_SAMPLES, "module": pynvml.NVML_MODULE_POWER_SAMPLES}


def instant_power(handle: Any, scope: str) -> Stamped:
    """The sensor's newest value, and when it was taken. Units: W.

    Raises:
        Unavailable: in NVML's own words, or an answer of 0 W or without its time.
    """
    answer = read_field(handle, Field("power instant", pynvml.NVML_FI_DEV_POWER_INSTANT, _SCOPES[scope]), positive="W")
    if answer.stamp <= 0:
        raise Unavailable("nvmlDeviceGetFieldValues, field power instant: answered without its time")
    return Stamped(answer.value / 1e3, answer.stamp)


def average_power(handle: Any, scope: str) -> float:
    """Power drawn, averaged by the driver over 1 s on Ampere and newer (GA100 apart). Units: W.

    Raises:
        Unavailable: in NVML's own words.
    """
    if scope == "module":  # the function below knows the GPU alone
        field = Field("power average", pynvml.NVML_FI_DEV_POWER_AVERAGE, _SCOPES[scope])
        return read_field(handle, field, positive="W").value / 1e3
    return float(ask("nvmlDeviceGetPowerUsage", handle) / 1e3)


def power_samples(handle: Any, scope: str, since: int) -> list[Stamped]:
    """The driver's buffer of samples newer than ``since`` (microseconds since 1970), oldest first. Units: W.

    Empty where there is nothing new. Samples of 0 W are empty places in the buffer and are left out.

    Raises:
        Unavailable: in NVML's own words.
    """
    try:
        kind, samples = ask("nvmlDeviceGetSamples", handle, _SAMPLES[scope], since)
    except Refused as refused:
        if refused.code == pynvml.NVML_ERROR_NOT_FOUND:
            return []
        raise
    read = sorted((sample.timeStamp, union_value(sample.sampleValue, kind)) for sample in samples)
    return [Stamped(value / 1e3, stamp / 1e6) for stamp, value in read if value > 0]
