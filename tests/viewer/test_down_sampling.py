import numpy as np

from maze.viewer.down_sampling import curve, strip


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


def test_a_strip_leaves_out_what_has_no_values() -> None:
    values = np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]])
    steps, drawn = strip(values, 0, 3, 10)
    assert (steps.tolist(), drawn.tolist()) == ([0, 2], [[1, 2], [3, 4]])
    assert strip(values, 1, 3, 10).steps.tolist() == [2]
    assert strip(values, 1, 2, 10).values.shape == (0, 2)


def test_a_long_strip_has_the_means_of_its_stretches() -> None:
    values = np.stack([np.arange(100_000.0), np.ones(100_000)], axis=1)
    steps, drawn = strip(values, 0, 100_000, 1000)
    assert len(steps) == 1000
    assert drawn[:2].tolist() == [[49.5, 1], [149.5, 1]]
    assert steps[:2].tolist() == [0, 100]
    assert len(strip(np.zeros((100_000, 64)), 0, 100_000, 1000).steps) == 62
