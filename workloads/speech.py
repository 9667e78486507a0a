"""Speech to text: wav2vec 2.0 (Baevski et al. 2020) and Whisper (Radford et al. 2022) at their published sizes."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workloads import flops, inputs, steps, weights
from workloads.axes import check
from workloads.inputs.audio import SAMPLE_RATE, clips
from workloads.prepared import Prepared

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.setup import Setup

# Worth importing once before forking; none of them runs anything or touches a device.
PRELOAD = (
    "transformers.models.wav2vec2.modeling_wav2vec2",
    "transformers.models.whisper.modeling_whisper",
    "transformers.models.whisper.feature_extraction_whisper",
    "torch.utils.flop_counter",
)

_MOST_CLIPS = 16

# (layers of encoder and of decoder each, width); a head is 64 wide and the inner layer four times the width.
_WHISPER_SIZES = {"tiny": (4, 384), "base": (6, 512), "small": (12, 768)}

# The multilingual vocabulary: <|startoftranscript|><|en|><|transcribe|><|notimestamps|>, and the end of text.
_START, _ENGLISH, _TRANSCRIBE, _NO_TIMESTAMPS, _END = 50_258, 50_259, 50_359, 50_363, 50_257
_PROMPT = 4  # tokens


@dataclass(frozen=True)
class Recognize:
    """wav2vec2-base inference: one batch of speech to character logits (CTC).

    Samples go in as they are, but for mean and variance, which ``prepare`` makes 0 and 1 for every clip.
    """

    version: ClassVar[int] = 1
    batch_size: int = 4
    seconds: int = 10

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), seconds=(1, 600))

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of clips."""
        model = self._build(setup).eval()
        speech, batches = _speech(setup.data, self.batch_size, self.seconds)
        resident = [{"input_values": _standardised(batch["samples"], setup)} for batch in batches]
        return Prepared(
            step=steps.inference_step(model, resident, setup.precision),
            work=[{"audio_s": self.batch_size * self.seconds, "clip": self.batch_size}] * len(batches),
            inputs=inputs.describe(speech, batches),
            model=weights.describe(model, setup),
            flops=flops.batch_flops(model, resident, trains=False),
        )

    def _build(self, setup: Setup) -> Any:
        from transformers import Wav2Vec2Config
        from transformers.models.wav2vec2.modeling_wav2vec2 import Wav2Vec2ForCTC

        config = Wav2Vec2Config()  # the defaults are wav2vec2-base
        return weights.build(Wav2Vec2ForCTC, config, setup, ("hidden_size", "num_hidden_layers"))


