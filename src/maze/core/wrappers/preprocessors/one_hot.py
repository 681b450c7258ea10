"""Discrete observations as vectors with a single one."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.wrappers.preprocessors.preprocessor import Preprocessor


class OneHot(Preprocessor):
    """Makes vectors of zeros with a one where the value is; several discrete values follow one another.

    Example:
        >>> OneHot().convert(2, spaces.Discrete(4))
        array([0., 0., 1., 0.], dtype=float32)
        >>> OneHot().convert(np.array([0, 1]), spaces.MultiDiscrete([2, 3]))
        array([1., 0., 0., 1., 0.], dtype=float32)
    """

    def space(self, space: gymnasium.Space[Any]) -> gymnasium.Space[Any]:
        """The space of the vectors.

        Raises:
            TypeError: If values of `space` are not discrete.
        """
        if not isinstance(space, spaces.Discrete | spaces.MultiDiscrete):
            raise TypeError("only Discrete and MultiDiscrete can be made one-hot")
        return spaces.Box(0.0, 1.0, (int(_sizes(space).sum()),), np.float32)

    def convert(self, value: Any, space: gymnasium.Space[Any]) -> Any:
        """Make a vector."""
        sizes = _sizes(space)
        places = np.asarray(value).ravel() - np.ravel(space.start)  # type: ignore[attr-defined]
        vector = np.zeros(int(sizes.sum()), np.float32)
        vector[places + np.cumsum(sizes) - sizes] = 1.0
        return vector


def _sizes(space: Any) -> Any:
    return np.ravel(space.nvec if isinstance(space, spaces.MultiDiscrete) else space.n)
