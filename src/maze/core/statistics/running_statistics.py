"""The figures that are shown while the episodes run."""

from __future__ import annotations

import math
from collections.abc import Callable


class RunningStatistics:
    """Counts episodes as they end, whatever their order, in constant time and memory.

    The final figures are `Statistics`, computed from the recorded episodes.

    Args:
        clock: Seconds on a monotonic clock, such as `time.monotonic`.

    Example:
        >>> seconds = iter([100.0, 102.0])
        >>> running = RunningStatistics(clock=lambda: next(seconds))
        >>> running.add_episode(length=30, episode_return=1.0)
        >>> running.add_episode(length=10, episode_return=2.0)
        >>> running.n_done, running.mean_return, running.steps_per_second()
        (2, 1.5, 20.0)
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Start to count, and the time."""
        self.n_done = 0
        """Episodes that ended and did not fail."""
        self.n_failed = 0
        self.n_steps = 0
        """Steps of the episodes that ended."""
        self.mean_return: float | None = None
        """Of the episodes that ended with a finite return; None before the first."""
        self._n_returns = 0
        self._clock = clock
        self._started = clock()

    def add_episode(self, length: int, episode_return: float) -> None:
        """Count an episode that ended."""
        self.n_done += 1
        self.n_steps += length
        if math.isfinite(episode_return):
            # Welford, "Note on a method for calculating corrected sums of squares and products", Technometrics 4
            # (1962): a mean that neither overflows nor loses digits, however many values there are.
            self._n_returns += 1
            mean = self.mean_return or 0.0
            self.mean_return = mean + (episode_return - mean) / self._n_returns

    def add_failure(self) -> None:
        """Count an episode that failed for good."""
        self.n_failed += 1

    def steps_per_second(self) -> float:
        """Steps of ended episodes per second since the start; 0 while the clock has not moved."""
        seconds = self._clock() - self._started
        return self.n_steps / seconds if seconds > 0 else 0.0
