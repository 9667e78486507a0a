"""Wattmark measures what a model step costs on a machine: time, memory, watts and joules.

`from bench import measure` measures a step of one's own code; nothing else here is meant to be imported from the top.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bench.measurement import Measurement, measure

__version__ = "0.1.0"
__all__ = ["Measurement", "__version__", "measure"]


def __getattr__(name: str) -> Any:
    """Load `measure` when it is asked for (PEP 562): the package itself must not cost the import of torch."""
    if name not in ("Measurement", "measure"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from bench import measurement

    return getattr(measurement, name)
