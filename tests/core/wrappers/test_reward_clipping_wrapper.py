"""Rewards within bounds."""

from __future__ import annotations

import pytest
from tests.core.wrappers.market import Cutter, Market

from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.reward_clipping_wrapper import RewardClippingWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

CLIPPING = {"_target_": "maze.core.wrappers.reward_clipping_wrapper.RewardClippingWrapper", "max_reward": 0.5}


def test_every_share_is_clipped_and_the_reward_is_their_sum() -> None:
    env = RewardClippingWrapper(Market(), min_reward=-1, max_reward=4)
    env.reset(seed=1)
    assert [env.step(action)[1] for action in (1, 0, 2)] == [0, 0, 3]
    assert env.actor_rewards() == dict(zip(Market.TURNS, (4, 0, -1), strict=True))


@pytest.mark.parametrize(
    ("bounds", "clipped"), [({"max_reward": 1}, 1), ({"min_reward": 3}, 3), ({"min_reward": -1, "max_reward": 9}, 2.5)]
)
def test_a_reward_that_is_not_split_is_clipped(bounds: dict[str, float], clipped: float) -> None:
    env = RewardClippingWrapper(GymEnv(Cutter()), **bounds)
    env.reset(seed=1)
    action = {**env.action_space.sample(), "piece": 2, "rotate": 1}
    action["offset"] *= 0
    assert env.step(action)[1] == clipped


def test_bounds_that_leave_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="the first must be the smaller"):
        RewardClippingWrapper(Market(), min_reward=1, max_reward=1)


def test_it_keeps_every_rule() -> None:
    check_env(Market, CLIPPING)
    check_env("CartPole-v1", CLIPPING)
