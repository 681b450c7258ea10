from __future__ import annotations

import json
import math

import numpy as np
import pytest

from maze.core.statistics.summary import Summary, interquartile_mean, summarize, summarize_successes


def test_figures_are_those_computed_by_hand() -> None:
    summary = summarize([4.0, 1.0, 3.0, 2.0, 10.0])
    assert (summary.n, summary.n_not_finite) == (5, 0)
    assert summary.mean == 4.0
    assert summary.std == pytest.approx(math.sqrt((0 + 9 + 1 + 4 + 36) / 4))
    assert summary.interquartile_mean == pytest.approx((0.75 * 2 + 3 + 0.75 * 4) / 2.5)
    assert (summary.median, summary.min, summary.max) == (3.0, 1.0, 10.0)
    assert summary.confidence_interval is not None
    assert summary.confidence_interval[0] < 4.0 < summary.confidence_interval[1]


@pytest.mark.parametrize(
    ("ordered", "expected"),
    [
        ([7.0], 7.0),
        ([1.0, 3.0], 2.0),  # half of each
        ([1.0, 2.0, 9.0], (0.25 * 1 + 2 + 0.25 * 9) / 1.5),
        ([0.0, 2.0, 4.0, 100.0], 3.0),  # a multiple of four: the outer ones are out
        ([1, 3, 5, 7, 9, 11, 13, 15, 17], 9.0),
        ([1, 3, 5, 7, 9, 11, 13, 15, 170], (0.75 * 5 + 7 + 9 + 11 + 0.75 * 13) / 4.5),
    ],
)
def test_interquartile_mean_weighs_fractions_of_values(ordered: list[float], expected: float) -> None:
    assert interquartile_mean(np.array(ordered, float)) == pytest.approx(expected)


def test_values_that_are_not_finite_are_counted_and_left_out() -> None:
    clean = summarize([1.0, 2.0, 4.0])
    dirty = summarize([1.0, math.nan, 2.0, math.inf, 4.0, -math.inf, 1.7e308])
    assert dirty == Summary(**{**vars(clean), "n_not_finite": 4})


def test_one_value_has_no_spread() -> None:
    assert summarize([2.5]) == Summary(1, 0, 2.5, None, None, 2.5, 2.5, 2.5, 2.5)


@pytest.mark.parametrize("values", [[], [math.nan]])
def test_without_finite_values_nothing_is_said(values: list[float]) -> None:
    assert summarize(values) == Summary(0, len(values), None, None, None, None, None, None, None)


def test_equal_values_are_their_own_mean_to_the_last_bit() -> None:
    assert summarize([0.1] * 1001) == Summary(1001, 0, 0.1, (0.1, 0.1), 0.0, 0.1, 0.1, 0.1, 0.1)


def test_large_values_do_not_overflow() -> None:
    summary = summarize([-1e100, 1e99, 1e100])
    json.dumps(summary.to_json(), allow_nan=False)
    assert summary.n == 3
    assert summary.mean == pytest.approx(1e99 / 3)


def test_success_rate_has_the_wilson_interval() -> None:
    summary = summarize_successes(5, 10)
    assert summary.mean == 0.5
    assert summary.confidence_interval == pytest.approx((0.2365931, 0.7634069), abs=1e-6)


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0]])
def test_summary_survives_json(values: list[float]) -> None:
    summary = summarize(values)
    assert Summary.from_json(json.loads(json.dumps(summary.to_json(), allow_nan=False))) == summary
