"""The 2D cutting problem as an environment, but for who decides what."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
from gymnasium import spaces

from maze.core.env.event import Event, EventRecord
from maze.core.env.structured_env import StructuredEnv
from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.cutting_2d_picture import CuttingScene, draw_scene
from maze_envs.logistics.cutting_2d.demand import Demand, checked_size
from maze_envs.logistics.cutting_2d.events import (
    InvalidCut,
    InvalidPieceSelected,
    PieceDiscarded,
    PieceReplenished,
    PiecesInInventory,
    ValidCut,
)
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size
from maze_envs.logistics.cutting_2d.inventory import Cut, Inventory
from maze_envs.logistics.cutting_2d.reward import CuttingReward, RewardAggregator


class Cutting2DEnv(StructuredEnv, ABC):
    """Orders come in one at a time, and each must be cut from one piece of the inventory.

    A round is one attempt. Where it succeeds, the next order comes in; after an invalid action (an empty slot was
    chosen, or the order does not fit) nothing is cut and the same order waits for the next round. There is no end: a
    time limit has to set one.

    Args:
        raw_piece: Width and height of the raw piece, in whole units of length.
        demand: What customers order; every order fits into the raw piece, rotated if need be.
        max_pieces_in_inventory: Pieces that there is room for, the raw one included; the oldest make room for new ones.
        reward_aggregator: Gives the reward of a round from its events; None: `CuttingReward()`.
        render_mode: "rgb_array", or None.

    Raises:
        ConfigurationError: If the raw piece is no size, or has no room for an order.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 4}  # noqa: RUF012 - as gymnasium has it

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
        raw_size = checked_size("raw_piece", raw_piece)
        for ordered in demand.largest:
            if not ordered.fits_somehow_into(raw_size):
                raise ConfigurationError(f"no order of {ordered} can be cut from raw_piece={raw_size}: make it larger")
        self.inventory = Inventory(raw_size, max_pieces_in_inventory)
        self.render_mode = render_mode
        self._demand = demand
        self._reward = CuttingReward() if reward_aggregator is None else reward_aggregator
        self._orders: Iterator[Size] = iter(())
        self._ordered = raw_size
        self._n_rounds = 0
        self._last_cut: Cut | None = None
        self._last_mistake = ""

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin with the raw piece alone, and the first order."""
        super().reset(seed=seed)
        self.inventory.reset()
        self._orders = self._demand.orders(self.np_random)
        self._ordered = next(self._orders)
        self._n_rounds = 0
        self._last_cut, self._last_mistake = None, ""
        return self._observe(), {}

    def kpis(self, events: Sequence[EventRecord], metrics: Mapping[str, float]) -> Mapping[str, float]:
        """Raw pieces used per round, which is what the whole problem is about."""
        counts = Counter(type(record.event) for record in events)
        if not counts[PiecesInInventory]:
            return {}
        return {"raw_pieces_per_step": counts[PieceReplenished] / counts[PiecesInInventory]}

    def state(self) -> dict[str, Any]:
        """What the picture shows, as numbers, strings, lists and dicts; sizes are [width, height]."""
        cut = self._last_cut
        return {
            "ordered_piece": list(self._ordered),
            "inventory": [list(piece) for piece in self.inventory.pieces],
            "max_pieces_in_inventory": self.inventory.max_pieces,
            "chosen_slot": self._chosen_slot(),
            "last_cut": None
            if cut is None
            else {
                "piece": list(cut.piece),
                "part": list(cut.part),
                "order": cut.order.name.lower(),
                "remains": [list(piece) for piece in cut.remains],
                "discarded": [list(piece) for piece in cut.discarded],
            },
            "last_mistake": self._last_mistake,
            "rounds": self._n_rounds,
        }

    def render(self) -> Any:
        """Picture of inventory, order and last cut, (height, width, 3) of uint8; None without `render_mode`."""
        if self.render_mode is None:
            return None
        return draw_scene(
            CuttingScene(
                self.inventory.pieces,
                self.inventory.max_pieces,
                self._ordered,
                self._chosen_slot(),
                self._last_cut,
                self._last_mistake,
                self._n_rounds,
            )
        )

    @abstractmethod
    def _observe(self) -> dict[str, np.ndarray]:
        """What the next actor observes."""

    def _chosen_slot(self) -> int | None:
        """Slot of the piece that the open round has chosen."""
        return None

    # Rounds ----------------------------------------------------------------------------------------------------------

    def _select_nothing(self, slot: int) -> float:
        """Close a round in which an empty slot was chosen."""
        self._last_cut, self._last_mistake = None, f"slot {slot} is empty"
        return self._close_round([InvalidPieceSelected(slot)])

    def _cut(self, slot: int, rotation: int, order: int) -> float:
        """Close a round by cutting the order out of a piece, if it fits."""
        part = self._ordered.rotated() if rotation else self._ordered
        cut = self.inventory.cut(slot, part, CutOrder(order))
        if cut is None:
            return self._fail_to_cut(slot, part)
        self._last_cut, self._last_mistake = cut, ""
        self._ordered = next(self._orders)
        events: list[Event] = [ValidCut(*cut.piece, *part)]
        if cut.is_raw:
            events.append(PieceReplenished(*cut.piece))
        events += [PieceDiscarded(*piece, piece.width * piece.height) for piece in cut.discarded]
        return self._close_round(events)

    def _fail_to_cut(self, slot: int, part: Size) -> float:
        """Close a round in which the order does not fit."""
        piece = self.inventory.pieces[slot]
        self._last_cut, self._last_mistake = None, f"{part} does not fit into {piece}"
        return self._close_round([InvalidCut(*piece, *part)])

    def _close_round(self, events: list[Event]) -> float:
        events.append(PiecesInInventory(len(self.inventory.pieces)))
        for event in events:
            self.emit(event)
        self._n_rounds += 1
        return self._reward(events)

    # Observations ----------------------------------------------------------------------------------------------------

    def _inventory_rows(self) -> np.ndarray:
        sides = np.zeros(2 * self.inventory.max_pieces, np.int32)
        pieces = self.inventory.pieces
        sides[: 2 * len(pieces)] = list(chain.from_iterable(pieces))  # from a flat list in half the time
        return sides.reshape(-1, 2)

    def _stock_spaces(self) -> dict[str, spaces.Space[Any]]:
        """Spaces of the inventory and of the order, which may lie either way."""
        raw_piece, n_slots = self.inventory.raw_piece, self.inventory.max_pieces
        most = np.tile(np.array(raw_piece, np.int32), (n_slots, 1))
        return {
            "inventory": spaces.Box(np.zeros_like(most), most, dtype=np.int32),
            "ordered_piece": spaces.Box(1, max(raw_piece), (2,), np.int32),
        }
