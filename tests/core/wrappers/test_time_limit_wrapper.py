"""Limits to the length of episodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import pytest
from tests.core.wrappers.market import LegalPolicy, Market

from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.time_limit_wrapper import TimeLimitWrapper
from maze.factory import ConfigurationError

TARGET = "maze.core.wrappers.time_limit_wrapper.TimeLimitWrapper"


@pytest.mark.parametrize(
    ("env", "limits", "expected"),
    [
        (Market(), [180], 180),
        (GymEnv(gymnasium.make("CartPole-v1")), [180], 180),
        (GymEnv(gymnasium.make("CartPole-v1")), [900], 500),
        (Market(), [20, 10], 10),
        (Market(), [10, 20], 10),
    ],
)
def test_the_smallest_limit_counts(env: StructuredEnv, limits: list[int], expected: int) -> None:
    for limit in limits:
        env = TimeLimitWrapper(env, limit)
    assert env.max_episode_steps == expected


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, "ten"])
def test_other_limits_are_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"max_episode_steps=.*: give a whole number of at least 1"):
        TimeLimitWrapper(Market(), limit)


def test_it_counts_rounds_and_the_env_is_what_cut(tmp_path: Path) -> None:
    runner = SequentialRolloutRunner(n_episodes=1, max_episode_steps=0)
    wrappers = {"limit": {"_target_": TARGET, "max_episode_steps": 2}}
    (episode,) = runner.run_with(Market, wrappers, LegalPolicy, run_dir=tmp_path / "run")
    assert (episode.length, episode.n_decisions) == (2, 6)
    assert (episode.terminated, episode.truncated, episode.truncated_by) == (False, True, "env")
    assert episode.final_observations.keys() == set(Market.TURNS)
