"""What torch is asked to do: every operator that is dispatched, its FLOPs where it multiplies, and its bytes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from math import frexp, inf, prod
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Operators(TorchDispatchMode):
    """Counts what is dispatched within it: ``ran``, how often by the name of the overload, ``flops`` by the type that
    is multiplied in, and ``bytes``. ``groups`` are the FLOPs and bytes of operators alike in intensity, to a factor of
    two, lowest first: what limits a device's operators differs among them.

    Operators that are made of others are counted as those: autograd takes them apart, inference mode does not, and the
    same model shall count the same. FLOPs are those of the operators whose formula torch knows. Bytes are what each
    operator reads and writes, as if there were no cache and nothing were fused: an upper bound of the memory's traffic.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.ran = Counter[str]()
        self.flops = Counter[str]()
        self.bytes = 0
        self._groups: dict[float, tuple[int, int]] = {}
        self._formulas = _formulas()

    @property
    def groups(self) -> list[tuple[int, int]]:
        return [both for _, both in sorted(self._groups.items())]

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if isinstance(func, torch._ops.OpOverload):
            with self:
                made = func.decompose(*args, **kwargs)
            if made is not NotImplemented:
                return made
        result = func(*args, **kwargs)
        self.ran[str(func)] += 1
        moved = traffic(func, args, kwargs, result)
        formula = self._formulas.get(getattr(func, "_overloadpacket", None))
        flop = 0 if formula is None else int(formula(*args, **kwargs, out_val=result))
        self.bytes += moved
        if flop:
            self.flops[_type(args)] += flop
        if flop or moved:
            level = frexp(flop / max(moved, 1))[1] if flop else -inf
            before = self._groups.get(level, (0, 0))
            self._groups[level] = before[0] + flop, before[1] + moved
        return result


def _type(args: tuple[Any, ...]) -> str:
    """What a product is computed in, by the name of the type of its first factor."""
    tensors = (value for value in tree_leaves(args) if isinstance(value, torch.Tensor))
    return next((str(tensor.dtype).removeprefix("torch.") for tensor in tensors), "no tensor")


# They give out memory and write nothing into it.
_EMPTY = ("empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided")
# Views that torch does not mark as such.
_VIEWS = ("_unsafe_view", "_reshape_alias", "lift_fresh")
# Of what they pick from, they read no more than they give.
_GATHERS = ("embedding", "index", "index_select", "gather")


def traffic(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> int:
    """Bytes that an operator's call reads and writes: its tensors, a repeated one as large as what is repeated.

    What is written in place is read and written; a view costs nothing.
    """
    schema = getattr(func, "_schema", None)
    if schema is None:  # an operator of a higher order: nobody says what it does with its tensors
        return _size([*args, *kwargs.values()]) + _size(result)
    name = schema.name.rpartition("::")[2]
    if name in _EMPTY or name in _VIEWS:
        return 0
    given = list(_given(schema, args, kwargs))
    written = [value for argument, value in given if _is_written(argument)]
    if not written and any(returned.alias_info for returned in schema.returns):
        return 0
    made = result if isinstance(result, tuple) else (result,)
    new = [value for returned, value in zip(schema.returns, made, strict=False) if returned.alias_info is None]
    read = [_size(value) for argument, value in given if not argument.is_out]
    if name in _GATHERS:
        read[0] = min(read[0], _size(new))
    return sum(read) + _size(written) + _size(new)


def _given(schema: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    for index, argument in enumerate(schema.arguments):
        if index < len(args):
            yield argument, args[index]
        elif argument.name in kwargs:
            yield argument, kwargs[argument.name]


def _is_written(argument: Any) -> bool:
    return argument.alias_info is not None and argument.alias_info.is_write


def _size(values: Any) -> int:
    """Bytes of the tensors in some values."""
    tensors: Iterable[Any] = (value for value in tree_leaves(values) if isinstance(value, torch.Tensor))
    return sum(_elements(tensor) * tensor.element_size() for tensor in tensors)


def _elements(tensor: torch.Tensor) -> int:
    """How many elements lie behind a tensor: along a dimension that is only repeated there is one."""
    if tensor.layout != torch.strided:
        return tensor.numel()
    return prod(
        1 if size > 1 and stride == 0 else size for size, stride in zip(tensor.shape, tensor.stride(), strict=True)
    )


def _formulas() -> dict[Any, Any]:
    """FLOPs of an operator's call: torch's table, and the CPU's fused attention, whose arguments are as the GPU's."""
    from torch.utils.flop_counter import flop_registry

    aten = torch.ops.aten
    known: dict[Any, Any] = dict(flop_registry)
    for end in ("", "_backward"):
        fused = getattr(aten, f"_scaled_dot_product_flash_attention_for_cpu{end}")
        known.setdefault(fused, known[getattr(aten, f"_scaled_dot_product_flash_attention{end}")])
    return known
