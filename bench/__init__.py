"""Wattmark measures what a model step costs on a machine: time, memory, watts and joules."""

__version__ = "0.1.0"
