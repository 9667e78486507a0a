"""Run under the fake library: reads a GPU at moments of the script's timeline; prints what each answered, as JSON.

Usage: read.py UUID MOMENT EXPRESSION [MOMENT EXPRESSION...], where an expression is Python of ``gpu`` and ``keep``, a
dictionary that lasts. What is refused prints as {"refused": REASON}. The moment `-` leaves the clock running.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, is_dataclass
from typing import Any

from bench.errors import Unavailable
from bench.nvml import Gpu


def plain(answer: Any) -> Any:
    return asdict(answer) if is_dataclass(answer) and not isinstance(answer, type) else str(answer)


def read(expression: str, names: dict[str, Any]) -> Any:
    try:
        return eval(expression, names)
    except Unavailable as unavailable:
        return {"refused": str(unavailable)}


uuid, *reads = sys.argv[1:]
answers = []
with Gpu(uuid) as gpu:
    names = {"gpu": gpu, "keep": {}}
    for moment, expression in zip(reads[::2], reads[1::2], strict=True):
        if moment == "-":
            os.environ.pop("FAKE_NVML_TIME", None)
        else:
            os.environ["FAKE_NVML_TIME"] = moment
        answers.append(read(expression, names))
print(json.dumps(answers, default=plain))
