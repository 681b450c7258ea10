"""What may be told of a training run while it goes on."""

from __future__ import annotations

from collections.abc import Mapping


class TrainingObserver:
    """Is told how training gets on; override what is of interest.

    Example:
        >>> class Returns(TrainingObserver):
        ...     def evaluated(self, iteration, figures, is_best):
        ...         print(f"iteration {iteration}: {figures['evaluation/return']}")
        >>> Returns().evaluated(5, {"evaluation/return": 120.0}, is_best=True)
        iteration 5: 120.0
    """

    def started(self, seeds: Mapping[str, int | None]) -> None:
        """Training begins; `seeds` are its base seeds."""

    def iterated(self, iteration: int, progress: float, figures: Mapping[str, float]) -> None:
        """An iteration is over; `progress` is the share of the work that is done."""

    def evaluated(self, iteration: int, figures: Mapping[str, float], is_best: bool) -> None:
        """The policy was evaluated."""

    def note(self, line: str) -> None:
        """Something that the user should know."""

    def finished(self) -> None:
        """Training is over."""
