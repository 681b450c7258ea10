"""The interface of wrappers that change rewards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.structured_wrapper import StructuredWrapper


class RewardWrapper(StructuredWrapper, ABC):
    """Changes rewards: where the environment splits one among actors, each actor's share by itself.

    The step's reward is the sum of the changed shares then, so that credits still add up to it.

    Args:
        env: The environment to wrap.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> class Sign(RewardWrapper):
        ...     def reward(self, reward): return float(reward > 0)
        >>> env = Sign(GymEnv(gymnasium.make("CartPole-v1")))
        >>> _ = env.reset(seed=1)
        >>> env.step(0)[1]
        1.0
    """

    def __init__(self, env: StructuredEnv) -> None:
        """Wrap `env`."""
        super().__init__(env)
        self._shares: Mapping[ActorID, float] | None = None

    @abstractmethod
    def reward(self, reward: float) -> float:
        """What a reward, or an actor's share of one, becomes."""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        self._shares = None
        return self.env.reset(seed=seed, options=options)

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        shares = self.env.actor_rewards()
        if shares:
            shares = {actor_id: self.reward(float(share)) for actor_id, share in shares.items()}
            changed = sum(shares.values())
        else:
            changed = self.reward(float(reward))
        self._shares = shares
        return observation, changed, terminated, truncated, info

    def actor_rewards(self) -> Mapping[ActorID, float] | None:
        """How the changed reward of a round splits among actors."""
        return self._shares
