"""Pictures as PNG, decoded by another library."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from maze.interop.png import png


@pytest.mark.parametrize("shape", [(1, 1), (8, 10), (9, 7, 3), (84, 84, 4), (210, 160, 3)])
def test_that_every_pixel_comes_back(shape: tuple[int, ...]) -> None:
    picture = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    assert np.asarray(Image.open(io.BytesIO(png(picture)))).tolist() == picture.tolist()


@pytest.mark.parametrize(
    "picture", [np.zeros((3, 3, 2), np.uint8), np.zeros((3, 3), np.float32), np.zeros((0, 3), np.uint8)]
)
def test_that_other_arrays_are_refused(picture: np.ndarray) -> None:
    with pytest.raises(ValueError, match="is no picture"):
        png(picture)
