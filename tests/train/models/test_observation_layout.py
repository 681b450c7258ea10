from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.models.observation_layout import ObservationLayout, union_of

PAIR: list[Any] = [spaces.Box(-1, 1, (2,), np.float64), spaces.Box(0, 255, (4, 4), np.uint8)]
MIXED = spaces.Dict(
    {
        "kind": spaces.Discrete(4, start=-1),
        "counts": spaces.MultiDiscrete([3, 4], start=[1, 1]),
        "flags": spaces.MultiBinary(3),
        "pair": spaces.Tuple(PAIR),
    }
)


def test_arrays_of_samples_and_of_a_stacked_column_agree() -> None:
    MIXED.seed(7)
    layout = ObservationLayout(MIXED)
    samples: list[Any] = [MIXED.sample() for _ in range(5)]
    column = {
        "kind": np.array([sample["kind"] for sample in samples]),
        "counts": np.stack([sample["counts"] for sample in samples]),
        "flags": np.stack([sample["flags"] for sample in samples]),
        "pair": tuple(np.stack([sample["pair"][index] for sample in samples]) for index in range(2)),
    }
    stacked, of_column = layout.stack(samples), layout.of_column(column)
    assert [leaf.name for leaf in layout.leaves] == ["counts", "flags", "kind", "pair.0", "pair.1"]
    for array, other in zip(stacked, of_column, strict=True):
        assert array.dtype == other.dtype
        np.testing.assert_array_equal(array, other)


def test_what_counts_from_elsewhere_counts_from_0() -> None:
    layout = ObservationLayout(spaces.Discrete(4, start=-1))
    assert layout.stack([-1, 2, 0])[0].tolist() == [0, 3, 1]


def test_rows_behind_those_that_are_filled_stay() -> None:
    layout = ObservationLayout(spaces.Box(-1, 1, (2,)))
    buffers = layout.buffers(3)
    layout.fill(buffers, [np.ones(2, np.float32)] * 2)
    assert buffers[0].tolist() == [[1, 1], [1, 1], [0, 0]]


def test_parts_get_the_structure_of_an_observation_again() -> None:
    layout = ObservationLayout(MIXED)
    assert layout.nested([1, 2, 3, 4, 5]) == {"counts": 1, "flags": 2, "kind": 3, "pair": (4, 5)}


def test_text_is_refused_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="the observation 'name' is Text, which no network takes: turn it"):
        ObservationLayout(spaces.Dict({"name": spaces.Text(5)}))


@pytest.mark.parametrize(
    "second",
    [spaces.Box(-1, 1, (2,)), spaces.Dict({"shared": spaces.Discrete(3)})],
)
def test_a_union_that_cannot_be_is_refused(second: gymnasium.Space[Any]) -> None:
    with pytest.raises(ConfigurationError, match="one network cannot serve all step keys"):
        union_of({0: spaces.Dict({"shared": spaces.Discrete(2)}), 1: second})
