"""Discrete observations as vectors with a single one."""

from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.wrappers.preprocessors.one_hot import OneHot


def test_discrete_values_count_from_their_start() -> None:
    space = spaces.Discrete(3, start=5)
    assert OneHot().space(space) == spaces.Box(0, 1, (3,), np.float32)
    assert [OneHot().convert(value, space).tolist() for value in (5, np.int64(7))] == [[1, 0, 0], [0, 0, 1]]


def test_several_values_follow_one_another() -> None:
    space = spaces.MultiDiscrete(np.array([[2, 3], [1, 2]]), start=np.array([[1, 0], [0, 4]]))
    assert OneHot().space(space).shape == (8,)
    assert OneHot().convert(np.array([[2, 1], [0, 4]]), space).tolist() == [0, 1, 0, 1, 0, 1, 1, 0]
    for sample in (space.sample() for _ in range(5)):
        assert OneHot().convert(sample, space) in OneHot().space(space)


@pytest.mark.parametrize("space", [spaces.Box(0, 1), spaces.MultiBinary(3)])
def test_what_is_not_discrete_is_refused(space: spaces.Space[object]) -> None:
    with pytest.raises(TypeError, match="only Discrete and MultiDiscrete"):
        OneHot().space(space)
