"""Rungs: named changes of how a step is computed. A workload's ``variant`` takes none of them, some, or what pays.

A variant is ``plain``, rungs joined by ``+``, or ``tuned``: every rung that pays on the device in the precision. What a
step does stays the same, up to rounding and the order of random numbers; a rung that changes what is learnt begins with
``no-``, is never part of ``tuned``, and has to be named.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
import sys
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeVar

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.setup import Setup

PLAIN, TUNED = "plain", "tuned"


@dataclass(frozen=True)
class Rung:
    """A named change: what it ``means`` in words, the axes that it ``sets``, where ``tuned`` takes it (``pays``).

    ``lacks`` says why it cannot be had somewhere, or None where it can; ``act`` sets up the process for it.
    """

    means: str
    pays: Callable[[Setup], bool]
    sets: Mapping[str, Any] = field(default_factory=dict)
    lacks: Callable[[Setup], str | None] = lambda setup: None
    act: Callable[[], None] = lambda: None


class Laddered(Protocol):
    """A workload that has rungs; its variant is one of its axes."""

    RUNGS: ClassVar[Mapping[str, Rung]]
    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def variant(self) -> str: ...


L = TypeVar("L", bound=Laddered)


def check(workload: Laddered) -> None:
    """Hold the variant against the rungs there are, and against the axes that they set.

    Raises:
        ValueError: it names a rung that the workload has not, or one against an axis that was set otherwise.
    """
    named = [] if workload.variant == PLAIN else workload.variant.split("+")
    unknown = [name for name in named if name != TUNED and name not in workload.RUNGS]
    if unknown or len(set(named)) < len(named):
        offered = ", ".join(workload.RUNGS)
        raise ValueError(f"variant {workload.variant!r}: must be plain, tuned, or some of {offered}, joined by +")
    for name in named:
        against = _against(workload, workload.RUNGS[name]) if name != TUNED else {}
        for axis, value in against.items():
            raise ValueError(f"variant {workload.variant!r}: {name} sets {axis}={value}; leave out --set {axis}")


def climb(workload: L, setup: Setup, useless: Collection[str] = ()) -> L:
    """The workload with its variant spelled out as the rungs that it takes here, and with the axes that they set.

    ``tuned`` leaves out what this device has not, what is ``useless`` on these inputs, and what would change an axis
    that was set by hand.

    Raises:
        NotImplementedError: this device has not a rung that was named.
    """
    named = [] if workload.variant == PLAIN else workload.variant.split("+")
    taken: dict[str, Rung] = {}
    for name, rung in workload.RUNGS.items():
        wanted = name in named
        pays = TUNED in named and name not in useless and not _against(workload, rung) and rung.pays(setup)
        lack = rung.lacks(setup) if wanted or pays else None
        if wanted and lack:
            raise NotImplementedError(f"variant {workload.variant}: no rung {name} here: {lack}")
        if (wanted or pays) and not lack:
            taken[name] = rung
            rung.act()
    sets = {axis: value for rung in taken.values() for axis, value in rung.sets.items()}
    changed: L = dataclasses.replace(workload, variant="+".join(taken) or workload.variant, **sets)
    return changed


def took(climbed: Laddered, name: str) -> bool:
    """Whether a workload that `climb` gave takes a rung."""
    return name in climbed.variant.split("+")


def facts(climbed: Laddered) -> dict[str, Any]:
    """What a record says of a workload that `climb` gave: the rungs that ran and what each means; of plain, nothing."""
    if climbed.variant == PLAIN:
        return {}
    return {"rungs": {name: rung.means for name, rung in climbed.RUNGS.items() if took(climbed, name)}}


def _against(workload: Laddered, rung: Rung) -> dict[str, Any]:
    """The axes that the rung would set and somebody has set to something else."""
    usual = {name: one.default for name, one in workload.__dataclass_fields__.items()}
    return {axis: value for axis, value in rung.sets.items() if getattr(workload, axis) not in (usual[axis], value)}


def always(setup: Setup) -> bool:
    """It pays on every device and in every precision."""
    return True


def never(setup: Setup) -> bool:
    """It has to be named."""
    return False


def on(*kinds: str) -> Callable[[Setup], bool]:
    """It pays on these kinds of devices."""
    return lambda setup: setup.device.type in kinds


def on_tensor_cores(setup: Setup) -> bool:
    """Whether a GPU multiplies this precision on tensor cores: 16 bits, or TF32."""
    import torch

    tf32 = torch.backends.cudnn.conv.fp32_precision == "tf32"  # type: ignore[attr-defined]
    return tf32 or setup.precision.compute is not None or setup.precision.weights != torch.float32


# torch hands fp32 products to oneDNN only where it may compute them in bf16. oneDNN then does so on CPUs that multiply
# bf16 matrices (AMX), and stays with fp32 on others, where it can be faster than MKL (1.5 times on Zen 5).
_FP32_ERROR = 1e-5  # a product rounded to bf16 is off by 3e-3, one in fp32 by 3e-7


def _use_onednn() -> None:
    import torch

    torch.backends.mkldnn.matmul.fp32_precision = "bf16"  # type: ignore[attr-defined]


def _no_onednn(setup: Setup) -> str | None:
    """Why fp32 products by oneDNN cannot be had here; the last reason is from a product that was computed so."""
    import torch

    if setup.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return "oneDNN multiplies on CPUs, where torch was built with it"
    if not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return f"torch takes it from AVX-512 on, and this is {torch.backends.cpu.get_cpu_capability()}"
    settings: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = settings.fp32_precision
    _use_onednn()
    left, right = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0)).unbind()
    error = relative_error(_product(left, right), left.double() @ right.double())
    settings.fp32_precision = before
    return f"a product has an error of {error:.0e}: it is not fp32" if error > _FP32_ERROR else None


def _product(left: Tensor, right: Tensor) -> Tensor:
    return left @ right


def relative_error(found: Tensor, exact: Tensor) -> float:
    """Root mean square, relative to that of the exact result."""
    return float((found.double() - exact).pow(2).mean().sqrt() / exact.pow(2).mean().sqrt())


ONEDNN = Rung("fp32 products by oneDNN, proved to be fp32", on("cpu"), lacks=_no_onednn, act=_use_onednn)


def _no_compiler(setup: Setup) -> str | None:
    """Why torch.compile cannot be had: for a CPU it writes C++."""
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    if setup.device.type != "cpu" or shutil.which(compiler):
        return None
    return f"torch.compile wants a C++ compiler here, and there is no {compiler} (CXX names another one)"


def compiling(*pays: str, **sets: Any) -> Rung:
    """torch.compile, which ``tuned`` takes on these kinds of devices; what it costs is no part of a warm step."""
    return Rung("compiled by torch.compile", on(*pays), sets, lacks=_no_compiler)


def _no_graphs(setup: Setup) -> str | None:
    """Why CUDA graphs cannot be had."""
    return None if setup.device.type == "cuda" else f"CUDA graphs are of CUDA devices, and this is {setup.device.type}"


def graphing(**sets: Any) -> Rung:
    """torch.compile whose kernels CUDA launches as one graph; to be named until it was measured on a GPU."""
    return Rung("compiled by torch.compile, replayed as CUDA graphs, one for each shape", never, sets, lacks=_no_graphs)


def compile_as(climbed: Laddered, model: Any) -> None:
    """Compile a model as a workload that `climb` gave wants it."""
    if took(climbed, "graphs"):
        model.compile(mode="reduce-overhead", dynamic=False)
    else:
        model.compile()
