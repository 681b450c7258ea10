"""How far the mean of some episodes may be from the mean of all episodes that could have been run."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

CONFIDENCE = 0.95
QUANTILE = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
"""1.96: the standard normal distribution has 2.5% above it."""

MOST_RESAMPLES = 5_000
"""Repeated with another seed, the ends then move by about 4% of the standard error."""
MOST_DRAWS = 2_000_000
"""Values drawn for one interval, all resamples together: they take about 10 ms."""
MOST_BOOTSTRAPPED = 1_000
"""Above so many values a bootstrap of `MOST_DRAWS` adds more noise to the ends than the expansion has error."""
DRAWS_AT_ONCE = 2**16
"""Bounds the memory of a bootstrap to 1 MiB of indices and values, which the processor's cache holds."""


def mean_interval(values: NDArray[np.float64], seed: int) -> tuple[float, float] | None:
    """Give the 95% confidence interval of a mean.

    Up to `MOST_BOOTSTRAPPED` values by the bootstrap, because returns are skewed and bounded and the usual mean ±
    1.96 standard errors is neither; by its bias-corrected and accelerated form, because the plain percentiles
    err by O(1/√n) where this errs by O(1/n), and because for a mean it costs nothing more. With more values by an
    expansion that agrees with it to that order. Below about 20 values every such interval is somewhat too narrow.

    Args:
        values: Finite and in ascending order, so that the order of the episodes cannot matter, shape (n,).
        seed: Of the resampling; the same values and seed give the same interval.

    Returns:
        Low and high end; None below two values.

    Example:
        >>> low, high = mean_interval(np.arange(10.0), seed=0)
        >>> round(low, 1), round(high, 1)
        (2.7, 6.3)
    """
    if len(values) < 2:  # noqa: PLR2004 - one value says nothing about the spread
        return None
    if values[0] == values[-1]:
        return float(values[0]), float(values[0])
    return _bootstrap(values, seed) if len(values) <= MOST_BOOTSTRAPPED else _expansion(values)


def wilson_interval(n_successes: int, n: int) -> tuple[float, float] | None:
    """Give the 95% confidence interval of a success rate; None without episodes.

    Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
    Statistical Association 22 (1927): holds at rates near 0 and 1 and in small samples, and never leaves [0, 1].

    Example:
        >>> low, high = wilson_interval(10, 10)
        >>> round(low, 3), high
        (0.722, 1.0)
    """
    if n == 0:
        return None
    rate, square = n_successes / n, QUANTILE**2
    centre = (rate + square / (2 * n)) / (1 + square / n)
    half_width = QUANTILE * math.sqrt(rate * (1 - rate) / n + square / (4 * n * n)) / (1 + square / n)
    # The ends touch 0 and 1 exactly; rounding would miss them by the last bit.
    return (
        0.0 if n_successes == 0 else max(centre - half_width, 0.0),
        1.0 if n_successes == n else min(centre + half_width, 1.0),
    )


def _bootstrap(values: NDArray[np.float64], seed: int) -> tuple[float, float]:
    """BCa interval: Efron, "Better bootstrap confidence intervals", J. Amer. Stat. Assoc. 82 (1987), section 2."""
    means, mean = _resampled_means(values, seed), values.sum() / len(values)
    # Ties count half: with few distinct values, resamples that hit the mean exactly are no sign of bias.
    below = (np.count_nonzero(means < mean) + np.count_nonzero(means == mean) / 2) / len(means)
    normal, deviations = NormalDist(), values - mean
    bias = normal.inv_cdf(min(max(below, 1 / len(means)), 1 - 1 / len(means)))
    # The jackknife values of a mean are its deviations over n - 1, which cancels.
    acceleration = (deviations**3).sum() / (6 * (deviations**2).sum() ** 1.5)
    levels = [
        normal.cdf(bias + (bias + quantile) / (1 - acceleration * (bias + quantile)))
        for quantile in (-QUANTILE, QUANTILE)
    ]
    low, high = np.quantile(means, levels)
    return float(low), float(high)


def _resampled_means(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Means of resamples with replacement, drawn in blocks that bound the memory."""
    generator, n = np.random.default_rng(seed), len(values)
    means = np.empty(min(MOST_RESAMPLES, MOST_DRAWS // n))
    rows = DRAWS_AT_ONCE // n
    for start in range(0, len(means), rows):
        block = means[start : start + rows]
        indices = generator.integers(n, size=(len(block), n))
        np.divide(values.take(indices).sum(axis=1), n, out=block)
    return means


def _expansion(values: NDArray[np.float64]) -> tuple[float, float]:
    """Normal interval with the first term for skewness: Hall, "The bootstrap and Edgeworth expansion" (1992), 2.6."""
    n, mean = len(values), values.mean()
    deviations = values - mean
    spread = deviations.std()
    standardized = deviations / spread
    # Twenty times as fast as a power of 3.
    skewness = (standardized * standardized * standardized).mean()
    error = spread / math.sqrt(n - 1)
    centre = mean + error * skewness * (2 * QUANTILE**2 + 1) / (6 * math.sqrt(n))
    return float(centre - QUANTILE * error), float(centre + QUANTILE * error)
