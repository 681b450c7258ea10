"""gymnasium's own controller of the lander."""

from __future__ import annotations

from pathlib import Path

import gymnasium
import pytest

from maze.core.agent.lunar_lander_heuristics import LunarLanderHeuristics
from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.gym_env import GymEnv
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.factory import ConfigurationError

pytest.importorskip("Box2D")


def test_it_lands(tmp_path: Path) -> None:
    result = SequentialRolloutRunner(n_episodes=3, max_episode_steps=0).run_with(
        "LunarLander-v3", agent=LunarLanderHeuristics, seeding={"env_base_seed": 1}, run_dir=tmp_path / "run"
    )
    assert result.status == "completed"
    assert result.statistics.episode_return.median is not None
    assert result.statistics.episode_return.median > 100


def test_it_steers_continuous_engines_too() -> None:
    env = GymEnv(gymnasium.make("LunarLander-v3", continuous=True))
    policy = LunarLanderHeuristics()
    policy.attach(env)
    observation, _ = env.reset(seed=1)
    assert env.action_space.contains(policy.act(observation, FLAT_ACTOR).astype("float32"))


def test_other_envs_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="lunar_lander_heuristics knows LunarLander only, not CartPoleEnv"):
        LunarLanderHeuristics().attach(GymEnv(gymnasium.make("CartPole-v1")))
    with pytest.raises(RuntimeError, match="needs attach"):
        LunarLanderHeuristics().act(None, FLAT_ACTOR)
