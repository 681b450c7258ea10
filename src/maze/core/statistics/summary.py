"""What the episodes of a run say together about one quantity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from maze.core.statistics.confidence_interval import mean_interval, wilson_interval

LARGEST_MAGNITUDE = 1e100
"""What is larger stands for "unbounded" in practice, and its square would overflow: it counts as not finite."""


@dataclass(frozen=True)
class Summary:
    """Figures of one quantity over the episodes of a run; None where the values do not determine them.

    Example:
        >>> summarize([1.0, 2.0, 3.0, 10.0, float("nan")]).mean
        4.0
    """

    n: int
    """Episodes that have a finite value: those that all other figures are about."""

    n_not_finite: int
    """Episodes whose value is NaN, infinite, or larger than 1e100; in no other figure."""

    mean: float | None

    confidence_interval: tuple[float, float] | None
    """Low and high end of the mean's 95% confidence interval; None below two values."""

    std: float | None
    """Of the sample, with n - 1 in the denominator; None below two values."""

    interquartile_mean: float | None

    median: float | None

    min: float | None

    max: float | None

    def to_json(self) -> dict[str, Any]:
        """Give the figures as strict JSON, without NaN."""
        return asdict(self) | {"confidence_interval": self.confidence_interval and list(self.confidence_interval)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Summary:
        """Read what `to_json` gave."""
        interval = data["confidence_interval"]
        return cls(**{**data, "confidence_interval": interval and (interval[0], interval[1])})


def summarize(values: ArrayLike, seed: int = 0) -> Summary:
    """Summarize one value per episode, in any order.

    Args:
        values: Shape (n,).
        seed: Of the confidence interval's bootstrap.

    Example:
        >>> summary = summarize([0.0, 1.0, 2.0, 3.0])
        >>> summary.mean, summary.interquartile_mean, summary.min, summary.max
        (1.5, 1.5, 0.0, 3.0)
    """
    everything = np.asarray(values, np.float64)
    # NaN compares false. Ascending order makes every sum, and so every bit, independent of the episodes' order.
    ordered = np.sort(everything[np.abs(everything) <= LARGEST_MAGNITUDE])
    n, n_not_finite = len(ordered), len(everything) - len(ordered)
    if n == 0:
        return Summary(0, n_not_finite, None, None, None, None, None, None, None)
    low, high = float(ordered[0]), float(ordered[-1])
    return Summary(
        n=n,
        n_not_finite=n_not_finite,
        mean=float(ordered.mean()) if low < high else low,
        confidence_interval=mean_interval(ordered, seed),
        std=None if n == 1 else float(ordered.std(ddof=1)) if low < high else 0.0,
        interquartile_mean=interquartile_mean(ordered) if low < high else low,
        median=float((ordered[(n - 1) // 2] + ordered[n // 2]) / 2),
        min=low,
        max=high,
    )


def summarize_successes(n_successes: int, n: int) -> Summary:
    """Summarize the success rate, with its Wilson interval.

    Example:
        >>> summarize_successes(3, 4).mean
        0.75
    """
    successes = np.repeat([0.0, 1.0], [n - n_successes, n_successes])
    return Summary(**{**vars(summarize(successes)), "confidence_interval": wilson_interval(n_successes, n)})


def interquartile_mean(ordered: NDArray[np.float64]) -> float:
    """Mean of the middle half: as robust as needed against lucky episodes, yet not blind as the median.

    Exactly a quarter of the weight goes at each end: where n is no multiple of four, the outermost values that remain
    count for the fraction of them that is inside. This is the midmean of Andrews, Bickel, Hampel, Huber, Rogers and
    Tukey, "Robust estimates of location" (1972); for reinforcement learning Agarwal, Schwarzer, Castro, Courville and
    Bellemare, "Deep reinforcement learning at the edge of the statistical precipice" (NeurIPS 2021), advise it.

    Args:
        ordered: At least one value, in ascending order, shape (n,).

    Example:
        >>> interquartile_mean(np.array([1.0, 3.0, 5.0, 7.0, 9.0, 50.0]))  # (0.5 × 3 + 5 + 7 + 0.5 × 9) / 3
        6.0
    """
    n = len(ordered)
    quarter, index = n / 4, np.arange(n)
    weights = np.minimum(index + 1, n - quarter) - np.maximum(index, quarter)
    return float((ordered * weights.clip(min=0)).sum() / (n / 2))
