"""Whisper's decoding (Radford et al. 2022): the step, the ways to the same text, and what it costs."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from workloads import flops, steps

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from workloads.setup import Setup

# The multilingual vocabulary: <|startoftranscript|><|en|><|transcribe|><|notimestamps|>, and the end of text.
START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS, END = 50_258, 50_259, 50_359, 50_363, 50_257
_PROMPT = 4  # tokens

Decode = Callable[[Any, "Tensor", int], None]


class LastPass:
    """Watches the output layer: how many positions each pass of the decoder had, and the logits of the last one."""

    def __init__(self) -> None:
        self.passes: list[int] = []

    def __call__(self, module: Any, args: Any, logits: Tensor) -> None:
        self.passes.append(logits.shape[1])
        self.logits = logits[:, -1]


def generate(model: Any, features: Tensor, tokens: int) -> None:
    """So many tokens of text by transformers' ``generate``."""
    # Without force_unique_generate_call a timestamp among the random tokens would cut the window there and transcribe
    # the rest anew.
    model.generate(features, force_unique_generate_call=True)


@cache  # to put it there waits for all that the device has still to do
def _prompt(device: torch.device) -> Tensor:
    import torch

    return torch.tensor([[START, ENGLISH, TRANSCRIBE, NO_TIMESTAMPS]], device=device)


def greedily(model: Any, features: Tensor, tokens: int) -> None:
    """The same tokens as by ``generate``: the likeliest each time, the end of text forbidden."""
    import torch
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    encoded = (model.model.encoder(features).last_hidden_state,)
    cached = EncoderDecoderCache(DynamicCache(), DynamicCache())
    ids = _prompt(features.device).expand(len(features), -1)
    for _ in range(tokens):
        found = model(encoder_outputs=encoded, decoder_input_ids=ids, past_key_values=cached, use_cache=True)
        logits = found.logits[:, -1].clone()  # the step gives them as they are
        logits[:, END] = -torch.inf
        ids = logits.argmax(-1, keepdim=True)


def step(
    model: Any,
    batches: Sequence[Tensor] | Callable[[int], Tensor],
    tokens: int,
    setup: Setup,
    decode: Decode = generate,
) -> Callable[[int], Tensor]:
    """Greedy decoding of one batch of spectrograms; gives the logits of the last token, (batch_size, vocabulary).

    What ``generate`` gives are token ids, which are finite whatever went wrong; these logits come from the cache of
    all tokens before and cost nothing to keep. That the passes were as many as asked for is seen from their shapes,
    without waiting for the device.
    """
    import torch

    # Whisper's generate writes every default into the options that it hands on, and is then warned in each call that
    # a length is set twice: in the step that would be two lines of stderr.
    logging.getLogger("transformers.generation").setLevel(logging.ERROR)

    batch = steps.in_turn(batches)

    def run(i: int) -> Tensor:
        last, features = LastPass(), batch(i)
        with model.proj_out.register_forward_hook(last), torch.inference_mode(), setup.precision.autocast():
            decode(model, features, tokens)
        if last.passes != [_PROMPT] + [1] * (tokens - 1):
            raise RuntimeError(f"Whisper decoded {len(last.passes)} tokens; {tokens} were asked for")
        return last.logits

    return run


def batch_flops(model: Any, batch_size: int, tokens: int) -> int:
    """FLOPs of the encoder, and of the decoder token by token with its cache, for one batch.

    The first pass takes the prompt and fills the cache of the audio; each further pass takes one token, and costs more
    than the one before by the same amount, its attention to one token more. So three passes are counted, not all.
    """
    import torch
    from transformers.cache_utils import DynamicCache, EncoderDecoderCache

    twin = flops.meta_copy(model)
    frames = 2 * model.config.max_source_positions
    features = torch.empty(batch_size, model.config.num_mel_bins, frames, device="meta")
    cached = EncoderDecoderCache(DynamicCache(), DynamicCache())
    encoded: list[Any] = []

    @torch.no_grad()
    def decode(length: int) -> None:
        ids = torch.empty(batch_size, length, dtype=torch.long, device="meta")
        twin(encoder_outputs=encoded[0], decoder_input_ids=ids, past_key_values=cached, use_cache=True)

    @torch.no_grad()
    def encode() -> None:
        encoded.append(twin.model.encoder(features))

    encoder = flops.count(encode)
    first, second, third = (flops.count(partial(decode, length)) for length in (_PROMPT, 1, 1))
    further = tokens - 1
    return encoder + first + further * second + (third - second) * (further * (further - 1) // 2)
