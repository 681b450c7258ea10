"""What may be told of a rollout while it runs."""

from __future__ import annotations

from collections.abc import Mapping


class RolloutObserver:
    """Is told how a rollout gets on; override what is of interest.

    Example:
        >>> class Returns(RolloutObserver):
        ...     def episode_done(self, number, episode_return, length):
        ...         print(f"episode {number}: {episode_return}")
        >>> Returns().episode_done(0, 12.0, 12)
        episode 0: 12.0
    """

    def started(self, n_episodes: int, seeds: Mapping[str, int | None]) -> None:
        """The run begins; `seeds` are its base seeds."""

    def episode_done(self, number: int, episode_return: float, length: int) -> None:
        """An episode was played to its end; up to 20,000 times a second."""

    def episode_failed(self, number: int, message: str) -> None:
        """An episode has failed for good."""

    def note(self, line: str) -> None:
        """Something that the user should know."""

    def finished(self) -> None:
        """The run is over."""
