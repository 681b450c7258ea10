import numpy as np

from maze.viewer.down_sampling import curve


def test_few_values_are_given_as_they_are() -> None:
    steps, values = curve(np.array([1.0, np.nan, 3.0]), 0, 3, 10)
    assert steps.tolist() == [0, 2]
    assert values.tolist() == [1, 3]


def test_of_many_values_the_extremes_survive() -> None:
    values = np.sin(np.linspace(0, 60, 1_000_000))
    values[123_456], values[654_321] = 7, -9
    steps, drawn = curve(values, 0, len(values), 500)
    assert len(steps) <= 500
    assert (np.diff(steps) > 0).all()
    assert drawn.max() == 7
    assert drawn.min() == -9
    assert (values[steps.astype(int)] == drawn).all()


def test_a_window_has_nothing_from_outside() -> None:
    steps, _ = curve(np.arange(100.0), 20, 30, 4)
    assert steps.min() >= 20
    assert steps.max() < 30


def test_nothing_gives_nothing() -> None:
    assert curve(np.zeros(0), 0, 0, 10).steps.tolist() == []
