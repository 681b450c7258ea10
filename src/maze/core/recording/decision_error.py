"""What is wrong with one decision of an episode."""

from __future__ import annotations

from maze.core.env.actor_id import ActorID


class DecisionError(ValueError):
    """An error of an episode that is known to lie in one of its decisions.

    Args:
        message: What is wrong and what to do, in one line.
        step: Index of the decision in its episode.
        actor_id: Whose it is.

    Example:
        >>> error = DecisionError("the action 7 is none of Discrete(2)", step=3, actor_id=ActorID("cut", 0))
        >>> str(error), error.step, error.actor_id
        ('the action 7 is none of Discrete(2)', 3, ActorID(step_key='cut', agent_id=0))
    """

    def __init__(self, message: str, step: int, actor_id: ActorID) -> None:
        """Keep what it says, and of which decision."""
        super().__init__(message)
        self.step, self.actor_id = step, actor_id
