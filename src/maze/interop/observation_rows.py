"""Observations of several slots, as the arrays of a batch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import DTypeLike

from maze.core.env.space_parts import PartPath, part_at, parts_of
from maze.factory import ConfigurationError

WHOLE = "observation"
"""Name of an observation that has no parts."""


class ObservationRows:
    """The memory of a batch: one array for each part of an observation, with a row for each observation.

    What is not filled is 0, so that a batch of few observations is as good as a full one.

    Args:
        space: Of the observations: Box, Discrete, MultiDiscrete, MultiBinary, and Dicts and Tuples of these.
        n_rows: Of the batch.
        dtypes: Of some of the arrays, by name; the others have that of their space.

    Raises:
        ConfigurationError: If the space has parts of other kinds.

    Example:
        >>> rows = ObservationRows(spaces.Dict(where=spaces.Box(-1, 1, (2,)), what=spaces.Discrete(3)), n_rows=3)
        >>> rows.fill([{"where": [0.5, 0.0], "what": 2}])
        >>> {name: array.tolist() for name, array in rows.arrays.items()}
        {'where': [[0.5, 0.0], [0.0, 0.0], [0.0, 0.0]], 'what': [2, 0, 0]}
    """

    def __init__(self, space: gymnasium.Space[Any], n_rows: int, dtypes: Mapping[str, DTypeLike] | None = None) -> None:
        """Find the parts."""
        self.n_rows = n_rows
        self._paths = {name: path for name, path, _ in observation_parts(space)}
        self.arrays: dict[str, np.ndarray] = {
            name: np.zeros((n_rows, *(part.shape or ())), (dtypes or {}).get(name, part.dtype))
            for name, _, part in observation_parts(space)
        }

    def fill(self, observations: Sequence[Any]) -> None:
        """Write observations into the first rows."""
        n = len(observations)
        for name, array in self.arrays.items():
            path = self._paths[name]
            parts = [part_at(observation, path) for observation in observations] if path else observations
            if array.ndim == 1:
                array[:n] = parts
            else:
                np.stack(parts, out=array[:n], casting="unsafe")
            array[n:] = 0


def observation_parts(space: gymnasium.Space[Any]) -> Iterator[tuple[str, PartPath, gymnasium.Space[Any]]]:
    """The parts of an observation that are arrays, with their names: their keys, joined by dots.

    Raises:
        ConfigurationError: If there are others.
    """
    for path, part in parts_of(space):
        name = ".".join(map(str, path))
        if not isinstance(part, spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary):
            raise ConfigurationError(
                f"the observation {name or 'of the environment'} is {part}, which no model takes: "
                "turn it into Box, Discrete, MultiDiscrete or MultiBinary with a wrapper"
            )
        yield name or WHOLE, path, part
