"""Episodes that begin somewhere else."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from tests.core.wrappers.market import Bought, LegalPolicy, Market, MaskedCutter, Opened

from maze.core.env.gym_env import GymEnv
from maze.core.env.structured_env import StructuredEnv
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.random_reset_wrapper import RandomResetWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

RANDOM = {"_target_": "maze.core.wrappers.random_reset_wrapper.RandomResetWrapper", "max_rounds": 3}


def test_the_seed_decides_how_far_and_where_to() -> None:
    env = RandomResetWrapper(Market(n_rounds=9), max_rounds=5)
    market: Any = env.unwrapped
    seen: dict[int, tuple[int, int, float]] = {}
    for seed in (*range(60), *range(60)):
        observation, _ = env.reset(seed=seed)
        assert market.n % 3 == 0
        state = (market.n, market.stock, float(observation["price"][0]))
        assert seen.setdefault(seed, state) == state
    assert {n // 3 for n, *_ in seen.values()} == {0, 1, 2, 3, 4, 5}
    assert len({price for _, _, price in seen.values()}) > 10


def test_fewest_rounds() -> None:
    env = RandomResetWrapper(Market(n_rounds=9), max_rounds=2, min_rounds=2)
    for seed in range(5):
        env.reset(seed=seed)
        assert env.unwrapped.n == 6  # type: ignore[attr-defined]


def test_masks_are_respected_in_dicts_too() -> None:
    for kind in (Market, MaskedCutter):  # they raise an error where an action is illegal
        env = RandomResetWrapper(kind(), max_rounds=3, min_rounds=3)
        for seed in range(10):
            env.reset(seed=seed)


def test_several_masked_choices_at_once() -> None:
    class Doors(StructuredEnv):
        observation_spaces = {0: spaces.Dict(open=spaces.MultiBinary(5))}  # noqa: RUF012
        action_spaces = {0: spaces.MultiDiscrete([2, 3])}  # noqa: RUF012
        action_masks = {0: {None: "open"}}  # noqa: RUF012

        def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
            self.actions: list[list[int]] = []
            return {"open": np.array([0, 1, 1, 0, 1], np.int8)}, {}

        def step(self, action: Any) -> Any:
            self.actions.append(action.tolist())
            return {"open": np.array([0, 1, 1, 0, 1], np.int8)}, 0.0, False, False, {}

    doors = Doors()
    RandomResetWrapper(doors, max_rounds=20, min_rounds=20).reset(seed=1)
    assert {tuple(action) for action in doors.actions} == {(1, 0), (1, 2)}


def test_random_rounds_are_of_no_episode(tmp_path: Path) -> None:
    wrapper = {**RANDOM, "min_rounds": 3}
    runner = SequentialRolloutRunner(n_episodes=3, max_episode_steps=2)
    for episode in runner.run_with(lambda: Market(n_rounds=9), [wrapper], LegalPolicy, run_dir=tmp_path / "run"):
        assert episode.times.tolist() == [0, 0, 0, 1, 1, 1]
        assert (episode.length, episode.n_decisions) == (2, 6)
        assert [record.step for record in episode.events(Opened)] == [-1]
        assert [record.step for record in episode.events(Bought)] == [0, 1, 3, 4]
        assert episode.observations_of("buy")["price"][0, 1] == 9


def test_an_episode_that_ends_in_them_begins_anew() -> None:
    env = RandomResetWrapper(Market(n_rounds=2), max_rounds=5, min_rounds=5)
    market: Any = env.unwrapped
    for seed in range(3):
        observation, info = env.reset(seed=seed)
        assert (market.n, env.time, info) == (0, 0, {"opened": True})
        assert observation["price"][1] == 0
        assert env.pending_events == [Opened()]
        env.pending_events.clear()


def test_without_a_seed_every_episode_is_another() -> None:
    env = RandomResetWrapper(GymEnv(gymnasium.make("CartPole-v1")), max_rounds=5)
    env.reset(seed=1)
    assert len({tuple(env.reset()[0].tolist()) for _ in range(5)}) == 5


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ({"max_rounds": -1}, "max_rounds=-1: give a whole number of at least 0"),
        ({"max_rounds": 1, "min_rounds": 0.5}, "min_rounds=0.5: give a whole number of at least 0"),
        ({"max_rounds": 1, "min_rounds": 2}, "min_rounds=2 is more than max_rounds=1: exchange them"),
    ],
)
def test_wrong_numbers_are_refused_in_one_line(arguments: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        RandomResetWrapper(Market(), **arguments)
    assert str(caught.value) == line


def test_it_keeps_every_rule() -> None:
    check_env(partial(Market, n_rounds=9), [RANDOM])
    check_env("CartPole-v1", [RANDOM])
