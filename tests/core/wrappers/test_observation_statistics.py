"""What values an entry of the observations has had."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from maze.core.wrappers.observation_statistics import ObservationStatistics
from maze.factory import ConfigurationError


def gathered(values: Any) -> ObservationStatistics:
    statistics = ObservationStatistics(np.shape(values)[1:])
    for value in values:
        statistics.update(value)
    return statistics


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_figures_are_those_of_all_values_at_once(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).normal(1e6, 2.0, (500, *shape))
    statistics = gathered(values)
    assert statistics.count == 500
    assert np.allclose(statistics.mean, values.mean(axis=0), rtol=1e-14)
    assert np.allclose(statistics.std, values.std(axis=0), rtol=1e-9)
    assert (statistics.min == values.min(axis=0)).all()
    assert (statistics.max == values.max(axis=0)).all()


def test_a_constant_has_no_spread_at_all() -> None:
    assert gathered(np.full((99, 2), 0.1)).std.tolist() == [0, 0]


def test_figures_that_were_saved_go_on_as_if_nothing_had_happened() -> None:
    values = np.random.default_rng(1).normal(size=(100, 2))
    first = gathered(values[:60])
    saved = json.loads(json.dumps(first.to_json()))
    loaded = ObservationStatistics.from_json(saved, (2,), "place")
    for value in values[60:]:
        loaded.update(value)
    whole = gathered(values)
    assert loaded.count == 100
    for name in ("mean", "std", "min", "max"):
        assert np.allclose(getattr(loaded, name), getattr(whole, name), rtol=1e-12)


@pytest.mark.parametrize(
    ("figures", "line"),
    [
        ({"mean": [1, 2, 3]}, "place: mean has the shape (3,), the environment's observation (2,)"),
        ({"mean": [1, "x"]}, "place: mean is no array of numbers: give one of shape (2,)"),
        ({"mean": [[1], [2, 3]]}, "place: mean is no array of numbers: give one of shape (2,)"),
        ({"std": [1, None]}, "place: std is not finite: give numbers, or exclude the observation"),
        ({"max": float("inf")}, "place: max is not finite: give numbers, or exclude the observation"),
        ({"std": [1, -1]}, "place: std is negative: give one that is not"),
        ({"min": 1, "max": [0, 2]}, "place: min is above max: exchange them"),
        ({"count": 0}, "place: count is 0: give a whole number of at least 1"),
        ({"count": 1.5}, "place: count is 1.5: give a whole number of at least 1"),
    ],
)
def test_figures_that_cannot_be_are_refused_in_one_line(figures: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ObservationStatistics.from_json(figures, (2,), "place")
    assert str(caught.value) == line
