"""The file that a run keeps its statistics in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import pytest
from tests.core.wrappers.market import Market

from maze.core.env.gym_env import GymEnv
from maze.core.rollout.normalization import (
    NORMALIZATION_FILE,
    load_normalization,
    normalization_content,
    normalization_wrappers,
)
from maze.core.wrappers.observation_normalization_wrapper import ObservationNormalizationWrapper
from maze.core.wrappers.structured_wrapper import StructuredWrapper
from maze.factory import ConfigurationError

BUY = {"step_key": "buy", "observation": "price", "count": 9, "mean": [10.0, 5.0], "std": [2.0, 4.0]}
SELL = {"step_key": "sell", "observation": "stock", "count": 9, "min": 3.0, "max": 5.0}


def env() -> StructuredWrapper:
    inner = ObservationNormalizationWrapper(Market(), keys=["price"])
    return ObservationNormalizationWrapper(StructuredWrapper(inner), strategy="range", keys=["stock"])


def test_wrappers_are_found_from_the_inside_out() -> None:
    outer = env()
    inner: Any = outer.env.env  # type: ignore[attr-defined]
    assert normalization_wrappers(StructuredWrapper(outer)) == [inner, outer]
    assert normalization_wrappers(Market()) == []


def test_every_wrapper_gets_its_own(tmp_path: Path) -> None:
    path = tmp_path / NORMALIZATION_FILE
    path.write_text(json.dumps(normalization_content([[BUY], [SELL]])))
    loaded = env()
    assert load_normalization(loaded, path)
    assert [wrapper.statistics_to_json() for wrapper in normalization_wrappers(loaded)] == [[BUY], [SELL]]
    assert loaded.reset(seed=1)[0]["price"].tolist() == [0, -1.25]


def test_there_may_be_no_file_or_nothing_to_normalise(tmp_path: Path) -> None:
    assert not load_normalization(env(), tmp_path / "nothing.json")
    assert load_normalization(Market(), tmp_path / "nothing.json")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", "{path} cannot be read (Expecting value"),
        ("[]", "{path} is damaged: restore it from a copy"),
        ('{"format_version": 1, "wrappers": 5}', "{path} is damaged: restore it from a copy"),
        ('{"format_version": 1, "wrappers": [{}, {}]}', "{path} is damaged: restore it from a copy"),
        ('{"format_version": 2}', "{path} has format 2, this version of maze reads 1: update it"),
        (
            '{"format_version": 1, "wrappers": [[]]}',
            "normalization.json has the statistics of 1 wrappers that normalise, ",
        ),
        (
            '{"format_version": 1, "wrappers": [[], []]}',
            "statistics that do not fit this environment: normalization.json has none of the observation",
        ),
        (
            json.dumps({"format_version": 1, "wrappers": [[{**BUY, "mean": [float("nan")] * 2}], [SELL]]}),
            "statistics that do not fit this environment: normalization.json, the observation 'price' of step key",
        ),
    ],
)
def test_files_that_do_not_fit_are_refused_in_one_line(content: str, line: str, tmp_path: Path) -> None:
    path = tmp_path / NORMALIZATION_FILE
    path.write_text(content)
    with pytest.raises(ConfigurationError) as caught:
        load_normalization(env(), path)
    assert str(caught.value).startswith(line.format(path=path))
    assert "\n" not in str(caught.value)


def test_statistics_of_another_env_are_refused(tmp_path: Path) -> None:
    path = tmp_path / NORMALIZATION_FILE
    path.write_text(json.dumps(normalization_content([[{"step_key": 0, "mean": [0, 0, 0], "std": 1}]])))
    flat = ObservationNormalizationWrapper(GymEnv(gymnasium.make("CartPole-v1")))
    with pytest.raises(
        ConfigurationError, match=r"mean has the shape \(3,\), the environment's observation \(4,\); choo"
    ):
        load_normalization(flat, path)
