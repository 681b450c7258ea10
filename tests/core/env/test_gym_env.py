"""Flat environments as structured ones."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.wrappers import ClipReward, OrderEnforcing, PassiveEnvChecker, TimeLimit

from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.gym_env import GymEnv, make_gym_env


def test_a_flat_env_has_one_actor_and_every_step_is_a_round() -> None:
    env = GymEnv(gymnasium.make("CartPole-v1"))
    assert (env.actor_id(), env.time, env.is_actor_done()) == (FLAT_ACTOR, None, False)
    assert (env.actor_rewards(), env.final_observations(), env.state()) == (None, None, None)
    assert env.action_space == env.action_spaces[0] == gymnasium.spaces.Discrete(2)
    assert env.observation_space == env.observation_spaces[0]


def test_it_does_what_the_env_does() -> None:
    env, plain = GymEnv(gymnasium.make("CartPole-v1")), gymnasium.make("CartPole-v1")
    assert np.array_equal(env.reset(seed=3)[0], plain.reset(seed=3)[0])
    for action in (0, 1, 1):
        (observation, *rest), (expected, *others) = env.step(action), plain.step(action)
        assert np.array_equal(observation, expected)
        assert rest == others


@pytest.mark.parametrize(
    ("wrap", "limit", "kept"),
    [
        (lambda env: env, None, "CartPoleEnv"),
        (lambda env: TimeLimit(env, 7), 7, "CartPoleEnv"),
        (lambda env: TimeLimit(OrderEnforcing(PassiveEnvChecker(TimeLimit(env, 9))), 12), 9, "CartPoleEnv"),
        (lambda env: TimeLimit(ClipReward(TimeLimit(env, 9), 0, 1), 7), 7, "ClipReward"),
        (lambda env: ClipReward(TimeLimit(env, 9), 0, 1), None, "ClipReward"),
    ],
)
def test_time_limits_outside_are_left_to_the_loop(wrap: Any, limit: int | None, kept: str) -> None:
    env = GymEnv(wrap(gymnasium.make("CartPole-v1").unwrapped))
    assert env.max_episode_steps == limit
    assert type(env.env).__name__ == kept


def test_spec_metadata_and_rendering_are_the_envs() -> None:
    env = GymEnv(gymnasium.make("CartPole-v1", render_mode="rgb_array"))
    assert env.spec is not None
    assert env.spec.id == "CartPole-v1"
    assert env.metadata["render_fps"] == 50
    env.reset(seed=1)
    assert env.render().shape == (400, 600, 3)
    env.close()


def test_what_is_no_env_is_refused() -> None:
    with pytest.raises(TypeError, match=r"str is no gymnasium\.Env: pass one, or a gymnasium id"):
        GymEnv("CartPole-v1")  # type: ignore[arg-type]


def test_envs_are_made_without_what_guards_against_misuse() -> None:
    env = make_gym_env("CartPole-v1", {"sutton_barto_reward": True}, render_mode="rgb_array")
    assert isinstance(env, TimeLimit)
    assert env.env is env.unwrapped
    assert env.render_mode == "rgb_array"
    assert gymnasium.spec("CartPole-v1").order_enforce
    assert isinstance(gymnasium.make("CartPole-v1").get_wrapper_attr("env"), OrderEnforcing)


def test_modules_of_ids_are_imported(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "brings_pole.py").write_text(
        "import gymnasium\ngymnasium.register('Brought-v0', 'gymnasium.envs.classic_control:CartPoleEnv')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert make_gym_env("brings_pole:Brought-v0").unwrapped.spec.id == "Brought-v0"  # type: ignore[union-attr]
    with pytest.raises(gymnasium.error.Error):
        make_gym_env("Nothing-v0")
    with pytest.raises(ImportError):
        make_gym_env("no_such_module:Brought-v0")
