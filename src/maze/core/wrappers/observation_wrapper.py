"""The interface of wrappers that change observations."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import gymnasium

from maze.core.env.actor_id import ActorID, StepKey
from maze.core.wrappers.structured_wrapper import StructuredWrapper


class ObservationWrapper(StructuredWrapper, ABC):
    """Changes what actors observe: the next one after reset and step, and all of them at the episode's end.

    Args:
        env: The environment to wrap.

    Example:
        >>> from maze.core.env.gym_env import GymEnv
        >>> class Doubled(ObservationWrapper):
        ...     def observation(self, observation, actor_id): return 2 * observation
        >>> env = Doubled(GymEnv(gymnasium.make("FrozenLake-v1", is_slippery=False)))
        >>> env.reset(seed=1)[0], env.step(2)[0]
        (0, 2)
    """

    @abstractmethod
    def observation(self, observation: Any, actor_id: ActorID) -> Any:
        """What the actor that acts next observes instead."""

    def final_observation(self, observation: Any, actor_id: ActorID) -> Any:
        """What an actor observes instead at the episode's end; differs where `observation` remembers what it saw."""
        return self.observation(observation, actor_id)

    def changed_space(self, space: gymnasium.Space[Any], step_key: StepKey) -> gymnasium.Space[Any]:
        """The space of what an actor observes instead; asked for once per step key."""
        return space

    @cached_property
    def observation_spaces(self) -> Mapping[StepKey, gymnasium.Space[Any]]:  # type: ignore[override]
        """What an actor observes, by step key."""
        return {
            step_key: self.changed_space(space, step_key) for step_key, space in self.env.observation_spaces.items()
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Start an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        return self.observation(observation, self.env.actor_id()), info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Carry out an action."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        return self.observation(observation, self.env.actor_id()), reward, terminated, truncated, info

    def final_observations(self) -> Mapping[ActorID, Any] | None:
        """What each actor observes at the episode's end."""
        final = self.env.final_observations()
        if final is None:
            return None
        return {actor_id: self.final_observation(observation, actor_id) for actor_id, observation in final.items()}
