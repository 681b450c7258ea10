"""The 2D cutting problem with two decisions per round."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.actor_id import ActorID
from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv
from maze_envs.logistics.cutting_2d.demand import Demand
from maze_envs.logistics.cutting_2d.reward import RewardAggregator

SELECTION, CUTTING = ActorID(0, 0), ActorID(1, 0)


class Cutting2DStructEnv(Cutting2DEnv):
    """Sub-step 0 chooses a piece, and sub-step 1 how it is cut.

    Where no cut of the chosen piece can succeed (the slot is empty, or the order fits neither way), the round ends
    after sub-step 0, so that whoever cuts always has a legal choice. The reward comes with the end of the round.

    Observation of sub-step 0:
        - `inventory`, `ordered_piece`: as in `Cutting2DFlatEnv`.
        - `inventory_mask` (max_pieces_in_inventory,) int8, if masked: 1 for pieces that the order fits into, one way at
          least. The raw piece always is one.

    Observation of sub-step 1:
        - `inventory`, `ordered_piece`: the same as in sub-step 0.
        - `chosen_piece` (2,) int32: width and height of the chosen piece.
        - `cutting_mask` (2,) int8, if masked: whether the order fits into it as it is, and rotated. The order of the
          cuts needs no mask: both are possible wherever the order fits.

    Action of sub-step 0: `piece_idx`. Action of sub-step 1: `rotation`, `order`. As in `Cutting2DFlatEnv`.

    Args:
        raw_piece: As in `Cutting2DEnv`, like all the others.
        demand: What customers order.
        max_pieces_in_inventory: Pieces that there is room for.
        masked: Whether observations say what is legal.
        reward_aggregator: Gives the reward of a round from its events.
        render_mode: "rgb_array", or None.

    Raises:
        ConfigurationError: If the raw piece is no size, or has no room for an order.

    Example:
        >>> from maze_envs.logistics.cutting_2d.demand import StaticDemand
        >>> env = Cutting2DStructEnv([4, 3], StaticDemand([[1, 4]]), max_pieces_in_inventory=3, masked=True)
        >>> _ = env.reset(seed=1)
        >>> observation, *_ = env.step({"piece_idx": 0})
        >>> env.actor_id().step_key, observation["cutting_mask"].tolist()
        (1, [0, 1])
    """

    def __init__(
        self,
        raw_piece: Sequence[int],
        demand: Demand,
        max_pieces_in_inventory: int,
        *,
        masked: bool = False,
        reward_aggregator: RewardAggregator | None = None,
        render_mode: str | None = None,
    ) -> None:
        """Set the problem up."""
        super().__init__(
            raw_piece, demand, max_pieces_in_inventory, reward_aggregator=reward_aggregator, render_mode=render_mode
        )
        self._is_masked = masked
        self._chosen: int | None = None
        selection = self._stock_spaces()
        cutting = self._stock_spaces()
        cutting["chosen_piece"] = spaces.Box(1, np.array(self.inventory.raw_piece, np.int32), (2,), np.int32)
        if masked:
            selection["inventory_mask"] = spaces.MultiBinary(max_pieces_in_inventory)
            cutting["cutting_mask"] = spaces.MultiBinary(2)
            self.action_masks = {0: {"piece_idx": "inventory_mask"}, 1: {"rotation": "cutting_mask"}}
        self.observation_spaces = {0: spaces.Dict(selection), 1: spaces.Dict(cutting)}
        self.action_spaces = {
            0: spaces.Dict({"piece_idx": spaces.Discrete(max_pieces_in_inventory)}),
            1: spaces.Dict({"rotation": spaces.Discrete(2), "order": spaces.Discrete(2)}),
        }

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin with the choice of a piece."""
        self._chosen = None
        return super().reset(seed=seed, options=options)

    def actor_id(self) -> ActorID:
        """Who acts next: the one who chooses the piece, or the one who cuts it."""
        return SELECTION if self._chosen is None else CUTTING

    @property
    def time(self) -> int:
        """Rounds completed, failed attempts included."""
        return self._n_rounds

    def step(self, action: Mapping[str, Any]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Choose a piece, or cut it."""
        reward = 0.0
        if self._chosen is None:
            reward = self._select(int(action["piece_idx"]))
        else:
            slot, self._chosen = self._chosen, None
            reward = self._cut(slot, int(action["rotation"]), int(action["order"]))
        return self._observe(), reward, False, False, {}

    def _select(self, slot: int) -> float:
        if not 0 <= slot < len(self.inventory.pieces):
            return self._select_nothing(slot)
        if not self._ordered.fits_somehow_into(self.inventory.pieces[slot]):
            return self._fail_to_cut(slot, self._ordered)
        self._chosen = slot
        return 0.0

    def _chosen_slot(self) -> int | None:
        return self._chosen

    def _observe(self) -> dict[str, np.ndarray]:
        ordered = self._ordered
        observation = {"inventory": self._inventory_rows(), "ordered_piece": np.array(ordered, np.int32)}
        if self._chosen is not None:
            piece = self.inventory.pieces[self._chosen]
            observation["chosen_piece"] = np.array(piece, np.int32)
            if self._is_masked:
                fits = (ordered.fits_into(piece), ordered.rotated().fits_into(piece))
                observation["cutting_mask"] = np.array(fits, np.int8)
        elif self._is_masked:
            pieces = self.inventory.pieces
            mask = np.zeros(self.inventory.max_pieces, np.int8)
            mask[: len(pieces)] = [ordered.fits_somehow_into(piece) for piece in pieces]
            observation["inventory_mask"] = mask
        return observation
