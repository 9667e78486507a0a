"""Models of our own making. These modules import torch at their top, so workloads import them in functions only."""
