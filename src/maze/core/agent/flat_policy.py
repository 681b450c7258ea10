"""The policy interface for one kind of decision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gymnasium import spaces

from maze.core.env.structured_env import StructuredEnv


class FlatPolicy(ABC):
    """Decides for the actors of one step key; `DefaultPolicy` makes a structured policy of several.

    As in a `StructuredPolicy`, whatever it remembers it keeps per slot, and per agent where there are several.

    Example:
        >>> class Threshold(FlatPolicy):
        ...     def act(self, observation, agent_id=0, slot=0): return int(observation > 0.5)
        >>> Threshold().act_batch([0.2, 0.7], agent_ids=[0, 1], slots=[0, 0])
        [0, 1]
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
    def act(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Any:
        """Choose the action of one agent."""

    def act_batch(self, observations: Sequence[Any], agent_ids: Sequence[int], slots: Sequence[int]) -> list[Any]:
        """Choose the actions of several slots' agents at once, in the order given."""
        return [
            self.act(observation, agent_id, slot)
            for observation, agent_id, slot in zip(observations, agent_ids, slots, strict=True)
        ]

    def output_space(self) -> spaces.Dict | None:
        """What `outputs` gives, by name; None: nothing."""
        return None

    def outputs(self, observation: Any, agent_id: int = 0, slot: int = 0) -> Mapping[str, Any]:
        """Tell what led to a decision; the rules are those of `StructuredPolicy.outputs`."""
        return {}

    def outputs_batch(
        self, observations: Sequence[Any], agent_ids: Sequence[int], slots: Sequence[int]
    ) -> list[Mapping[str, Any]]:
        """Tell what led to the decisions of several slots' agents, in the order given."""
        return [
            self.outputs(observation, agent_id, slot)
            for observation, agent_id, slot in zip(observations, agent_ids, slots, strict=True)
        ]
