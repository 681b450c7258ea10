"""Numbers as vectors of one element."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.wrappers.preprocessors.scalar import Scalar


@pytest.mark.parametrize(
    ("space", "low", "high"),
    [
        (spaces.Discrete(3, start=-1), -1, 1),
        (spaces.Box(0, 4, (), np.int64), 0, 4),
        (spaces.Box(-np.inf, 2, (1, 1), np.float64), -np.inf, 2),
    ],
)
def test_single_numbers_keep_their_bounds(space: Any, low: float, high: float) -> None:
    assert Scalar().space(space) == spaces.Box(low, high, (1,), np.float32)
    assert Scalar().convert(space.sample(), space) in Scalar().space(space)
    assert Scalar().convert(np.ones(space.shape), space).tolist() == [1]


@pytest.mark.parametrize("space", [spaces.Box(0, 1, (2,)), spaces.MultiDiscrete([2])])
def test_more_than_a_number_is_refused(space: Any) -> None:
    with pytest.raises(TypeError, match="is a single number"):
        Scalar().space(space)
