"""Models at their published sizes: with random weights in a fraction of a second, or loaded from a directory."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from workloads.setup import Setup

# Random numbers drawn once and used again and again, since drawing takes ten times as long as copying. A prime, so
# that the rows of no matrix line up with the pool's period.
_POOL = 1_048_583


def build(model_class: Any, config: Any, setup: Setup, shape: tuple[str, ...], attention: str | None = None) -> Any:
    """A transformers model on the device, in the type of the precision's weights.

    Its weights are random, drawn by ``setup.seed`` from the model's own published initialization, or loaded from the
    directory ``setup.model``, whose configuration must agree with ``config`` in the fields that ``shape`` names.
    ``attention`` is transformers' name of an attention implementation; None takes the model's default. Seeds torch's
    generators with ``setup.seed``, for dropout, where there is to be any.

    Raises:
        ValueError: the directory is missing, holds no such model, or one of another shape.
    """
    import torch

    model = random(model_class, config, setup) if setup.model is None else _load(model_class, config, setup, shape)
    if attention is not None:
        model.set_attn_implementation(attention)
    if not setup.dropout:
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    torch.manual_seed(setup.seed)
    return model


def describe(model: Any, setup: Setup) -> dict[str, Any]:
    """What a record says of the model: its parameters (tied ones once) and their bytes, and where they came from."""
    parameters = list(model.parameters())
    return {
        "parameters": sum(one.numel() for one in parameters),
        "bytes": sum(one.nbytes for one in parameters),
        "weights": setup.model or "random",
    }


def random(model_class: Any, config: Any, setup: Setup) -> Any:
    """A model as its constructor would make it, in a tenth of the time.

    Built on the meta device, it is given memory on ``setup.device`` and then filled by its own initializer, which
    also writes the buffers; only its random numbers come from a pool.
    """
    import torch
    from torch.nn.utils import parametrize

    with torch.device("meta"):
        model = model_class(config)
    model.to(setup.precision.weights).to_empty(device=setup.device)
    with torch.no_grad(), _pooled_draws(setup.seed, setup.device):
        model.init_weights()  # ties the shared weights too, which to_empty parted
        for module in model.modules():
            # transformers fills the product of a weight norm, a temporary, and leaves its factors unwritten; assigning
            # writes the factors. torch's default for a convolution is what its constructor leaves behind.
            if parametrize.is_parametrized(module, "weight"):
                weight = torch.empty_like(module.weight)
                module.weight = torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
    return model


def _pooled_draws(seed: int, device: Any) -> Any:
    """A context in which ``normal_`` and ``uniform_`` take their numbers from two seeded pools.

    The pools are drawn on the CPU, so one seed means the same weights on every device.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    aten = torch.ops.aten
    generator = torch.Generator().manual_seed(seed)
    pools = {
        aten.normal_.default: torch.empty(_POOL).normal_(generator=generator).to(device),
        aten.uniform_.default: torch.empty(_POOL).uniform_(generator=generator).to(device),
    }

    class PooledDraws(TorchDispatchMode):  # type: ignore[no-untyped-call]
        position = 0

        def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
            if func not in pools:
                return func(*args, **(kwargs or {}))
            defaults: tuple[Any, ...] = (None, 0.0, 1.0)
            target, first, second = (*args, *defaults[len(args) :])  # mean and deviation, or low and high
            scale = second if func is aten.normal_.default else second - first
            self._fill(target.view(-1), pools[func], scale)
            return target if first == 0 else target.add_(first)

        def _fill(self, flat: torch.Tensor, pool: torch.Tensor, scale: float) -> None:
            done = 0
            while done < len(flat):
                count = min(len(flat) - done, _POOL - self.position)
                numbers = pool[self.position : self.position + count]
                torch.mul(numbers, scale, out=flat[done : done + count])
                done += count
                self.position = (self.position + count) % _POOL

    return PooledDraws()  # type: ignore[no-untyped-call]


def _load(model_class: Any, config: Any, setup: Setup, shape: tuple[str, ...]) -> Any:
    directory = Path(setup.model or "")
    if not (directory / "config.json").is_file():
        raise ValueError(f"model {setup.model}: no config.json there; a directory made by save_pretrained is needed")
    from safetensors import SafetensorError

    try:
        found = type(config).from_pretrained(directory, local_files_only=True)
        for name in ("model_type", *shape):
            there, wanted = getattr(found, name), getattr(config, name)
            if there != wanted:
                raise ValueError(f"{name} is {there!r} there, but this workload's axes mean {wanted!r}")
        model = model_class.from_pretrained(directory, local_files_only=True, dtype=setup.precision.weights)
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        first_line = str(error).strip().splitlines()[0]
        raise ValueError(f"model {setup.model}: {first_line}") from error
    return model.to(setup.device)
