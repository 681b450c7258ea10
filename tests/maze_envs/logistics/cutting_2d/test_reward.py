from __future__ import annotations

from maze_envs.logistics.cutting_2d.events import (
    InvalidCut,
    InvalidPieceSelected,
    PieceDiscarded,
    PieceReplenished,
    PiecesInInventory,
    ValidCut,
)
from maze_envs.logistics.cutting_2d.reward import CuttingReward


def test_material_and_mistakes_cost() -> None:
    reward = CuttingReward()
    assert reward([ValidCut(4, 3, 1, 2), PieceReplenished(4, 3), PiecesInInventory(3)]) == -1
    assert reward([InvalidPieceSelected(5), PiecesInInventory(3)]) == -2
    assert reward([InvalidCut(1, 1, 2, 2), PiecesInInventory(3)]) == -2


def test_the_rest_is_free() -> None:
    assert CuttingReward()([ValidCut(2, 2, 1, 2), PieceDiscarded(1, 1, 1), PiecesInInventory(3)]) == 0
    assert isinstance(CuttingReward()([]), float)


def test_charges_can_be_set() -> None:
    reward = CuttingReward(raw_piece_used=-5, invalid_action=-0.5)
    assert reward([PieceReplenished(4, 3), InvalidPieceSelected(5)]) == -5.5
