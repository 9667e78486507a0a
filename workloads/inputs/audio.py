"""Clips of recorded speech at 16 kHz, 16 bit, or generated ones with speech's spectrum and rhythm."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from workloads.inputs.source import SEED, Inputs, choose, files, package_folder, release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SAMPLE_RATE = 16_000  # Hz

_RECORDINGS = ("two_cities.wav", "beckett.wav")  # 44 s and 10 s of reading aloud
_MOST_RECORDINGS, _MOST_SECONDS = 16, 60  # from a folder, and from each file


def clips(data: str, count: int, seconds: int) -> Inputs[NDArray[np.int16]]:
    """So many windows of speech from random places: (count, seconds * 16 000) samples, from the start again at the end.

    Raises:
        ValueError: the folder holds no audio that soundfile can read, or a package is missing.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    chosen = choose(data, "moonshine_voice", "soundfile")
    if chosen == "generated":
        name, paths = "pink noise with the rhythm of syllables", []
    elif chosen == "real":
        name = f"readings of {release('moonshine-voice')}"
        paths = [package_folder("moonshine_voice") / "assets" / file for file in _RECORDINGS]
    else:
        name, paths = str(chosen), files(chosen, (".wav", ".flac"), _MOST_RECORDINGS)
        if not paths:
            raise ValueError(f"data {chosen}: no audio there; a folder with .wav or .flac files is needed")
    recordings = [_samples(_read(path)) for path in paths] or [_samples(_generated(rng))]
    if not any(recording.any() for recording in recordings):
        raise ValueError(f"data {name}: nothing but silence; recorded speech is needed")
    lengths = [len(recording) for recording in recordings]
    starts = rng.integers(sum(lengths), size=count)

    def cut(recording: Callable[[int], NDArray[np.int16]], numbers: Iterable[int]) -> NDArray[np.int16]:
        return np.stack([_window(recording, lengths, int(starts[k]), seconds * SAMPLE_RATE) for k in numbers])

    def read(numbers: Sequence[int]) -> NDArray[np.int16]:
        return cut(lambda at: _samples(_read(paths[at])), numbers)

    content = cut(recordings.__getitem__, range(count))
    return Inputs("real", name, content, read) if paths else Inputs("generated", name, content)


def _window(
    recording: Callable[[int], NDArray[np.int16]], lengths: Sequence[int], start: int, length: int
) -> NDArray[np.int16]:
    """So many samples from a place in the recordings one after the other, from the start again at the end."""
    import numpy as np

    ends, pieces = np.cumsum(lengths), []
    while length > 0:
        start %= int(ends[-1])
        at = int(np.searchsorted(ends, start, side="right"))
        begin = start - int(ends[at]) + lengths[at]
        pieces.append(recording(at)[begin : begin + length])
        start, length = start + len(pieces[-1]), length - len(pieces[-1])
    return np.concatenate(pieces)


def _samples(sound: NDArray[np.float64]) -> NDArray[np.int16]:
    import numpy as np

    return (32_767 * sound).round().clip(-32_768, 32_767).astype(np.int16)


def _read(path: Path) -> NDArray[np.float64]:
    """The beginning of a recording, one channel, -1 to 1, at 16 kHz."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            recorded: NDArray[np.float64] = file.read(_MOST_SECONDS * rate, always_2d=True).mean(axis=1)
    except (OSError, RuntimeError) as error:
        raise ValueError(f"data {path}: not readable as audio ({error}); WAV or FLAC is needed") from error
    return _resample(recorded, rate)


def _resample(recorded: NDArray[np.float64], rate: int) -> NDArray[np.float64]:
    """The same sound at 16 kHz: its spectrum, cut off or extended at the new rate's half."""
    import numpy as np

    if rate == SAMPLE_RATE or not len(recorded):
        return recorded
    seconds = math.ceil(len(recorded) / rate)  # whole seconds, so both lengths are whole and easy to transform
    spectrum = np.fft.rfft(recorded, seconds * rate)
    sound: NDArray[np.float64] = np.fft.irfft(spectrum, seconds * SAMPLE_RATE) * (SAMPLE_RATE / rate)
    return sound[: len(recorded) * SAMPLE_RATE // rate]


def _generated(rng: np.random.Generator) -> NDArray[np.float64]:
    """A minute of pink noise whose loudness swells as speech's does, mostly 2 to 8 times a second."""
    import numpy as np

    count = 60 * SAMPLE_RATE
    frequency = np.fft.rfftfreq(count, 1 / SAMPLE_RATE)  # Hz

    def noise(gain: NDArray[np.float64]) -> NDArray[np.float64]:
        sound = np.fft.irfft(np.fft.rfft(rng.standard_normal(count)) * gain, count)
        return sound / np.std(sound)

    pink = noise(1 / np.sqrt(np.maximum(frequency, 50)))
    syllables = noise(((frequency > 2) & (frequency < 8)).astype(float))
    return 0.05 * pink * np.exp(syllables)  # syllables and the gaps between them lie some 20 dB apart
