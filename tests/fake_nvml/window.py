"""Run under the fake library: one window of a GPU by a fake clock; prints the readings as JSON.

Usage: window.py UUID SECONDS [TIME_OF_A_SAMPLE...]
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict

from bench.meters.nvml import NvmlMeter
from bench.nvml import Gpu

uuid, seconds, *moments = sys.argv[1:]
now = 0.0
meter = NvmlMeter(Gpu(uuid), clock=lambda: now, period=None)
meter.start()
for moment in moments:
    now = float(moment)
    meter.sample()
now = float(seconds)
readings = meter.stop()
meter.close()
print(json.dumps({name: asdict(reading) for name, reading in readings.items()}))
