"""Numbers as vectors of one element."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.wrappers.preprocessors.preprocessor import Preprocessor


class Scalar(Preprocessor):
    """Makes a float32 vector of one element of a single number: a Discrete, or a Box of one element.

    Example:
        >>> Scalar().convert(2, spaces.Discrete(4)), Scalar().space(spaces.Discrete(4))
        (array([2.], dtype=float32), Box(0.0, 3.0, (1,), float32))
    """

    def space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of the vectors.

        Raises:
            TypeError: If values of `space` are no single number.
        """
        if isinstance(space, spaces.Discrete):
            return spaces.Box(float(space.start), float(space.start + space.n - 1), (1,), np.float32)
        if isinstance(space, spaces.Box) and space.low.size == 1:
            low, high = space.low.astype(np.float32), space.high.astype(np.float32)
            return spaces.Box(low.reshape(1), high.reshape(1), dtype=np.float32)
        raise TypeError("only a Discrete, or a Box of one element, is a single number")

    def convert(self, value: Any, space: gymnasium.Space[Any]) -> Any:
        """Make a vector."""
        return np.asarray(value, np.float32).reshape(1)
