"""Bounded observations as fractions of their range."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.wrappers.preprocessors.preprocessor import Preprocessor


class Scale(Preprocessor):
    """Maps a bounded array from the bounds of its space to 0 to 1, as float32; such as the pixels of an image.

    Example:
        >>> Scale().convert(np.array([0, 51], np.uint8), spaces.Box(0, 255, (2,), np.uint8))
        array([0. , 0.2], dtype=float32)
    """

    def space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of the fractions.

        Raises:
            TypeError: If `space` is no bounded Box, or has a component that is always the same.
        """
        if not isinstance(space, spaces.Box) or not space.is_bounded() or not (space.low < space.high).all():
            raise TypeError("only a Box that is bounded everywhere can be scaled")
        return spaces.Box(0.0, 1.0, space.shape, np.float32)

    def convert(self, value: Any, space: gymnasium.Space[Any]) -> Any:
        """Scale an array."""
        low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)  # type: ignore[attr-defined]
        return ((np.asarray(value) - low) / (high - low)).astype(np.float32)
