"""What policies of other people's models share: one forward for all slots, and chance that is each slot's own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import gymnasium
import numpy as np

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.action_masks import ActionMask, masks_of
from maze.core.env.actor_id import ActorID, StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError, suggest

N_ENVS = 32
"""Slots by default: more gain little, and each costs an environment."""


class Place(NamedTuple):
    """Who is decided for in a row of a batch."""

    slot: int
    actor_id: ActorID


class ModelPolicy(StructuredPolicy):
    """Decides by a model that takes a batch of observations of one kind.

    A batch always has as many rows, filled up where fewer slots decide: what comes out for an observation then does
    not depend on what is decided beside it, so that all runners give the same episodes.

    Args:
        step_keys: Which kinds of decisions it may be asked for.
        deterministic: Whether to do what is most likely, rather than to draw.
        n_envs: Slots of a process.
        n_rows: Rows of each batch.

    Raises:
        ConfigurationError: If `n_envs` is not at least 1.
    """

    def __init__(self, step_keys: Iterable[StepKey], *, deterministic: bool, n_envs: int, n_rows: int) -> None:
        """Keep the settings."""
        if n_envs < 1:
            raise ConfigurationError(f"policy.n_envs={n_envs}: give a number of at least 1")
        self.step_keys = frozenset(step_keys)
        self.deterministic = deterministic
        self.n_envs = n_envs
        self.n_rows = n_rows
        self._generators: dict[int, np.random.Generator] = {}

    def reset(self, seed: int, slot: int = 0) -> None:
        """Begin an episode with a generator of its own."""
        self._generators[slot] = np.random.default_rng(seed)

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Decide for one actor."""
        return self.act_batch([observation], [actor_id], [slot])[0]

    def act_batch(self, observations: Sequence[Any], actor_ids: Sequence[ActorID], slots: Sequence[int]) -> list[Any]:
        """Decide for all of them, with one forward for as many as there are rows.

        Raises:
            ValueError: If the model is not for an actor's kind of decision, or gives something that is no number.
        """
        actions: list[Any] = []
        for first in range(0, len(slots), self.n_rows):
            rows = slice(first, first + self.n_rows)
            places = [Place(slot, actor_id) for slot, actor_id in zip(slots[rows], actor_ids[rows], strict=True)]
            for _, (step_key, _) in places:
                if step_key not in self.step_keys:
                    raise ValueError(f"the model is for {sorted(map(str, self.step_keys))}, and not for {step_key!r}")
            generators = None if self.deterministic else [self._generators[place.slot] for place in places]
            actions.extend(self._decide(observations[rows], places, generators))
        return actions

    @abstractmethod
    def _decide(
        self, observations: Sequence[Any], places: Sequence[Place], generators: Sequence[np.random.Generator] | None
    ) -> Iterable[Any]:
        """Decide with one forward.

        Args:
            observations: At most as many as there are rows.
            places: Who each of them is of.
            generators: One for each of them; None: do what is most likely.
        """


def declared_masks(
    action_masks: ActionMasks | None, step_key: StepKey, action_space: gymnasium.Space[Any]
) -> list[ActionMask]:
    """The masks that an environment declares for one kind of decision.

    Raises:
        ConfigurationError: If they do not fit the action.
    """
    try:
        return masks_of(action_masks or {}, step_key, action_space)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None


def decided_step_keys(step_key: StepKey | None, step_keys: Sequence[StepKey]) -> list[StepKey]:
    """The kinds of decisions that a model is for: the one that is named, else all.

    Raises:
        ConfigurationError: If there is none of that name.

    Example:
        >>> decided_step_keys(None, ["cut", "order"]), decided_step_keys("1", [0, 1])
        (['cut', 'order'], [1])
    """
    if step_key is None:
        return list(step_keys)
    found = [key for key in step_keys if str(key) == str(step_key)]
    if not found:
        hint = suggest(str(step_key), step_keys) or f": there is {', '.join(map(repr, step_keys))}"
        raise ConfigurationError(f"policy.step_key={step_key}: there is no such step key{hint}")
    return found
