"""Uniformly random legal decisions, where the environment says what is legal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium

from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import StepKey
from maze.core.env.structured_env import ActionMasks
from maze.factory import ConfigurationError


class MaskedRandomPolicy(RandomPolicy):
    """Decides as `RandomPolicy`, and refuses an environment that does not say what is legal.

    Args:
        action_spaces: The action space of each step key.
        action_masks: Which observations say what is legal, as the environment declares it.

    Raises:
        ConfigurationError: If no mask is declared.

    Example:
        >>> MaskedRandomPolicy({0: gymnasium.spaces.Discrete(2)}, {})
        Traceback (most recent call last):
        maze.factory.ConfigurationError: the environment declares no action_masks for masked_random_policy: choose ...
    """

    def __init__(
        self, action_spaces: Mapping[StepKey, gymnasium.Space[Any]], action_masks: ActionMasks | None = None
    ) -> None:
        """See that there are masks."""
        if not any((action_masks or {}).values()):
            raise ConfigurationError(
                "the environment declares no action_masks for masked_random_policy: choose policy=random_policy, "
                "or a masked variant of the environment"
            )
        super().__init__(action_spaces, action_masks)
