"""What is good and bad about a round, as a reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from maze.core.env.event import Event
from maze_envs.logistics.cutting_2d.events import InvalidCut, InvalidPieceSelected, PieceReplenished

RewardAggregator: TypeAlias = Callable[[Sequence[Event]], float]
"""Gives the reward of a round from its events; any such function or object can take the place of the one here."""


class CuttingReward:
    """Charges for material and for mistakes.

    Args:
        raw_piece_used: Reward for each raw piece that was cut.
        invalid_action: Reward for each empty slot that was chosen, and each cut that did not fit.

    Example:
        >>> CuttingReward()([PieceReplenished(4, 3)]), CuttingReward()([InvalidPieceSelected(7)])
        (-1.0, -2.0)
    """

    def __init__(self, raw_piece_used: float = -1.0, invalid_action: float = -2.0) -> None:
        """Set the charges."""
        self._charges: dict[type[Event], float] = {
            PieceReplenished: float(raw_piece_used),
            InvalidPieceSelected: float(invalid_action),
            InvalidCut: float(invalid_action),
        }

    def __call__(self, events: Sequence[Event]) -> float:
        """Sum up the charges of one round."""
        return sum((self._charges.get(type(event), 0.0) for event in events), 0.0)
