"""Rewards within bounds."""

from __future__ import annotations

from math import inf

from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.reward_wrapper import RewardWrapper
from maze.factory import ConfigurationError


class RewardClippingWrapper(RewardWrapper):
    """Clips rewards to a range.

    Where the environment splits a reward among actors, each share is clipped, and the reward is the sum of them: it is
    the shares that policies learn from, and those of a zero-sum game would hide behind their sum.

    Args:
        env: The environment to wrap.
        min_reward: Smallest reward; None: unbounded.
        max_reward: Largest reward; None: unbounded.

    Raises:
        ConfigurationError: If there is no reward in between.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = RewardClippingWrapper(GymEnv(gymnasium.make("CartPole-v1")), max_reward=0.5)
        >>> _ = env.reset(seed=1)
        >>> env.step(0)[1]
        0.5
    """

    def __init__(self, env: StructuredEnv, min_reward: float | None = None, max_reward: float | None = None) -> None:
        """Keep the bounds."""
        super().__init__(env)
        self._min = -inf if min_reward is None else min_reward
        self._max = inf if max_reward is None else max_reward
        if not self._min < self._max:
            raise ConfigurationError(f"min_reward={min_reward}, max_reward={max_reward}: the first must be the smaller")

    def reward(self, reward: float) -> float:
        """The clipped reward."""
        return min(max(reward, self._min), self._max)
