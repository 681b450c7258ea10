"""Rewards in another unit."""

from __future__ import annotations

from math import isfinite

from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.reward_wrapper import RewardWrapper
from maze.factory import ConfigurationError


class RewardScalingWrapper(RewardWrapper):
    """Multiplies rewards, and the shares that actors have in them.

    Args:
        env: The environment to wrap.
        scale: The factor.

    Raises:
        ConfigurationError: If the factor is not finite.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> env = RewardScalingWrapper(GymEnv(gymnasium.make("CartPole-v1")), scale=0.1)
        >>> _ = env.reset(seed=1)
        >>> env.step(0)[1]
        0.1
    """

    def __init__(self, env: StructuredEnv, scale: float) -> None:
        """Keep the factor."""
        super().__init__(env)
        if not isfinite(scale):
            raise ConfigurationError(f"scale={scale}: give a finite number")
        self._scale = scale

    def reward(self, reward: float) -> float:
        """The scaled reward."""
        return reward * self._scale
