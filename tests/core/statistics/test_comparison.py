"""Two runs beside each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from maze.core.recording.episode_row import EpisodeRow, episodes_table
from maze.core.statistics.comparison import compare


def episodes(returns: Sequence[float], seeds: Sequence[int], first: int = 0, **more: Any) -> pa.Table:
    rows = [
        EpisodeRow(
            first + index, seed, 1, f"{value:032.3f}", 3, 3, value, True, False, kpis={"scrap": value / 10}, **more
        )
        for index, (seed, value) in enumerate(zip(seeds, returns, strict=True))
    ]
    return episodes_table(rows, "part-0")


def test_that_the_same_seeds_are_paired() -> None:
    a = episodes([1, 2, 3, 9], [11, 12, 13, 99])
    b = episodes([5, 1, 2], [13, 12, 11], first=50)
    comparison = compare(a, b)
    pairs = [(pair.env_seed, pair.number_a, pair.number_b, pair.difference) for pair in comparison.pairs]
    assert pairs == [(11, 0, 52, 1), (12, 1, 51, -1), (13, 2, 50, 2)]
    assert (comparison.wins_a, comparison.wins_b, comparison.is_paired) == (1, 2, True)
    returns = comparison.differences["return"]
    assert (returns.n, returns.mean_a, returns.mean_b) == (3, 2, 8 / 3)
    assert returns.difference == pytest.approx(2 / 3)
    assert [pair.env_seed for pair in comparison.best(5, of_b=True)] == [13, 11]
    assert [pair.env_seed for pair in comparison.best(5, of_b=False)] == [12]


def test_that_pairs_tell_more_than_means() -> None:
    spread = np.random.default_rng(1).normal(0, 100, 30)
    seeds = range(30)
    a, b = spread.tolist(), (spread + 1 + seeds).tolist()
    paired = compare(episodes(a, seeds), episodes(b, seeds)).differences["return"].confidence_interval
    unpaired = compare(episodes(a, seeds), episodes(b, range(50, 80))).differences["return"].confidence_interval
    assert paired is not None
    assert unpaired is not None
    assert 0 < paired[0] < 15.5 < paired[1]
    assert unpaired[0] < 0 < unpaired[1]


def test_that_a_seed_that_comes_again_is_paired_in_order() -> None:
    comparison = compare(episodes([1, 2, 3], [7, 7, 7]), episodes([4, 6], [7, 7]))
    assert [(pair.number_a, pair.number_b) for pair in comparison.pairs] == [(0, 0), (1, 1)]


def test_that_runs_without_a_common_seed_are_not_paired() -> None:
    comparison = compare(episodes([1, 2, 3], [1, 2, 3]), episodes([4, 5], [4, 5]))
    assert (comparison.is_paired, comparison.win_rate_b, comparison.win_rate_interval) == (False, None, None)
    assert comparison.differences["return"].difference == 2.5
    assert comparison.differences["kpis.scrap"].difference == pytest.approx(0.25)


def test_that_unknown_seeds_are_not_paired() -> None:
    assert not compare(episodes([1, 2], [-1, -1]), episodes([4, 5], [-1, -1])).is_paired


def test_that_failed_episodes_are_left_out() -> None:
    failed = episodes_table([EpisodeRow(9, 1, 1, error="x")], "part-1")
    a = pa.concat_tables([episodes([1, 2], [1, 2]), failed])
    assert compare(a, episodes([1, 2], [1, 2])).n_episodes_a == 2


def test_that_equal_episodes_are_counted() -> None:
    a = episodes([1, 2], [1, 2])
    assert compare(a, a).n_same == 2
    assert compare(a, a).differences["return"].confidence_interval == (0, 0)


def test_that_values_that_are_not_finite_are_left_out() -> None:
    comparison = compare(episodes([1, float("nan"), 3], [1, 2, 3]), episodes([2, 2, 4], [1, 2, 3]))
    assert comparison.differences["return"].n == 2
    assert len(comparison.pairs) == 2


def test_that_it_is_strict_json() -> None:
    comparison = compare(episodes([1, float("inf")], [1, 2]), episodes([2, 2], [1, 2]))
    assert json.loads(json.dumps(comparison.to_json(), allow_nan=False))["n_pairs"] == 1


def test_that_the_same_runs_give_the_same_intervals() -> None:
    a, b = episodes([1, 5, 3, 8], [1, 2, 3, 4]), episodes([2, 2, 4, 4], [11, 12, 13, 14])
    assert compare(a, b).to_json() == compare(a, b).to_json()
