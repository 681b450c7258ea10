"""The policy interface: what answers an observation with an action."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gymnasium import spaces

from maze.core.env.actor_id import ActorID, StepKey
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

    files: Sequence[Path] = ()
    """What it was loaded from, such as a model: the content of these files is part of what identifies it."""

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

    def output_space(self, step_key: StepKey) -> spaces.Dict | None:
        """What `outputs` gives for one kind of decision, by name; None: nothing.

        A number is drawn by the viewer as a curve, an array as a strip of colours.
        """
        return None

    def outputs(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Mapping[str, Any]:
        """Tell what led to a decision, such as values or probabilities: all that `output_space` names.

        It is only asked where that is recorded, with the same arguments directly behind `act`. What comes later must
        not depend on whether it was asked: it draws nothing, and remembers nothing. The arrays are kept as they are: it
        gives new ones each time.

        Example:
            >>> class Greedy(StructuredPolicy):
            ...     def act(self, observation, actor_id, slot=0): return int(observation.argmax())
            ...     def output_space(self, step_key): return spaces.Dict(values=spaces.Box(-1, 1, (2,)))
            ...     def outputs(self, observation, actor_id, slot=0): return {"values": observation}
        """
        return {}

    def outputs_batch(
        self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]
    ) -> list[Mapping[str, Any]]:
        """Tell what led to the decisions of several slots' actors, in the order given."""
        return [
            self.outputs(observation, actor_id, slot)
            for observation, actor_id, slot in zip(observations, actor_ids, slots, strict=True)
        ]
