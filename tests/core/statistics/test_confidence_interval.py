from __future__ import annotations

import math

import numpy as np
import pytest

from maze.core.statistics.confidence_interval import (
    DRAWS_AT_ONCE,
    MOST_BOOTSTRAPPED,
    _bootstrap,
    _expansion,
    mean_interval,
    wilson_interval,
)


@pytest.mark.parametrize(
    ("n_successes", "n", "low", "high"),
    [
        # With z = 1.959964 and z² = 3.841459: centre (r + z²/2n) / (1 + z²/n) ± half width.
        (5, 10, 0.2365931, 0.7634069),  # 0.5 ± z √(0.025 + z²/400) / (1 + z²/10)
        (0, 10, 0.0, 0.2775328),  # z²/n / (1 + z²/n)
        (10, 10, 0.7224672, 1.0),  # 1 / (1 + z²/n)
        (1, 1, 0.2065493, 1.0),  # 1 / (1 + z²)
    ],
)
def test_wilson_interval_is_the_one_computed_by_hand(n_successes: int, n: int, low: float, high: float) -> None:
    assert wilson_interval(n_successes, n) == pytest.approx((low, high), abs=1e-6)


def test_no_episodes_have_no_success_interval() -> None:
    assert wilson_interval(0, 0) is None


@pytest.mark.parametrize("values", [[], [3.0]])
def test_there_is_no_interval_below_two_values(values: list[float]) -> None:
    assert mean_interval(np.array(values), seed=0) is None


@pytest.mark.parametrize("n", [2, 3, 50, MOST_BOOTSTRAPPED, MOST_BOOTSTRAPPED + 1])
def test_values_without_spread_have_an_interval_without_width(n: int) -> None:
    assert mean_interval(np.full(n, 0.1), seed=0) == (0.1, 0.1)


def test_two_values_bound_their_interval() -> None:
    # Resampled means are 0, 1/2 and 1 with probabilities 1/4, 1/2 and 1/4: both 2.5% quantiles are the ends.
    assert mean_interval(np.array([0.0, 1.0]), seed=0) == (0.0, 1.0)


def test_symmetric_values_have_the_interval_of_the_normal_distribution() -> None:
    values = np.linspace(-1.0, 1.0, 400)
    half_width = 1.959964 * values.std() / math.sqrt(400)
    assert mean_interval(values, seed=0) == pytest.approx((-half_width, half_width), rel=0.06)


def test_interval_leans_to_the_side_of_the_long_tail() -> None:
    values = np.sort(np.random.default_rng(0).exponential(size=40))
    low, high = _bootstrap(values, seed=0)
    assert high - values.mean() > 1.1 * (values.mean() - low)


def test_interval_depends_on_the_seed_and_on_nothing_else() -> None:
    values = np.sort(np.random.default_rng(0).normal(size=100))
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)


def test_resampling_in_blocks_covers_all_resamples() -> None:
    values = np.sort(np.random.default_rng(3).normal(5.0, 1.0, MOST_BOOTSTRAPPED))
    assert MOST_BOOTSTRAPPED * 2_000 > DRAWS_AT_ONCE
    low, high = _bootstrap(values, seed=0)
    assert (low, high) == pytest.approx(
        (values.mean() - 1.96 / math.sqrt(1000), values.mean() + 1.96 / math.sqrt(1000)), abs=0.01
    )


def test_expansion_agrees_with_the_bootstrap_of_skewed_values() -> None:
    values = np.sort(np.random.default_rng(1).exponential(size=MOST_BOOTSTRAPPED))
    error = values.std() / math.sqrt(len(values))
    # A tenth of a standard error; the noise of the resampling is about half of that.
    assert _expansion(values) == pytest.approx(_bootstrap(values, seed=0), abs=0.1 * error)


@pytest.mark.parametrize("n", [30, 2 * MOST_BOOTSTRAPPED])
def test_interval_covers_the_true_mean_about_as_often_as_it_says(n: int) -> None:
    generator, covered, repetitions = np.random.default_rng(7), 0, 200
    for seed in range(repetitions):
        low, high = mean_interval(np.sort(generator.exponential(size=n)), seed) or (math.nan, math.nan)
        covered += low <= 1.0 <= high
    # 95% ± 3 standard errors of 200 repetitions is 0.904 to 0.996; BCa is somewhat short for 30 skewed values.
    assert 0.88 <= covered / repetitions <= 0.996