@dataclass(frozen=True)
class Transcribe:
    """Whisper inference: one batch of speech decoded greedily to a fixed number of tokens.

    The encoder always sees a window of 30 s, padded with silence; ``audio_s`` counts the speech in it. The log-mel
    spectrogram is made in ``prepare``, not in the step. The step is transformers' ``generate`` with its cache, which
    waits for the device once a token to see whether all texts have ended. The end of text is forbidden until
    ``tokens`` tokens are out, so every text has exactly that many; the prompt's four are not counted.
    """

    version: ClassVar[int] = 1
    size: Literal["tiny", "base", "small"] = "base"
    batch_size: int = 4
    seconds: int = 30
    tokens: int = 100  # about what 30 s of reading aloud hold

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), seconds=(1, 30), tokens=(1, 444))  # the decoder has 448 positions

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of spectrograms.

        The step raises RuntimeError if another number of tokens comes out.
        """
        model = self._build(setup).eval()
        speech, batches = _speech(setup.data, self.batch_size, self.seconds)
        features = [_log_mel(batch["samples"], setup) for batch in batches]
        count = cache(lambda: transcription_flops(model, self.batch_size, self.tokens))
        work = {
            "audio_s": self.batch_size * self.seconds,
            "clip": self.batch_size,
            "token": self.batch_size * self.tokens,
        }
        return Prepared(
            step=_transcription_step(model, features, self.tokens, setup),
            work=[work] * len(batches),
            inputs=inputs.describe(speech, batches),
            model=weights.describe(model, setup),
            flops=lambda i: count(),
        )

    def _build(self, setup: Setup) -> Any:
        from transformers import GenerationConfig, WhisperConfig
        from transformers.models.whisper.modeling_whisper import WhisperForConditionalGeneration

        layers, width = _WHISPER_SIZES[self.size]
        config = WhisperConfig(
            d_model=width,
            encoder_layers=layers,
            decoder_layers=layers,
            encoder_attention_heads=width // 64,
            decoder_attention_heads=width // 64,
            encoder_ffn_dim=4 * width,
            decoder_ffn_dim=4 * width,
            decoder_start_token_id=_START,
            bos_token_id=_END,
            eos_token_id=_END,
            pad_token_id=_END,
            begin_suppress_tokens=None,
        )
        shape = ("d_model", "encoder_layers", "decoder_layers", "vocab_size")
        model = weights.build(WhisperForConditionalGeneration, config, setup, shape)
        if setup.model is None:
            _forbid_timestamps(model)
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            decoder_start_token_id=_START,
            bos_token_id=_END,
            eos_token_id=_END,
            pad_token_id=_END,
            is_multilingual=True,
            lang_to_id={"<|en|>": _ENGLISH},
            task_to_id={"transcribe": _TRANSCRIBE},
            no_timestamps_token_id=_NO_TIMESTAMPS,
            return_timestamps=False,
            language="en",
            task="transcribe",
            num_beams=1,
            do_sample=False,
            min_new_tokens=self.tokens,
            max_new_tokens=self.tokens,
        )
        return model


def _forbid_timestamps(model: Any) -> None:
    """Give every timestamp the logit 0, which no random model puts first.

    ``generate`` cuts the text at timestamps, so random weights that happen to write some would do more than others.
    """
    import torch

    with torch.no_grad():
        model.proj_out.weight[_NO_TIMESTAMPS + 1 :].zero_()


class _LastPass:
    """Watches the output layer: how many positions each pass of the decoder had, and the logits of the last one."""

    def __init__(self) -> None:
        self.passes: list[int] = []

    def __call__(self, module: Any, args: Any, logits: Tensor) -> None:
        self.passes.append(logits.shape[1])
        self.logits = logits[:, -1]


def _transcription_step(model: Any, batches: Sequence[Tensor], tokens: int, setup: Setup) -> Callable[[int], Tensor]:
    """Greedy decoding of one batch of spectrograms; gives the logits of the last token, (batch_size, vocabulary).

    What ``generate`` gives are token ids, which are finite whatever went wrong; these logits come from the cache of
    all tokens before and cost nothing to keep. That the passes were as many as asked for is seen from their shapes,
    without waiting for the device.
    """
    import torch

    # Whisper's generate writes every default into the options that it hands on, and is then warned in each call that
    # a length is set twice: in the step that would be two lines of stderr.
    logging.getLogger("transformers.generation").setLevel(logging.ERROR)

    def step(i: int) -> Tensor:
        last = _LastPass()
        with model.proj_out.register_forward_hook(last), torch.inference_mode(), setup.precision.autocast():
            # Without force_unique_generate_call a timestamp among the random tokens would cut the window there and
            # transcribe the rest anew.
            model.generate(batches[i % len(batches)], force_unique_generate_call=True)
        if last.passes != [_PROMPT] + [1] * (tokens - 1):
            raise RuntimeError(f"Whisper decoded {len(last.passes)} tokens; {tokens} were asked for")
        return last.logits

    return step


def transcription_flops(model: Any, batch_size: int, tokens: int) -> int:
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


def _speech(data: str, batch_size: int, seconds: int) -> tuple[Any, list[dict[str, Tensor]]]:
    """16-bit samples of shape (batch_size, seconds * 16 000) as recorded."""
    import torch

    count = inputs.distinct(batch_size, _MOST_CLIPS)
    speech = clips(data, count * batch_size, seconds)
    return speech, [{"samples": samples} for samples in torch.from_numpy(speech.content).chunk(count)]


def _standardised(samples: Tensor, setup: Setup) -> Tensor:
    """Clips on the device as wav2vec2 takes them: mean 0 and variance 1 each."""
    waves = samples.to(setup.device).float() / 32_768
    centred = waves - waves.mean(dim=1, keepdim=True)
    return (centred / (centred.var(dim=1, keepdim=True, correction=0) + 1e-7).sqrt()).to(setup.precision.weights)


def _log_mel(samples: Tensor, setup: Setup) -> Tensor:
    """Clips on the device as Whisper takes them: (batch_size, 80, 3000), by transformers' own feature extractor."""
    from transformers.models.whisper.feature_extraction_whisper import WhisperFeatureExtractor

    waves = [clip.numpy() for clip in samples.float() / 32_768]
    extract = WhisperFeatureExtractor()  # type: ignore[no-untyped-call]
    made = extract(waves, sampling_rate=SAMPLE_RATE, return_tensors="pt", device=str(setup.device))
    features: Tensor = made.input_features.to(setup.device, setup.precision.weights)
    return features
