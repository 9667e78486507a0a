"""What runs: real models at their published sizes, on real inputs.

A workload is a frozen dataclass whose fields are its axes; `prepare` builds everything and hands over the step.
Add one by writing a file here, or anywhere on the Python path: its name is its import path, ``package.module:Class``.
torch and transformers are imported inside functions, because the command line reads the axes of these files and must
not pay for a second of imports.
"""

from workloads.prepared import Prepared
from workloads.setup import Setup

__all__ = ["Prepared", "Setup"]
