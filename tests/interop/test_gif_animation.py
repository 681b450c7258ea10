"""Animations, read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maze.factory import ConfigurationError
from maze.interop.gif_animation import write_gif


def pictures(n: int) -> list[np.ndarray]:
    return [np.full((8, 12, 3), 20 * index, np.uint8) for index in range(n)]


def test_that_frames_are_there_for_as_long_as_they_should(tmp_path: Path) -> None:
    assert write_gif(tmp_path / "a.gif", pictures(5), fps=10) == "5 frames"
    with Image.open(tmp_path / "a.gif") as image:
        assert (image.n_frames, image.info["duration"], image.size) == (5, 100, (12, 8))  # type: ignore[attr-defined]
        image.seek(3)
        assert abs(np.asarray(image.convert("RGB")).astype(int) - 60).max() <= 2


def test_that_of_many_frames_a_second_some_are_left_out(tmp_path: Path) -> None:
    assert write_gif(tmp_path / "a.gif", pictures(10), fps=100) == "5 frames"


def test_that_it_can_be_made_smaller(tmp_path: Path) -> None:
    write_gif(tmp_path / "a.gif", pictures(2), fps=10, width=6)
    with Image.open(tmp_path / "a.gif") as image:
        assert image.size == (6, 4)


def test_that_there_must_be_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no picture"):
        write_gif(tmp_path / "a.gif", [], fps=10)
    assert list(tmp_path.iterdir()) == []


def test_that_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.gif").write_text("mine")
    with pytest.raises(ConfigurationError, match="is there already"):
        write_gif(tmp_path / "a.gif", pictures(1), fps=10)
