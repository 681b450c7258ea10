"""Minimum, maximum, mean and standard deviation of the features of a dataset, gathered episode by episode."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

PICTURES = 100
"""Of each episode, spread evenly over it; all of them would say the same."""


@dataclass(frozen=True)
class FeatureMoments:
    """What has been seen of a feature, number by number.

    Example:
        >>> both = FeatureMoments.of(np.array([1.0, 2.0])).joined(FeatureMoments.of(np.array([6.0])))
        >>> both.to_json()["mean"], both.to_json()["count"]
        ([3.0], [3])
    """

    count: int
    least: np.ndarray
    most: np.ndarray
    mean: np.ndarray

    square: np.ndarray
    """Sum of squared deviations from the mean."""

    @classmethod
    def of(cls, values: np.ndarray) -> FeatureMoments:
        """Of numbers: shape (n, ...), n at least 1; single ones are vectors of one."""
        numbers = values.reshape(len(values), *(values.shape[1:] or (1,))).astype(np.float64)
        mean = numbers.mean(axis=0)
        return cls(len(numbers), numbers.min(axis=0), numbers.max(axis=0), mean, ((numbers - mean) ** 2).sum(axis=0))

    @classmethod
    def of_pictures(cls, pictures: np.ndarray) -> FeatureMoments:
        """Of pictures: by colour, in [0, 1], of shape (colours, 1, 1); counted are the pictures."""
        n = min(len(pictures), PICTURES)
        chosen = pictures[np.linspace(0, len(pictures) - 1, n).round().astype(int)]
        pixels = cls.of(chosen.reshape(-1, chosen.shape[-1]) / 255.0)
        shape = (-1, 1, 1)
        square = pixels.square / pixels.count * n
        parts = (pixels.least, pixels.most, pixels.mean, square)
        return cls(n, *(part.reshape(shape) for part in parts))

    def joined(self, other: FeatureMoments) -> FeatureMoments:
        """Of both together.

        Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979).
        """
        both, shift = self.count + other.count, other.mean - self.mean
        return FeatureMoments(
            both,
            np.minimum(self.least, other.least),
            np.maximum(self.most, other.most),
            self.mean + shift * (other.count / both),
            self.square + other.square + shift**2 * (self.count * other.count / both),
        )

    def to_json(self) -> dict[str, Any]:
        """Lists by the name of the figure."""
        std = np.sqrt(self.square / self.count)
        figures = {"min": self.least, "max": self.most, "mean": self.mean, "std": std}
        return {name: figure.tolist() for name, figure in figures.items()} | {"count": [self.count]}
