"""A policy without memory or chance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID


class ScriptedPolicy(StructuredPolicy):
    """Acts as a function of observation and actor says, for `n_envs` slots at once."""

    def __init__(self, choose: Callable[[Any, ActorID], Any], n_envs: int = 1) -> None:
        self.choose, self.n_envs = choose, n_envs
        self.largest_batch = 0

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        return self.choose(observation, actor_id)

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        self.largest_batch = max(self.largest_batch, len(slots))
        return super().act_batch(observations, actor_ids, slots)
