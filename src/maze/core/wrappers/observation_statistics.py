"""What values an entry of the observations has had."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from maze.factory import ConfigurationError

FIGURES = ("mean", "std", "min", "max")


class ObservationStatistics:
    """Mean, standard deviation and range of each element of an array, one observation after the other.

    Args:
        shape: Of the array.

    Example:
        >>> statistics = ObservationStatistics((2,))
        >>> for value in ([1.0, 5.0], [3.0, 5.0]):
        ...     statistics.update(np.array(value))
        >>> statistics.mean, statistics.std, statistics.min
        (array([2., 5.]), array([1., 0.]), array([1., 5.]))
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        """Begin with nothing observed."""
        self.count = 0
        """Observations so far."""
        self.mean = np.zeros(shape)
        self.min, self.max = np.full(shape, np.inf), np.full(shape, -np.inf)
        self._squares = np.zeros(shape)

    @property
    def std(self) -> NDArray[np.float64]:
        """Standard deviation, of the observations themselves and not of what they were drawn from."""
        std: NDArray[np.float64] = np.sqrt(self._squares / max(self.count, 1))
        return std

    def update(self, value: NDArray[Any]) -> None:
        """Take in an observation.

        Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4 (1962).
        """
        self.count += 1
        difference = value - self.mean
        self.mean = self.mean + difference / self.count
        self._squares = self._squares + difference * (value - self.mean)
        self.min, self.max = np.minimum(self.min, value), np.maximum(self.max, value)

    def to_json(self, names: Sequence[str] = FIGURES) -> dict[str, Any]:
        """Figures as plain lists, and how many observations they are of.

        Example:
            >>> statistics = ObservationStatistics(())
            >>> statistics.update(np.array(2.0))
            >>> statistics.to_json()
            {'count': 1, 'mean': 2.0, 'std': 0.0, 'min': 2.0, 'max': 2.0}
        """
        return {"count": self.count, **{name: getattr(self, name).tolist() for name in names}}

    @classmethod
    def from_json(cls, figures: Mapping[str, Any], shape: tuple[int, ...], place: str) -> Self:
        """Read figures, which may go on to be updated; those that are missing are as if nothing had been observed.

        Args:
            figures: As `to_json` gives them; a number stands for as many as there are.
            shape: Of the array.
            place: What the message calls them.

        Raises:
            ConfigurationError: If a figure has another shape, is not finite, or cannot be.

        Example:
            >>> ObservationStatistics.from_json({"mean": 0.5, "std": 2.0}, (2,), "place").mean
            array([0.5, 0.5])
        """
        statistics = cls(shape)
        found = {name: _array(figures[name], shape, f"{place}: {name}") for name in FIGURES if name in figures}
        count = figures.get("count", 1)
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ConfigurationError(f"{place}: count is {count!r}: give a whole number of at least 1")
        if (found.get("std", np.zeros(())) < 0).any():
            raise ConfigurationError(f"{place}: std is negative: give one that is not")
        if "min" in found and "max" in found and (found["min"] > found["max"]).any():
            raise ConfigurationError(f"{place}: min is above max: exchange them")
        statistics.count = count
        statistics.mean = found.get("mean", statistics.mean)
        statistics.min, statistics.max = found.get("min", statistics.min), found.get("max", statistics.max)
        statistics._squares = found.get("std", np.zeros(shape)) ** 2 * count
        return statistics


def _array(values: Any, shape: tuple[int, ...], place: str) -> NDArray[np.float64]:
    try:
        array = np.asarray(values, np.float64)
    except (TypeError, ValueError):
        raise ConfigurationError(f"{place} is no array of numbers: give one of shape {shape}") from None
    if array.shape not in ((), shape):
        raise ConfigurationError(f"{place} has the shape {array.shape}, the environment's observation {shape}")
    if not np.isfinite(array).all():
        raise ConfigurationError(f"{place} is not finite: give numbers, or exclude the observation")
    return np.array(np.broadcast_to(array, shape))
