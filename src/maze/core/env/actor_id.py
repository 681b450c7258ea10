"""Who acts: the identity of an actor."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

StepKey: TypeAlias = str | int


class ActorID(NamedTuple):
    """Who acts: which kind of decision, taken by which agent.

    Example:
        >>> ActorID(step_key="buy", agent_id=2)
        ActorID(step_key='buy', agent_id=2)
    """

    step_key: StepKey
    """The kind of decision; it selects the observation space and the action space."""

    agent_id: int
    """Which of the agents that take this kind of decision, counted from 0."""


Departure: TypeAlias = Literal["terminated", "truncated"]
"""How an actor leaves an episode: as the environment's dynamics have it, or cut."""

FLAT_ACTOR = ActorID(0, 0)
"""The only actor of a flat environment."""
