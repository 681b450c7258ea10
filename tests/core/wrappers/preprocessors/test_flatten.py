"""Observations as vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.wrappers.preprocessors.flatten import Flatten


@pytest.mark.parametrize(
    "space",
    [
        spaces.Box(0, 255, (2, 3), np.uint8),
        spaces.Box(-1, 1, (), np.float64),
        spaces.MultiBinary([2, 2]),
        spaces.MultiDiscrete([2, 3]),
        spaces.Discrete(4, start=2),
        spaces.Dict(a=spaces.Discrete(2), b=spaces.Box(0, 1, (2, 2))),
        spaces.Tuple([spaces.MultiBinary(2), spaces.Box(0, 9, (1,), np.int8)]),
    ],
    ids=str,
)
def test_vectors_are_in_their_space(space: Any) -> None:
    space.seed(1)
    flat = Flatten().space(space)
    assert len(flat.shape or ()) == 1
    for _ in range(5):
        assert Flatten().convert(space.sample(), space) in flat


def test_an_array_keeps_its_numbers_their_type_and_their_bounds() -> None:
    space = spaces.Box(np.array([[0, 1], [2, 3]]), np.array([[9, 8], [7, 6]]), dtype=np.int16)
    assert Flatten().space(space) == spaces.Box(np.array([0, 1, 2, 3]), np.array([9, 8, 7, 6]), dtype=np.int16)
    flat = Flatten().convert(np.array([[1, 2], [3, 4]], np.int16), space)
    assert (flat.tolist(), flat.dtype) == ([1, 2, 3, 4], np.int16)


def test_what_varies_in_size_is_refused() -> None:
    with pytest.raises(TypeError, match="only what has a fixed size"):
        Flatten().space(spaces.Sequence(spaces.Discrete(2)))


@pytest.mark.parametrize("space", [spaces.Dict(), spaces.Tuple(())], ids=str)
def test_what_has_nothing_in_it_is_refused(space: Any) -> None:
    with pytest.raises(TypeError, match="there is nothing in it"):
        Flatten().space(space)
