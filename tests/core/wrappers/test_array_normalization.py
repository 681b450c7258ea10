"""How arrays of numbers are normalised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.wrappers.array_normalization import ArrayNormalization, Strategy
from maze.factory import ConfigurationError


def normalization(
    values: Any, space: Any, strategy: Strategy = "mean_std", clip: tuple[float, float] | None = None
) -> ArrayNormalization:
    found = ArrayNormalization(space, strategy, clip)
    for value in values:
        found.statistics.update(np.asarray(value, np.float64))
    found.refresh("it")
    return found


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float16, np.float32, np.float64])
def test_numbers_of_all_types(dtype: Any) -> None:
    values = np.random.default_rng(1).integers(0, 100, (50, 3)).astype(dtype)
    space = spaces.Box(0, 100, (3,), dtype)
    expected = np.dtype(np.float64 if dtype is np.float64 else np.float32)
    scaled = normalization(values, space)
    normalized = np.array([scaled.apply(value) for value in values])
    assert (normalized.dtype, scaled.space.dtype) == (expected, expected)
    assert np.allclose(normalized.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(normalized.std(axis=0), 1, atol=1e-5)
    ranged = normalization(values, space, "range")
    normalized = np.array([ranged.apply(value) for value in values])
    assert (normalized.min(axis=0).tolist(), normalized.max(axis=0).tolist()) == ([0] * 3, [1] * 3)


def test_integers_that_float32_cannot_hold() -> None:
    values = [2**40, 2**40 + 1]
    found = normalization(values, spaces.Box(0, 2**41, (), np.int64), "range")
    assert [float(found.apply(np.array(value))) for value in values] == [0, 1]


def test_a_constant_element_becomes_zero() -> None:
    for strategy in ("mean_std", "range"):
        found = normalization([[7.0, 0.0], [7.0, 1e-40]], spaces.Box(0, 9, (2,)), strategy)
        assert found.apply(np.array([7.0, 0.0], np.float32)).tolist() == pytest.approx([0, 0], abs=1e-39)


def test_clipping_is_in_the_space() -> None:
    found = normalization([[0.0], [2.0]], spaces.Box(-99, 99, (1,)), clip=(-3, 2))
    assert found.space == spaces.Box(-3, 2, (1,))
    assert [found.apply(np.array([value], np.float32)).tolist() for value in (-50, 2, 50)] == [[-3], [1], [2]]


def test_without_statistics_values_stay() -> None:
    found = ArrayNormalization(spaces.Box(0, 9, (2,)), "mean_std", None)
    assert found.apply(np.array([3.0, 4.0], np.float32)).tolist() == [3, 4]
    with pytest.raises(ConfigurationError, match="it did not occur in the samples: raise n_samples"):
        found.refresh("it")


def test_values_that_are_not_finite_are_refused() -> None:
    for value in (np.inf, np.nan):
        with (
            np.errstate(invalid="ignore"),
            pytest.raises(ConfigurationError, match="it has values that are not finite: exclude it"),
        ):
            normalization([[1.0], [value]], spaces.Box(-np.inf, np.inf, (1,)))
