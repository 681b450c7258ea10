"""Bounded observations as fractions of their range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.wrappers.preprocessors.scale import Scale


def test_every_element_is_scaled_by_its_own_bounds() -> None:
    space = spaces.Box(np.array([-1.0, 0.0]), np.array([1.0, 10.0]), dtype=np.float64)
    assert Scale().space(space) == spaces.Box(0, 1, (2,), np.float32)
    scaled = Scale().convert(np.array([0.0, 10.0]), space)
    assert (scaled.tolist(), scaled.dtype) == ([0.5, 1.0], np.float32)


def test_integers_do_not_overflow() -> None:
    space = spaces.Box(-128, 127, (2,), np.int8)
    assert Scale().convert(np.array([-128, 127], np.int8), space).tolist() == [0, 1]


@pytest.mark.parametrize("space", [spaces.Box(-np.inf, 1, (2,)), spaces.Box(1, 1, (2,)), spaces.Discrete(3)])
def test_what_is_not_bounded_is_refused(space: Any) -> None:
    with pytest.raises(TypeError, match="only a Box that is bounded everywhere"):
        Scale().space(space)
