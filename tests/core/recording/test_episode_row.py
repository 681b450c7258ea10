"""Rows of `episodes/`."""

from __future__ import annotations

from typing import Any

import numpy as np

from maze.core.env.event import MetricValue
from maze.core.recording.committed_episodes import CommittedEpisodes
from maze.core.recording.episode_row import EPISODES_SCHEMA, EpisodeRow, episodes_table, scalar_figures

ROWS = [
    EpisodeRow(
        3,
        2**63 - 1,
        0,
        "ab" * 16,
        10,
        20,
        1.5,
        False,
        True,
        "runner",
        None,
        seconds=0.25,
        info={"x": 1.0, "é": float("inf")},
        kpis={"cost": -1.0},
        metrics={"Sold.count": MetricValue(2.0, "count", "mean")},
        action_counts={"0": [3, 0, 7], "buy": [1]},
    ),
    EpisodeRow(1, 5, 6, error="ValueError: no", error_step=-1, traceback="Traceback …", attempts=3),
]


def test_rows_survive_the_table() -> None:
    table = episodes_table(ROWS, "part-a")
    assert table.schema.equals(EPISODES_SCHEMA)
    episodes = CommittedEpisodes({"part-a": table})
    assert [episodes.entry(0), episodes.entry(1)] == [(ROWS[1], "part-a"), (ROWS[0], "part-a")]


def test_no_rows_make_an_empty_table() -> None:
    assert CommittedEpisodes({}).numbers.tolist() == []


def test_scalars_of_an_info_are_figures_and_the_rest_is_not() -> None:
    info = {"a": 1, "b": np.float32(0.5), "c": np.array(2), "d": np.array([1]), "e": "no", "f": None, 7: True}
    assert scalar_figures(info) == ({"a": 1.0, "b": 0.5, "c": 2.0, "7": 1.0}, None)  # type: ignore[arg-type]


def test_success_is_no_figure_but_an_outcome() -> None:
    assert scalar_figures({"is_success": np.bool_(False), "x": 1}) == ({"x": 1.0}, False)
    assert scalar_figures({"success": 1.0}) == ({}, True)


def test_the_scalars_of_agents_have_their_names() -> None:
    fox = {"eaten": np.int64(3), "where": {"x": 0.5}, "mask": np.ones(2)}
    infos: dict[Any, Any] = {"fox_0": fox, "hen": {}, 7: {"success": True}}
    assert scalar_figures(infos) == ({"fox_0.eaten": 3.0, "fox_0.where.x": 0.5, "7.success": 1.0}, None)
