"""What an environment gets is what is recorded, whatever types the policy gives."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Step

from maze import load, rollout
from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.exact_actions import exact_actions
from maze.core.rollout.replay import recorded_env, replay_episode

THIRD = 1 / 3
"""No number of single precision."""


def numbers_in(action: Any) -> list[Any]:
    """All numbers of an action, as they are."""
    if isinstance(action, dict):
        return [number for part in action.values() for number in numbers_in(part)]
    if isinstance(action, tuple | list):
        return [number for part in action for number in numbers_in(part)]
    return list(action.ravel()) if isinstance(action, np.ndarray) else [action]


class Sensitive(gymnasium.Env[Any, Any]):
    """Computes with actions in whatever precision they have, so that every digit shows in its rewards."""

    observation_space = spaces.Box(-9, 9, (1,), np.float64)

    def __init__(self, action_space: Any) -> None:
        self.action_space = action_space
        self.got: list[Any] = []

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n, self.place = 0, 0.25
        return np.array([self.place]), {}

    def step(self, action: Any) -> Step:
        self.n += 1
        self.got.append(action)
        for number in numbers_in(action):
            self.place = float(np.float32(self.place) * number + np.float16(0.7))
        self.place = math.sin(self.place)
        return np.array([self.place]), self.place, self.n == 8, False, {}


class Sides(StructuredEnv):
    """The same with two actors by turns, one of whom has a Discrete of int64."""

    observation_spaces = {"left": Sensitive.observation_space, "right": Sensitive.observation_space}  # noqa: RUF012
    action_spaces = {"left": spaces.Box(-1, 1, (1,)), "right": spaces.Discrete(3)}  # noqa: RUF012

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        self.inner = Sensitive(None)
        return self.inner.reset()

    def step(self, action: Any) -> Step:
        return self.inner.step(action)

    def actor_id(self) -> ActorID:
        return ActorID("left" if self.inner.n % 2 == 0 else "right", 0)


GIVEN: dict[str, tuple[Any, Any]] = {
    "float64 for float32": (spaces.Box(-1, 1, (2,)), np.array([THIRD, -THIRD])),
    "a list": (spaces.Box(-1, 1, (2,)), [THIRD, 1]),
    "a tuple": (spaces.Box(-1, 1, (2,)), (THIRD, np.float64(THIRD))),
    "a number for an array of rank 0": (spaces.Box(-1, 1, ()), THIRD),
    "float32 for float64": (spaces.Box(-1, 1, (1,), np.float64), np.array([THIRD], np.float32)),
    "an int for int8": (spaces.Discrete(5, dtype=np.int8), 3),
    "int64 for int8": (spaces.Discrete(5, dtype=np.int8), np.int64(3)),
    "a list for MultiDiscrete": (spaces.MultiDiscrete([4, 4], np.int8), [2, 3]),
    "bools for MultiBinary": (spaces.MultiBinary(3), [True, False, True]),
    "a nested Dict": (
        spaces.Dict({"b": spaces.Dict({"x": spaces.Box(-1, 1, (1,))}), "a": spaces.Discrete(4)}),
        {"b": {"x": [THIRD]}, "a": 3},
    ),
    "a Tuple as a list": (
        spaces.Tuple((spaces.Box(-1, 1, (1,)), spaces.Discrete(4))),
        [np.array([THIRD]), 3],
    ),
    "a Sequence": (spaces.Sequence(spaces.Box(-1, 1, (1,))), ([THIRD], [0.5 * THIRD])),
    "OneOf": (spaces.OneOf([spaces.Discrete(3), spaces.Box(-1, 1, (1,))]), (1, [THIRD])),
}


class Giving(StructuredPolicy):
    """Gives the same every time, for as many slots as wanted."""

    def __init__(self, action: Any, n_envs: int) -> None:
        self.action, self.n_envs = action, n_envs

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return self.action[actor_id.step_key] if isinstance(actor_id.step_key, str) else self.action


@pytest.mark.parametrize("n_envs", [1, 2])
@pytest.mark.parametrize("kind", GIVEN)
def test_that_what_was_played_plays_the_same_again(kind: str, n_envs: int, tmp_path: Path) -> None:
    space, action = GIVEN[kind]
    result = rollout(lambda: Sensitive(space), Giving(action, n_envs), n_episodes=2, run_dir=tmp_path / "run")
    assert result.status == "completed"
    recording = load(result.run_dir)
    replaying = recorded_env(recording, make=lambda: Sensitive(space))
    for episode in recording:
        assert str(replay_episode(episode, replaying)) == "the same in all 8 decisions"


def test_that_of_several_step_keys_each_has_its_own(tmp_path: Path) -> None:
    agent = Giving({"left": np.array([THIRD]), "right": np.int64(2)}, 1)
    recording = load(rollout(Sides, agent, n_episodes=1, run_dir=tmp_path / "run").run_dir)
    assert replay_episode(recording[0], recorded_env(recording, make=Sides)).is_same


def test_that_wrapped_environments_get_the_same(tmp_path: Path) -> None:
    wrappers = {"clip": {"_target_": "gymnasium.wrappers.ClipAction"}}
    settings: dict[str, Any] = {"n_episodes": 1, "wrappers": wrappers, "max_episode_steps": 20}
    result = rollout("Pendulum-v1", lambda observation: [observation[2] * THIRD], run_dir=tmp_path / "run", **settings)
    recording = load(result.run_dir)
    assert replay_episode(recording[0], recorded_env(recording)).is_same


@pytest.mark.parametrize("kind", ["float64 for float32", "an int for int8", "a nested Dict"])
def test_that_an_exact_action_is_not_copied(kind: str) -> None:
    space, action = GIVEN[kind]
    convert = (exact_actions({0: space}) or {})[0]
    exact = convert(action)
    assert space.contains(exact)
    again = convert(exact)
    assert all(one is other for one, other in zip(_leaves(exact), _leaves(again), strict=True))


def _leaves(action: Any) -> list[Any]:
    return [leaf for part in action.values() for leaf in _leaves(part)] if isinstance(action, dict) else [action]


@pytest.mark.parametrize("make", [lambda: spaces.Discrete(4), lambda: spaces.Discrete(4, start=-1)])
def test_that_the_commonest_actions_cost_nothing(make: Callable[[], Any]) -> None:
    assert exact_actions({"a": make(), "b": make()}) is None


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ([0.5], r"expected float32 of shape \(2,\), found float64 of shape \(1,\)"),
        ("left", "found str 'left'"),
        (None, "found NoneType None"),
        ([1e300, 0.0], "with values beyond float32"),
    ],
)
def test_that_what_is_no_action_is_reported_as_the_policy_gave_it(action: Any, message: str, tmp_path: Path) -> None:
    space = spaces.Box(-1, 1, (2,))
    env = lambda: Sensitive(space)  # noqa: E731
    result = rollout(env, Giving(action, 1), n_episodes=1, on_error="continue", run_dir=tmp_path / "run")
    (failed,) = result.failures
    assert re.search(message, failed.error or ""), failed.error
