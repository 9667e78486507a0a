"""Where the compute-optimal budget of a training run lies: what its data and its model say of each other.

Hoffmann et al. 2022 (arXiv 2203.15556) found that of one compute budget C = 6 N D, a dense language model learns most
where its tokens D are about 20 times its parameters N.
"""

from __future__ import annotations

import math
from typing import Any

from reports.plan.inputs import Quantity
from reports.plan.step import Step, number
from reports.plan.training import BY_MODEL, FLOPS

_NO_TOKENS = "the workload counts no tokens"


def _tokens(k: Any) -> Quantity:
    if k.basis == BY_MODEL:
        return k.tokens
    if not number(k.training_items):
        return k.basis
    return k.training_items * k.token_item if number(k.token_item) else _NO_TOKENS


def _model(k: Any) -> Quantity:
    return k.parameters if k.basis == BY_MODEL else k.measured_parameters


BUDGET = (
    Step(
        "model", "Parameters of the model", "", "#,##0",
        (),
        f'IF({{basis}}="{BY_MODEL}",{{parameters}},{{measured_parameters}})',
        _model,
        "training",
    ),
    Step(
        "training_tokens", "Tokens of the run", "tokens", "#,##0",
        (),
        f'IF({{basis}}="{BY_MODEL}",{{tokens}},IF(ISNUMBER({{training_items}}),'
        f'IF(ISNUMBER({{token_item}}),{{training_items}}*{{token_item}},"{_NO_TOKENS}"),{{basis}}))',
        _tokens,
        "training",
    ),
    Step(
        "optimal_tokens", "Compute-optimal tokens for this model", "tokens", "#,##0",
        ("model", "training_tokens", "tokens_per_parameter"),
        "{tokens_per_parameter}*{model}",
        lambda k: k.tokens_per_parameter * k.model,
        "training",
    ),
    Step(
        "token_share", "Tokens over the compute-optimal", "ratio", "0.000",
        ("training_tokens", "optimal_tokens"),
        "{training_tokens}/{optimal_tokens}",
        lambda k: k.training_tokens / k.optimal_tokens,
        "training",
    ),
    Step(
        "optimal_parameters", "Compute-optimal model for the same FLOPs", "parameters", "#,##0",
        ("training_flop", "training_tokens", "tokens_per_parameter"),
        f"SQRT({{training_flop}}/({FLOPS}*{{tokens_per_parameter}}))",
        lambda k: math.sqrt(k.training_flop / (FLOPS * k.tokens_per_parameter)),
        "training",
    ),
    Step(
        "optimal_budget", "and its tokens", "tokens", "#,##0",
        ("optimal_parameters",),
        "{optimal_parameters}*{tokens_per_parameter}",
        lambda k: k.optimal_parameters * k.tokens_per_parameter,
        "training",
    ),
)  # fmt: skip
