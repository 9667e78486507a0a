"""One thin layer over NVIDIA's management library: SI units out, and every error a reason in NVML's own words.

The only package that imports pynvml, the module of the distribution nvidia-ml-py. Devices are found by UUID: NVML
counts in PCI order, CUDA fastest first and only what CUDA_VISIBLE_DEVICES lets through.
"""

from bench.nvml.driver import ListedGpu, nvml_devices
from bench.nvml.facts import describe
from bench.nvml.fields import Stamped
from bench.nvml.gpm import Gpm
from bench.nvml.gpu import Gpu, Memory
from bench.nvml.processes import Process

__all__ = [
    "Gpm",
    "Gpu",
    "ListedGpu",
    "Memory",
    "Process",
    "Stamped",
    "describe",
    "nvml_devices",
]
