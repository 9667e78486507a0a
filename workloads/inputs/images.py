"""Photographs cut to squares of 8-bit RGB, or generated ones with a natural spectrum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from workloads.inputs.source import SEED, Inputs, choose, files, installed, package_folder, release

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The colour photographs inside scikit-image's wheel (its others are downloaded at first use), and scikit-learn's.
_SKIMAGE = ("astronaut.png", "chelsea.png", "coffee.png", "hubble_deep_field.jpg", "motorcycle_left.png", "rocket.jpg")
_SKLEARN = ("china.jpg", "flower.jpg")

_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
_MOST_PHOTOGRAPHS = 32  # from a folder; more would only take longer to decode
_MOST_SQUARES = 512  # different ones, a second's work; batches of thousands repeat them

# Mean and standard deviation of ImageNet's channels, for pixels from 0 to 1.
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


# What is cut out of a photograph (left, top, right, bottom), and whether it is mirrored.
_Box = tuple[tuple[float, float, float, float], bool]


def squares(data: str, count: int, size: int) -> Inputs[NDArray[np.uint8]]:
    """So many random crops of photographs, resized and mirrored by chance: (count, size, size, 3), 0 to 255.

    The first 512 are different, then they come again.

    Raises:
        ValueError: the folder holds no image that Pillow can read, or a package is missing.
    """
    import numpy as np

    rng = np.random.default_rng(SEED)
    different, shape = min(count, _MOST_SQUARES), (count, size, size, 3)
    chosen = choose(data, "skimage", "PIL")
    if chosen == "generated":
        noise = _generated(different, size, rng)
        return Inputs("generated", "noise with a 1/f amplitude spectrum", np.resize(noise, shape))
    if chosen == "real":
        paths = [package_folder("skimage") / "data" / file for file in _SKIMAGE]
        name = f"photographs of {release('scikit-image')}"
        if installed("sklearn"):
            paths += [package_folder("sklearn") / "datasets" / "images" / file for file in _SKLEARN]
            name += f" and {release('scikit-learn')}"
    else:
        paths = files(chosen, _SUFFIXES, _MOST_PHOTOGRAPHS)
        name = str(chosen)
        if not paths:
            raise ValueError(f"data {chosen}: no image there; a folder with any of {', '.join(_SUFFIXES)} is needed")
    photographs = [_decode(path, size) for path in paths]
    boxes = _boxes([photograph.size for photograph in photographs], different, rng)

    def read(numbers: Sequence[int]) -> NDArray[np.uint8]:
        return np.stack(
            [_crop(_decode(paths[k % len(paths)], size), boxes[k], size) for k in (n % different for n in numbers)]
        )

    crops = np.stack([_crop(photographs[k % len(paths)], box, size) for k, box in enumerate(boxes)])
    return Inputs("real", name, np.resize(crops, shape), read)


def _decode(path: Path, size: int) -> Any:
    from PIL import Image

    try:
        with Image.open(path) as image:
            image.draft("RGB", (4 * size, 4 * size))  # a JPEG from a camera is decoded at a fraction of its size
            return image.convert("RGB")
    except OSError as error:
        raise ValueError(f"data {path}: not readable as an image ({error}); JPEG or PNG files are needed") from error


def _boxes(sizes: Sequence[tuple[int, int]], count: int, rng: np.random.Generator) -> list[_Box]:
    """Inception's random resized crop: 8 to 100 % of the area, sides 3:4 to 4:3, mirrored half the time."""

    def box(width: int, height: int) -> _Box:
        area, ratio = rng.uniform(0.08, 1), math.exp(rng.uniform(math.log(3 / 4), math.log(4 / 3)))
        across = min(width, math.sqrt(area * width * height * ratio))
        down = min(height, across / ratio)
        left, top = rng.uniform(0, width - across), rng.uniform(0, height - down)
        return (left, top, left + across, top + down), bool(rng.random() < 0.5)

    return [box(*sizes[i % len(sizes)]) for i in range(count)]


def _crop(photograph: Any, box: _Box, size: int) -> NDArray[np.uint8]:
    import numpy as np
    from PIL.Image import Resampling

    where, mirrored = box
    square = np.asarray(photograph.resize((size, size), Resampling.BILINEAR, where))
    return square[:, ::-1] if mirrored else square


def _generated(count: int, size: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Squares out of four periodic fields: the amplitude of natural images falls as 1/f (Field 1987)."""
    import numpy as np

    side = max(512, size)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side)[None])
    frequency[0, 0] = np.inf  # no mean

    def noise() -> NDArray[np.float64]:
        spectrum = np.fft.rfft2(rng.standard_normal((side, side))) / frequency
        field = np.fft.irfft2(spectrum, s=(side, side))
        return field / np.std(field)

    def photograph() -> NDArray[np.uint8]:
        brightness = noise()
        channels = [118 + 60 * brightness + 12 * noise() for _ in range(3)]  # as ImageNet: mean 118, deviation 60
        return np.stack(channels, axis=-1).round().clip(0, 255).astype(np.uint8)

    fields = [photograph() for _ in range(4)]
    corners = rng.integers(side, size=(count, 2))
    window = np.arange(size)
    return np.stack(
        [fields[i % 4][np.ix_((top + window) % side, (left + window) % side)] for i, (top, left) in enumerate(corners)]
    )
