"""Observations as vectors."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.wrappers.preprocessors.preprocessor import Preprocessor


class Flatten(Preprocessor):
    """Makes vectors: an array in C order, its numbers as they are; anything else as gymnasium flattens it.

    The entries of a Dict or Tuple follow one another, and what is discrete becomes one-hot in there.

    Example:
        >>> Flatten().space(spaces.Box(0, 255, (2, 3), np.uint8))
        Box(0, 255, (6,), uint8)
        >>> Flatten().convert({"a": 1, "b": np.ones(2)}, spaces.Dict(a=spaces.Discrete(3), b=spaces.Box(0, 1, (2,))))
        array([0., 1., 0., 1., 1.])
    """

    def space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of the vectors.

        Raises:
            TypeError: If values of `space` vary in size, or there is nothing in them.
        """
        if isinstance(space, spaces.MultiBinary):
            return spaces.MultiBinary(int(np.prod(space.shape)))
        if isinstance(space, spaces.Box):
            return spaces.Box(space.low.ravel(), space.high.ravel(), dtype=space.dtype.type)
        if not space.is_np_flattenable:
            raise TypeError("only what has a fixed size can be made a vector")
        try:
            return spaces.utils.flatten_space(space)
        except ValueError:
            raise TypeError("there is nothing in it to make a vector of") from None

    def convert(self, value: Any, space: gymnasium.Space[Any]) -> Any:
        """Make a vector."""
        if isinstance(space, spaces.Box | spaces.MultiBinary):
            return np.asarray(value).reshape(-1)
        return spaces.utils.flatten(space, value)
