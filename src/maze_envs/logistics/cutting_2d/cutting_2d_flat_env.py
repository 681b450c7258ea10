"""The 2D cutting problem with one decision per round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv
from maze_envs.logistics.cutting_2d.demand import Demand
from maze_envs.logistics.cutting_2d.reward import RewardAggregator


class Cutting2DFlatEnv(Cutting2DEnv):
    """Piece, rotation and order of the cuts are decided together.

    Observation:
        - `inventory` (max_pieces_in_inventory, 2) int32: width and height of each piece; 0×0 where a slot is empty. The
          raw piece is in slot 0, and behind it the remains, oldest first.
        - `ordered_piece` (2,) int32: width and height of what is ordered.

    Action:
        - `piece_idx`: slot of the piece to cut.
        - `rotation`: 1 turns the order by 90 degrees.
        - `order`: 0 cuts vertically first, 1 horizontally (see `remains_of`).

    Args and errors are those of `Cutting2DEnv`.

    Example:
        >>> from maze_envs.logistics.cutting_2d.demand import StaticDemand
        >>> env = Cutting2DFlatEnv([4, 3], StaticDemand([[1, 2]]), max_pieces_in_inventory=3)
        >>> _ = env.reset(seed=1)
        >>> observation, reward, *_ = env.step({"piece_idx": 0, "rotation": 0, "order": 1})
        >>> observation["inventory"].tolist(), reward
        ([[4, 3], [4, 1], [3, 2]], -1.0)
    """

    def __init__(
        self,
        raw_piece: Sequence[int],
        demand: Demand,
        max_pieces_in_inventory: int,
        *,
        reward_aggregator: RewardAggregator | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Set the problem up."""
        super().__init__(
            raw_piece, demand, max_pieces_in_inventory, reward_aggregator=reward_aggregator, render_mode=render_mode
        )
        self.observation_spaces = {0: spaces.Dict(self._stock_spaces())}
        self.action_spaces = {
            0: spaces.Dict(
                {
                    "piece_idx": spaces.Discrete(max_pieces_in_inventory),
                    "rotation": spaces.Discrete(2),
                    "order": spaces.Discrete(2),
                }
            )
        }

    def step(self, action: Mapping[str, Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Cut the order, if that is possible."""
        slot = int(action["piece_idx"])
        if 0 <= slot < len(self.inventory.pieces):
            reward = self._cut(slot, int(action["rotation"]), int(action["order"]))
        else:
            reward = self._select_nothing(slot)
        return self._observe(), reward, False, False, {}

    def _observe(self) -> dict[str, np.ndarray]:
        return {"inventory": self._inventory_rows(), "ordered_piece": np.array(self._ordered, np.int32)}
