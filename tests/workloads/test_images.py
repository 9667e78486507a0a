"""Photographs: real ones, folders of them, and generated ones."""

import numpy as np
import pytest

from workloads.inputs.images import squares


def natural(images):
    """The slope of the amplitude spectrum over frequency, both on a logarithmic scale: about -1 for natural images."""
    grey = images.mean(axis=-1)
    window = np.hanning(grey.shape[1])  # or the edges would pass for detail
    amplitude = np.abs(np.fft.fft2((grey - grey.mean()) * window[:, None] * window)).mean(axis=0)[0, 3:33]
    return np.polyfit(np.log(np.arange(3, 33)), np.log(amplitude), 1)[0]


@pytest.mark.parametrize("data", ["real", "generated"])
def test_images_look_natural_and_are_all_different(installed, data):
    if data == "real":
        installed("skimage", "PIL")
    images = squares(data, 24, 96).content
    assert images.shape == (24, 96, 96, 3)
    assert images.dtype == np.uint8
    assert len(np.unique(images.reshape(24, -1), axis=0)) == 24
    assert 30 < images.std() < 100
    assert -1.8 < natural(images) < -0.7


def test_the_images_of_very_large_batches_repeat():
    images = squares("generated", 514, 32).content
    assert len(np.unique(images.reshape(514, -1), axis=0)) == 512
    assert np.array_equal(images[:2], images[512:])


def test_a_folder_of_images_is_read(installed, tmp_path):
    installed("PIL")
    from PIL import Image

    rng = np.random.default_rng(0)
    (tmp_path / "cats").mkdir()
    Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)).save(tmp_path / "cats" / "one.JPG")
    Image.fromarray(rng.integers(0, 256, (40, 60), dtype=np.uint8)).save(tmp_path / "grey.png")
    assert squares(str(tmp_path), 3, 32).content.shape == (3, 32, 32, 3)
