"""A limit to the length of episodes."""

from __future__ import annotations

from maze.core.env.structured_env import StructuredEnv
from maze.core.wrappers.argument_check import check_whole_number
from maze.core.wrappers.structured_wrapper import StructuredWrapper


class TimeLimitWrapper(StructuredWrapper):
    """Cuts episodes after a number of rounds; the environment's own limit stays, where that is smaller.

    The episode loop does the cutting: what reads `max_episode_steps` sees the limit, and `step` costs nothing more.

    Args:
        env: The environment to wrap.
        max_episode_steps: Rounds (flat environments: steps) after which an episode is cut.

    Raises:
        ConfigurationError: If the limit is no whole number of at least 1.

    Example:
        >>> import gymnasium
        >>> from maze.core.env.gym_env import GymEnv
        >>> TimeLimitWrapper(GymEnv(gymnasium.make("CartPole-v1")), 180).max_episode_steps
        180
    """

    def __init__(self, env: StructuredEnv, max_episode_steps: int) -> None:
        """Keep the limit."""
        super().__init__(env)
        check_whole_number("max_episode_steps", max_episode_steps, 1)
        self._limit = max_episode_steps

    @property
    def max_episode_steps(self) -> int:  # type: ignore[override]
        """The smaller one of this limit and the environment's own, in rounds."""
        own = self.env.max_episode_steps
        return self._limit if own is None else min(self._limit, own)
