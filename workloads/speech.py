"""Speech to text: wav2vec 2.0 (Baevski et al. 2020) and Whisper (Radford et al. 2022) at their published sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from workloads import flops, inputs, rungs, steps, transcription, weights
from workloads.axes import check
from workloads.inputs import feed
from workloads.inputs.audio import SAMPLE_RATE, clips
from workloads.inputs.feed import OFF
from workloads.prepared import Prepared
from workloads.rungs import ONEDNN, Rung, climb, compile_as, compiling, graphing, took
from workloads.transcription import END, ENGLISH, NO_TIMESTAMPS, START, TRANSCRIBE

if TYPE_CHECKING:
    from torch import Tensor

    from workloads.setup import Setup

Batch = Mapping[str, "Tensor"]

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

_FOLDED = Rung("the weight norm of the positions' convolution computed once", rungs.always)
_GREEDY = Rung("a loop of decoder passes and argmax in place of generate", rungs.always)


@dataclass(frozen=True)
class Recognize:
    """wav2vec2-base inference: one batch of speech to character logits (CTC).

    Samples go in as they are, but for mean and variance, which ``prepare`` makes 0 and 1 for every clip.
    """

    version: ClassVar[int] = 1
    batch_size: int = 4
    seconds: int = 10
    variant: str = rungs.PLAIN
    pipeline: str = OFF

    RUNGS: ClassVar[Mapping[str, Rung]] = {
        "folded": _FOLDED,
        "onednn": ONEDNN,
        "compile": compiling(),
        "graphs": graphing(),
    }

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), seconds=(1, 600))
        rungs.check(self)
        feed.check(self.pipeline)

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of clips."""
        climbed = climb(self, setup)
        model = self._build(setup).eval()
        described = weights.describe(model, setup) | rungs.facts(climbed)
        if took(climbed, "folded"):
            fold(model)
        if took(climbed, "compile") or took(climbed, "graphs"):
            compile_as(climbed, model)

        def place(batch: Batch) -> Batch:
            return {"input_values": _standardised(batch["samples"], setup)}

        speech, batches = _speech(setup.data, self.batch_size, self.seconds)
        fed = _fed(self, speech, len(batches), place, setup)
        resident = feed.resident(batches, place, fed)
        return Prepared(
            step=steps.inference_step(model, fed or resident, setup.precision),
            work=[{"audio_s": self.batch_size * self.seconds, "clip": self.batch_size}] * len(batches),
            inputs=inputs.describe(speech, batches),
            model=described,
            flops=flops.batch_flops(model, resident, trains=False),
            feed=fed,
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
    spectrogram is made in ``prepare`` and not in the step, but with a pipeline, where it is part of feeding it. The
    step is transformers' ``generate`` with its cache, which waits for the device once a token to see whether all texts
    have ended. The end of text is forbidden until ``tokens`` tokens are out, so every text has exactly that many; the
    prompt's four are not counted.
    """

    version: ClassVar[int] = 1
    size: Literal["tiny", "base", "small"] = "base"
    batch_size: int = 4
    seconds: int = 30
    tokens: int = 100  # about what 30 s of reading aloud hold
    variant: str = rungs.PLAIN
    pipeline: str = OFF

    RUNGS: ClassVar[Mapping[str, Rung]] = {"greedy": _GREEDY, "onednn": ONEDNN}

    def __post_init__(self) -> None:
        check(self, batch_size=(1, None), seconds=(1, 30), tokens=(1, 444))  # the decoder has 448 positions
        rungs.check(self)
        feed.check(self.pipeline)

    def prepare(self, setup: Setup) -> Prepared:
        """Build the model in evaluation mode and up to four batches of spectrograms.

        The step raises RuntimeError if another number of tokens comes out.
        """
        climbed = climb(self, setup)
        model = self._build(setup).eval()
        decode = transcription.greedily if took(climbed, "greedy") else transcription.generate

        def place(batch: Batch) -> Tensor:
            return _log_mel(batch["samples"], setup)

        speech, batches = _speech(setup.data, self.batch_size, self.seconds)
        fed = _fed(self, speech, len(batches), place, setup)
        features = fed or [place(batch) for batch in batches]
        count = cache(lambda: transcription.batch_flops(model, self.batch_size, self.tokens))
        work = {
            "audio_s": self.batch_size * self.seconds,
            "clip": self.batch_size,
            "token": self.batch_size * self.tokens,
        }
        return Prepared(
            step=transcription.step(model, features, self.tokens, setup, decode),
            work=[work] * len(batches),
            inputs=inputs.describe(speech, batches),
            model=weights.describe(model, setup) | rungs.facts(climbed),
            flops=lambda i: count(),
            feed=fed,
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
            decoder_start_token_id=START,
            bos_token_id=END,
            eos_token_id=END,
            pad_token_id=END,
            begin_suppress_tokens=None,
        )
        shape = ("d_model", "encoder_layers", "decoder_layers", "vocab_size")
        model = weights.build(WhisperForConditionalGeneration, config, setup, shape)
        if setup.model is None:
            _forbid_timestamps(model)
        model.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
            decoder_start_token_id=START,
            bos_token_id=END,
            eos_token_id=END,
            pad_token_id=END,
            is_multilingual=True,
            lang_to_id={"<|en|>": ENGLISH},
            task_to_id={"transcribe": TRANSCRIBE},
            no_timestamps_token_id=NO_TIMESTAMPS,
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
        model.proj_out.weight[NO_TIMESTAMPS + 1 :].zero_()


def _speech(data: str, batch_size: int, seconds: int) -> tuple[Any, list[Batch]]:
    """16-bit samples of shape (batch_size, seconds * 16 000) as recorded."""
    import torch

    count = inputs.distinct(batch_size, _MOST_CLIPS)
    speech = clips(data, count * batch_size, seconds)
    return speech, [{"samples": samples} for samples in torch.from_numpy(speech.content).chunk(count)]


def _fed(
    workload: Recognize | Transcribe, speech: Any, count: int, place: Callable[[Batch], Any], setup: Setup
) -> feed.Feed | None:
    """What feeds so many batches to a step in turn, put on the device by ``place``, where that is asked for."""
    import torch

    def again(read: Callable[[Sequence[int]], Any], number: int) -> Batch:
        size = workload.batch_size
        return {"samples": torch.from_numpy(read(range(number * size, (number + 1) * size)))}

    return feed.feed(workload.pipeline, speech, again, count, place, setup)


def _standardised(samples: Tensor, setup: Setup) -> Tensor:
    """Clips on the device as wav2vec2 takes them: mean 0 and variance 1 each."""
    waves = samples.to(setup.device, non_blocking=True).float() / 32_768
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


def fold(model: Any) -> None:
    """Keep the product of each weight norm of a wav2vec 2.0 in evaluation mode, which every pass would make anew."""
    from torch.nn.utils import parametrize

    for layer in model.modules():
        if parametrize.is_parametrized(layer, "weight"):
            parametrize.remove_parametrizations(layer, "weight")
