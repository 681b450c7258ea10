from __future__ import annotations

import numpy as np
import pytest
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.interop.observation_rows import ObservationRows


def test_parts_have_names_and_dtypes_of_their_own() -> None:
    space = spaces.Dict({"robot": spaces.Tuple([spaces.Box(0, 255, (2, 1), np.uint8), spaces.Discrete(5)])})
    rows = ObservationRows(space, 3, {"robot.1": np.float32})
    rows.fill([{"robot": (np.array([[7], [8]], np.uint8), np.int64(4))}] * 2)
    assert list(rows.arrays) == ["robot.0", "robot.1"]
    assert [array.dtype for array in rows.arrays.values()] == [np.uint8, np.float32]
    assert rows.arrays["robot.0"].tolist() == [[[7], [8]], [[7], [8]], [[0], [0]]]
    assert rows.arrays["robot.1"].tolist() == [4, 4, 0]


def test_rows_of_the_last_batch_are_forgotten() -> None:
    rows = ObservationRows(spaces.Box(-1, 1, (2,)), 2)
    rows.fill([np.full(2, np.nan, np.float32)] * 2)
    rows.fill([np.ones(2, np.float32)])
    assert rows.arrays["observation"].tolist() == [[1, 1], [0, 0]]


def test_parts_that_are_no_arrays_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"the observation words is Text\(.*which no model takes"):
        ObservationRows(spaces.Dict(words=spaces.Text(5)), 1)
