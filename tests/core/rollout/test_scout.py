"""What is known of a run before its first episode."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import BatchingPolicy, GlobalWalk, Trade, Walk

from maze.core.env.structured_env import StructuredEnv
from maze.core.recording.space_json import space_from_json
from maze.core.rollout.recipes import EnvRecipe, PolicyRecipe
from maze.core.rollout.rollout_job import RolloutJob
from maze.core.rollout.scout import Scouted, scout


def look(env: Any, agent: Any = None, **settings: Any) -> Scouted:
    return scout(RolloutJob(EnvRecipe(env), PolicyRecipe(agent), Path("nowhere"), **settings))


def test_spaces_and_names_are_described() -> None:
    description = look("CartPole-v1").description
    assert description["env"]["name"] == "CartPole-v1"
    assert description["env"]["class"] == "gymnasium.envs.classic_control.cartpole.CartPoleEnv"
    assert description["env"]["package"].startswith("gymnasium ")
    assert description["env"]["max_episode_steps"] == 500
    assert description["policy"] == "maze.core.agent.random_policy.RandomPolicy"
    ((key, space),) = json.loads(json.dumps(description["action_spaces"]))
    assert (key, space_from_json(space)) == (0, spaces.Discrete(2))


def test_a_structured_env_is_described_by_step_key() -> None:
    class Masked(Trade):
        action_masks = {"offer": {None: "mask"}}  # noqa: RUF012 - as environments write it

    description = look(Masked).description
    assert [key for key, _ in description["observation_spaces"]] == ["offer", "accept"]
    assert description["action_masks"] == [["offer", [(None, "mask")]]]
    assert description["env"]["package"] is None


@pytest.mark.parametrize(
    ("env", "agent", "n_envs", "expected"),
    [
        (Walk, None, None, 1),
        (Walk, BatchingPolicy(5), None, 5),
        (Walk, BatchingPolicy(5), 3, 3),
        (GlobalWalk, None, 4, 1),
    ],
)
def test_number_of_slots(env: Any, agent: Any, n_envs: int | None, expected: int) -> None:
    assert look(env, agent, n_envs=n_envs).n_envs == expected


def test_what_is_built_is_closed_also_where_the_policy_raises() -> None:
    built: list[Walk] = []

    def make() -> Walk:
        built.append(Walk())
        return built[-1]

    class Broken(BatchingPolicy):
        def __init__(self, observation_spaces: Any) -> None:
            raise OSError("no weights")

    with pytest.raises(OSError, match="no weights"):
        look(make, Broken)
    assert [env.closed for env in built] == [1]


def test_an_env_that_cannot_be_built_says_why() -> None:
    def broken() -> StructuredEnv:
        raise OSError("no simulator")

    with pytest.raises(OSError, match="no simulator"):
        look(broken)
