"""How changed rewards and the shares in them stay together."""

from __future__ import annotations

from tests.core.wrappers.market import Cutter, Market

from maze.core.env.gym_env import GymEnv
from maze.core.wrappers.reward_wrapper import RewardWrapper


class Negative(RewardWrapper):
    def reward(self, reward: float) -> float:
        return -reward


def test_shares_are_changed_and_add_up_to_the_reward() -> None:
    env = Negative(Market())
    env.reset(seed=1)
    assert [env.step(action)[1] for action in (1, 0)] == [0, 0]
    assert env.actor_rewards() == {}
    assert env.step(2)[1] == -8
    assert env.actor_rewards() == dict(zip(Market.TURNS, (-10, 0, 2), strict=True))


def test_a_reward_that_is_not_split_stays_so() -> None:
    env = Negative(GymEnv(Cutter()))
    env.reset(seed=1)
    action = env.action_space.sample() | {"piece": 2, "rotate": 1}
    assert env.step(action)[1] == -(2.5 + float(action["offset"].sum()))
    assert env.actor_rewards() is None


def test_shares_of_an_episode_are_none_of_the_next() -> None:
    env = Negative(Market())
    env.reset(seed=1)
    for action in (1, 0, 2):
        env.step(action)
    env.reset(seed=1)
    assert env.actor_rewards() is None
