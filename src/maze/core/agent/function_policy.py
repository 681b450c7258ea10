"""A plain function as a policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maze.core.agent.policy import StructuredPolicy
from maze.core.env.actor_id import ActorID


class FunctionPolicy(StructuredPolicy):
    """Decides by a function of the observation alone.

    Example:
        >>> FunctionPolicy(lambda observation: int(observation > 0)).act(0.5, ActorID(0, 0))
        1
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        """Keep the function."""
        self.function = function

    def act(self, observation: Any, actor_id: ActorID, slot: int = 0) -> Any:
        """Ask the function."""
        return self.function(observation)
