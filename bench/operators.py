"""What torch is asked to do: every operator that is dispatched, and the FLOPs of those that multiply."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode


class Operators(TorchDispatchMode):
    """Counts what is dispatched within it: ``ran``, how often by the name of the overload, and ``flop``.

    Operators that are made of others are counted as those: autograd takes them apart, inference mode does not, and the
    same model shall count the same. FLOPs are those of the operators whose formula torch knows.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ran = Counter[str]()
        self.flop = 0
        self._formulas = _formulas()

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, torch._ops.OpOverload):
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        result = func(*args, **kwargs)
        self.ran[str(func)] += 1
        formula = self._formulas.get(getattr(func, "_overloadpacket", None))
        if formula is not None:
            self.flop += int(formula(*args, **kwargs, out_val=result))
        return result


def _formulas() -> dict[Any, Any]:
    """FLOPs of an operator's call: torch's table, and the CPU's fused attention, whose arguments are as the GPU's."""
    from torch.utils.flop_counter import flop_registry

    aten = torch.ops.aten
    known: dict[Any, Any] = dict(flop_registry)
    for end in ("", "_backward"):
        fused = getattr(aten, f"_scaled_dot_product_flash_attention_for_cpu{end}")
        known.setdefault(fused, known[getattr(aten, f"_scaled_dot_product_flash_attention{end}")])
    return known
