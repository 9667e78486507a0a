"""Watches a GPU from a process of its own, so that a measured step pays nothing for being watched.

The process reads all the time (`watch`), at the moments when the driver's energy counter moves (`ticks`). A window is
two moments of a clock that all processes share; what lies between them becomes readings (`trace`, `energy`).
"""
