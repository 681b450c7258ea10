"""How arrays of numbers are normalised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from maze.core.wrappers.observation_statistics import ObservationStatistics
from maze.factory import ConfigurationError

Strategy: TypeAlias = Literal["mean_std", "range"]

NEEDED: Mapping[str, tuple[str, str]] = {"mean_std": ("mean", "std"), "range": ("min", "max")}
"""The figures that each strategy uses."""

SMALLEST_SPREAD = 1e-30
"""What varies less is taken to be constant, and only shifted: float32 cannot divide by it."""


class ArrayNormalization:
    """Shifts and scales each element of an array; without statistics it leaves it as it is.

    Args:
        space: Of the arrays.
        strategy: "mean_std" gives a mean of 0 and a standard deviation of 1, "range" maps the smallest value to 0 and
            the largest to 1.
        clip: Smallest and largest normalised value; None: unbounded.

    Example:
        >>> normalization = ArrayNormalization(spaces.Box(0, 255, (2,), np.uint8), "range", None)
        >>> for value in ([0, 100], [200, 100]):
        ...     normalization.statistics.update(np.array(value))
        >>> normalization.refresh("the image")
        >>> normalization.apply(np.array([50, 100], np.uint8)), normalization.space
        (array([0.25, 0.  ], dtype=float32), Box(-inf, inf, (2,), float32))
    """

    def __init__(self, space: Any, strategy: Strategy, clip: tuple[float, float] | None) -> None:
        """Begin without statistics."""
        self.shape: tuple[int, ...] = space.shape
        self.statistics = ObservationStatistics(space.shape)
        self._strategy, self._clip = strategy, clip
        size = space.dtype.itemsize
        self._dtype = np.dtype(np.float64 if space.dtype.kind == "f" and size >= 8 else np.float32)  # noqa: PLR2004 - bytes
        # float32 has 24 exact bits: larger integers are shifted before they are rounded.
        is_large_integer = space.dtype.kind in "iu" and size > 2  # noqa: PLR2004 - as above
        work_dtype = np.dtype(np.float64) if is_large_integer else self._dtype
        low, high = clip or (-np.inf, np.inf)
        self.space = spaces.Box(low, high, space.shape, self._dtype.type)
        self._offset: NDArray[Any] = np.zeros(space.shape, work_dtype)
        self._spread: NDArray[Any] = np.ones(space.shape, work_dtype)

    def apply(self, value: Any) -> NDArray[Any]:
        """Normalise an array."""
        normalized = np.asarray((value - self._offset) / self._spread, self._dtype)
        return normalized if self._clip is None else np.clip(normalized, *self._clip)

    def refresh(self, place: str) -> None:
        """Normalise by the statistics as they are now.

        Args:
            place: What the message calls the array.

        Raises:
            ConfigurationError: If there are none, or they are not finite.
        """
        figures = self.statistics
        if not figures.count:
            raise ConfigurationError(f"{place} did not occur in the samples: raise n_samples, or give its statistics")
        if self._strategy == "mean_std":
            offset, spread = figures.mean, figures.std
        else:
            offset, spread = figures.min, figures.max - figures.min
        if not (np.isfinite(offset).all() and np.isfinite(spread).all()):
            raise ConfigurationError(f"{place} has values that are not finite: exclude it, or give its statistics")
        spread = np.where(spread > SMALLEST_SPREAD, spread, 1.0)
        self._offset, self._spread = offset.astype(self._offset.dtype), spread.astype(self._spread.dtype)
