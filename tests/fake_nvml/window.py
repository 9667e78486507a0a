"""Run under the fake library: one meter, the idle device and then windows of so many seconds; prints all as JSON.

Usage: window.py TARGET SECONDS...; a TARGET that begins with GPU- or MIG- is the case's own device.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict
from types import SimpleNamespace

from bench.meters import open_meters

target, *windows = sys.argv[1:]
own = target.startswith(("GPU-", "MIG-"))
device = SimpleNamespace(name="cuda:0" if own else "cpu", kind="cuda" if own else "cpu", uuid=target if own else None)
meter = open_meters(["nvml" if own else f"nvml:{target}"], device)
idle = meter.before()
found = []
for seconds in windows:
    meter.start()
    time.sleep(float(seconds))
    found.append({name: asdict(reading) for name, reading in meter.stop().items()})
facts = meter.facts()
meter.close()
print(json.dumps({"idle": {name: asdict(one) for name, one in idle.items()}, "windows": found, "facts": facts}))
