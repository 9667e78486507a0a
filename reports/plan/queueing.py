"""How busy a device may be and still answer in time.

The model: requests arrive at random (Poisson) and are served in their order, by steps of one length s, each of which
takes what waits, up to b requests, and never waits for more. What the objective leaves beside its own step, w, a
request may wait.

A backlog of more than v requests has a probability of at most exp(-x v), where x / (exp(x) - 1) is the utilisation
(Lundberg's inequality; for queues Kingman 1964). Who waits longer than w found more than b (w / s - 1) requests, or
w / s where a step takes one. So at least a share p waits no longer than w at a utilisation of x / (exp(x) - 1) for
x = -ln(1 - p) / backlog. Besides, who finds no step running does not wait, and of the time steps run for no more than
utilisation times b: a utilisation of (1 - p) / b is enough for any w.
"""

from __future__ import annotations

import math
from typing import Any

# Beyond the one what is allowed is nothing, and below the other all; further out exp(x) - 1 cannot be computed.
_MOST, _LEAST = 700, 0.000001

# The share of requests that must keep the objective, by the name of its percentile.
_SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
_SHARE = 'IF({percentile}="p50",0.5,IF({percentile}="p95",0.95,0.99))'

_SLACK = "({slo}/1000/{step}-1)"  # w / s
_BACKLOG = f"IF({{batch_size}}=1,{_SLACK},{{batch_size}}*({_SLACK}-1))"
_X = f"MAX({_LEAST:f},MIN({_MOST},-LN(1-{_SHARE})/{_BACKLOG}))"

ALLOWED = f"MAX((1-{_SHARE})/{{batch_size}},IF({_BACKLOG}>0,{_X}/(EXP({_X})-1),0))"


def busy_formula(full: str) -> str:
    """`busy` as a formula, of the utilisation ``full``."""
    found = f"({full}*{{batch_size}})"
    return f"MAX({full},{found}/({found}+EXP(-{found})))"


def busy(full: float, batch_size: float) -> float:
    """The share of the time that steps run, at a utilisation ``full`` of what full steps would serve.

    Whoever never waits for more runs part-filled steps: after a step nobody waits with a probability of at most
    exp(-u), u = full x b being the requests that arrive during one, and the next request then comes after s / u. So at
    least u / (u + exp(-u)) of the time steps run, and more only where what waits is more than a step takes.
    """
    arriving = full * batch_size
    return max(full, arriving / (arriving + math.exp(-arriving)))


def allowed(k: Any) -> float:
    """The utilisation that keeps the objective ``slo`` (ms) at its percentile, with steps of ``step`` (s)."""
    share = _SHARES[k.percentile]
    slack = k.slo / 1000 / k.step - 1
    backlog = slack if k.batch_size == 1 else k.batch_size * (slack - 1)
    enough: float = (1 - share) / k.batch_size
    if backlog <= 0:
        return enough
    x = max(_LEAST, min(_MOST, -math.log(1 - share) / backlog))
    return max(enough, x / (math.exp(x) - 1))
