"""Where two samples differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.recording.difference import difference
from maze.core.recording.space_codec import space_codec

F32 = np.float32
CASES = [
    (spaces.Box(-1, 1, (2, 2)), np.zeros((2, 2), F32), np.array([[0, 0], [0.5, 0]], F32), "o[1, 0] was 0.0, now 0.5"),
    (spaces.Box(-1, 1, (3,)), np.zeros(3, F32), np.array([1, 0, -2], F32), "o: 2 of 3 numbers differ, by up to 2"),
    (spaces.Box(-1, 1, ()), np.array(0, F32), np.array(-0.0, F32), "o was 0.0, now -0.0"),
    (spaces.Discrete(5), 3, np.int64(4), "o was 3, now 4"),
    (spaces.Text(5), "ab", "ac", "o was 'ab', now 'ac'"),
    (
        spaces.Dict({"a": spaces.Discrete(2), "b": spaces.Discrete(2)}),
        {"a": 1, "b": 0},
        {"a": 1, "b": 1},
        "o['b'] was 0",
    ),
    (spaces.Tuple((spaces.Discrete(2), spaces.Text(3))), (1, "x"), (1, "y"), "o[1] was 'x', now 'y'"),
    (spaces.Sequence(spaces.Discrete(5)), (1, 2), (1,), "o had 2 items, now 1"),
    (spaces.Box(-1, 1, (2,)), np.zeros(2, F32), np.zeros(3, F32), "o: now sample 0: expected float32 of shape (2,)"),
]


@pytest.mark.parametrize(("space", "was", "now", "line"), CASES)
def test_that_it_says_where_and_by_how_much(space: spaces.Space[Any], was: Any, now: Any, line: str) -> None:
    assert (difference(space_codec(space), was, now, "o") or "").startswith(line)
    assert difference(space_codec(space), was, was, "o") is None


def test_that_nan_is_nan() -> None:
    codec = space_codec(spaces.Box(-1, 1, (1,)))
    assert difference(codec, np.array([np.nan], F32), np.array([np.nan], F32), "o") is None
