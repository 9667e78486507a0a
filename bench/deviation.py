"""How far a step's numbers lie from those of the same work in strict fp32 by the plain way.

Both ways begin with the same weights, see the same batches, and leave dropout out, so that nothing differs but the
arithmetic. A training step is compared by the losses of its first steps, which hold forward pass, gradients and
updates, an inference by all that it puts out. Each is one root mean square, relative to the reference's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from bench.building import build
from bench.case import REFERENCE, Case
from bench.compiling import compiling
from bench.device import Device
from bench.errors import Unavailable, in_one_line
from bench.job import Job
from bench.measured_peaks import is_peak
from bench.record import Reading
from workloads import Prepared

LOSS, OUTPUT = "deviation.loss", "deviation.output"
STEPS = 8
MOST_SECONDS = 10.0  # for each of the two ways: a measured replicate is not risked for a comparison
MOST_NUMBERS = 1 << 26  # that are held of each way: a language model's logits can fill the host's memory
# Beyond this the two ways have not rounded otherwise, they have computed something else: weights or inputs drawn in
# another type are other numbers.
_UNLIKE = 0.5


def deviation(job: Job, prepared: Prepared, where: Device, step_seconds: float) -> Mapping[str, Reading]:
    """The deviation of a case that was measured, by metric; ``step_seconds`` is what one of its steps takes.

    The process is set up for the reference afterwards. Whatever fails costs the deviation, and never raises.
    """
    name, other = (LOSS, OUTPUT) if prepared.trains else (OUTPUT, LOSS)
    unlike = Reading.absent("the step trains" if prepared.trains else "the step does not train")
    return {name: _reading(job, prepared, where, step_seconds), other: unlike}


def _reading(job: Job, prepared: Prepared, where: Device, step_seconds: float) -> Reading:
    if job.case.reference == job.case:
        return Reading.absent(REFERENCE)
    if is_peak(job.case):
        return Reading.absent("a peak computes nothing that is of use")
    try:
        return _compared(job, prepared, where, step_seconds)
    except Unavailable as why:
        return Reading.absent(str(why))
    except Exception as error:  # a comparison must never cost what was measured
        return Reading.absent(in_one_line(error))


def _compared(job: Job, prepared: Prepared, where: Device, step_seconds: float) -> Reading:
    wanted = STEPS if prepared.trains else min(STEPS, len(prepared.work))
    steps = min(wanted, int(MOST_SECONDS / step_seconds))
    if steps < 1:
        raise Unavailable(f"not compared: one more step would have taken {step_seconds:.0f} s")
    found = _outcomes(_anew(job, prepared, where), where, steps)
    expected = _outcomes(_built(job, job.case.reference, where), where, steps)
    both = min(len(found), len(expected))
    number = _loss(found[:both], expected[:both]) if prepared.trains else _output(found[:both], expected[:both])
    if number > _UNLIKE:
        raise Unavailable(f"off by {number:.0%}, which is more than rounding: its weights or inputs must be others")
    what = f"{both} step{'s' * (both != 1)}" if prepared.trains else f"{both} batch{'es' * (both != 1)}"
    return Reading(number, f"{what} beside strict fp32 by the plain way, from the same weights and without dropout")


def _anew(job: Job, prepared: Prepared, where: Device) -> Prepared:
    """The case as it was before it learnt anything: what was measured itself, where that does not learn.

    Raises:
        Unavailable: it would have to be compiled again, for too long.
    """
    if not prepared.trains and prepared.feed is None:
        return prepared
    compiled = compiling()["time.compile"].value
    if compiled is not None and compiled > MOST_SECONDS:
        raise Unavailable(f"not compared: to compile it again would have taken {compiled:.0f} s")
    return _built(job, job.case, where)


def _built(job: Job, case: Case, where: Device) -> Prepared:
    """A case without a pipeline, whose batches are the same ones, and without dropout."""
    axes = {name: value for name, value in case.parameters.items() if name != "pipeline"}
    return build(replace(job, case=replace(case, parameters=axes)), where, dropout=False).prepared


def _outcomes(prepared: Prepared, where: Device, steps: int) -> Sequence[torch.Tensor]:
    """What the first steps give, on the host; of fewer steps where they take too long or give too much.

    Raises:
        Unavailable: what a step gives cannot be compared.
    """
    found: list[torch.Tensor] = []
    state, begin = _random_state(where), time.perf_counter()
    while len(found) < steps and (not found or time.perf_counter() - begin < MOST_SECONDS):
        outcome = prepared.step(len(found))
        if not outcome.is_floating_point():
            raise Unavailable("the step gives whole numbers: they are right or wrong, and no more or less so")
        if sum(one.numel() for one in (*found, outcome)) > MOST_NUMBERS:
            if not found:
                raise Unavailable(f"not compared: the step gives {outcome.numel()} numbers")
            break
        found.append(outcome.detach().cpu())
    if not all(map(torch.equal, state, _random_state(where))):
        raise Unavailable("the step draws random numbers, which differ from one way of computing to another")
    if not all(one.isfinite().all() for one in found):
        raise Unavailable("a step gave what is no finite number")
    return found


def _random_state(where: Device) -> Sequence[torch.Tensor]:
    on_host = torch.get_rng_state()
    return [on_host] if where.kind == "cpu" else [on_host, torch.get_device_module(where.torch).get_rng_state()]


def _loss(found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> float:
    """Root mean square of the losses' relative errors, each step's counting the same."""
    errors = [float((one.double() - other) / other) for one, other in zip(found, expected, strict=True)]
    return math.sqrt(sum(error**2 for error in errors) / len(errors))


def _output(found: Sequence[torch.Tensor], expected: Sequence[torch.Tensor]) -> float:
    """Root mean square of the error, relative to that of the expected output; all batches together."""
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            raise Unavailable(f"the step gives {tuple(one.shape)}, and the plain one {tuple(other.shape)}")
    error = sum(float((one.double() - other).pow(2).sum()) for one, other in zip(found, expected, strict=True))
    whole = sum(float(other.double().pow(2).sum()) for other in expected)
    if whole == 0:
        raise Unavailable("the plain step gives nothing but 0")
    return math.sqrt(error / whole)
