"""What workloads run on: real text, photographs and speech where their packages are installed, else generated ones.

Every input is made from one constant seed and kept as it comes from a decoder (token ids, 8-bit pixels, 16-bit
samples). Its hash is taken over that, before any conversion, so it is the same on every device and in every precision.
"""

from workloads.inputs.source import SEED, Inputs, describe, distinct

__all__ = ["SEED", "Inputs", "describe", "distinct"]
