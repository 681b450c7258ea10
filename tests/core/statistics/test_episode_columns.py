"""Columns of episodes by name."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from maze.core.env.event import MetricValue
from maze.core.recording.episode_row import EpisodeRow, episodes_table
from maze.core.statistics.episode_columns import EpisodeColumns


@pytest.fixture
def episodes() -> pa.Table:
    rows = [
        EpisodeRow(
            0, 2**62 + 1, 5, "a" * 32, 3, 3, 1.5, True, False, None, True,
            info={"speed": 2.0}, kpis={"scrap": 0.5, "speed": 9.0},
            metrics={"Cut.area.sum": MetricValue(7.0, "sum", "mean")},
        ),
        EpisodeRow(1, 3, 5, error="ZeroDivisionError: division by zero", error_step=2),
    ]  # fmt: skip
    return episodes_table(rows, "part-0")


def test_that_all_columns_are_named(episodes: pa.Table) -> None:
    columns = EpisodeColumns(episodes)
    assert {"return", "error", "kpis.scrap", "info.speed", "metrics.Cut.area.sum"} <= set(columns)
    assert "part" not in columns
    assert len(list(columns)) == len(columns)


def test_that_what_is_missing_is_nan_or_none(episodes: pa.Table) -> None:
    columns = EpisodeColumns(episodes)
    assert columns["return"].tolist()[0] == 1.5
    assert np.isnan(columns["return"][1])
    assert np.isnan(columns["kpis.scrap"][1])
    assert columns["error"].tolist() == [None, "ZeroDivisionError: division by zero"]
    assert columns["terminated"].tolist()[0] == 1.0


def test_that_seeds_keep_every_digit(episodes: pa.Table) -> None:
    assert EpisodeColumns(episodes)["env_seed"].tolist() == [2**62 + 1, 3]


def test_that_figures_are_found_by_their_own_name(episodes: pa.Table) -> None:
    columns = EpisodeColumns(episodes)
    assert columns["Cut.area.sum"].tolist()[0] == 7.0
    assert columns.full_name("scrap") == "kpis.scrap"


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("speed", r"'speed' may be info\.speed or kpis\.speed"),
        ("retrun", "there is no column 'retrun': did you mean 'return'"),
        ("scarp", "did you mean 'scrap'"),
    ],
)
def test_that_there_must_be_one(name: str, line: str, episodes: pa.Table) -> None:
    with pytest.raises(KeyError, match=line):
        EpisodeColumns(episodes)[name]
