"""The policy interface: what answers an observation with an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv


class StructuredPolicy(ABC):
    """Decides for every actor of an environment.

    A *slot* is one of the environments that are rolled out side by side in a process. Whatever a policy remembers
    (random state, recurrent state) it keeps per slot, so that an episode does not depend on what runs beside it.

    Example:
        >>> class Always(StructuredPolicy):
        ...     def __init__(self, action): self.action = action
        ...     def act(self, observation, actor_id, slot=0): return self.action
        >>> Always(1).act_batch([0.1, 0.2], [ActorID(0, 0)] * 2, slots=[0, 1])
        [1, 1]
    """

    n_envs: int = 1
    """How many slots a process gives this policy. Above 1 its `act_batch` decides for all of them at once."""

    def attach(self, env: StructuredEnv, slot: int = 0) -> None:  # noqa: B027 - optional, most policies need no env
        """Show the policy the slot's environment, before its first reset; for the rare search or heuristic."""

    def reset(self, seed: int, slot: int = 0) -> None:  # noqa: B027 - optional, for policies without memory
        """Begin an episode: forget the last one, seed what is random."""

    @abstractmethod
    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Choose the action of one actor."""

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        """Choose the actions of several slots' actors at once, in the order given."""
        return [
            self.act(observation, actor_id, slot)
            for observation, actor_id, slot in zip(observations, actor_ids, slots, strict=True)
        ]
