"""A rule of thumb for the 2D cutting problem: spare large pieces, and leave large remains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.agent.default_policy import DefaultPolicy
from maze.core.agent.flat_policy import FlatPolicy
from maze.core.env.actor_id import StepKey
from maze.factory import ConfigurationError
from maze_envs.logistics.cutting_2d.guillotine_cut import CutOrder, Size, remains_of

Spaces: TypeAlias = Mapping[StepKey, gymnasium.Space[Any]]

INVENTORY_RANK, SIDES = 2, 2
"""An inventory has rows of sizes; a size has width and height."""


class GreedySelection(FlatPolicy):
    """Chooses the smallest piece that the order fits into, the oldest of several.

    Example:
        >>> stock = np.array([[4, 3], [3, 2], [1, 2], [0, 0]], np.int32)
        >>> GreedySelection().act({"inventory": stock, "ordered_piece": np.array([2, 1], np.int32)})
        {'piece_idx': 2}
    """

    def act(self, observation: Mapping[str, Any], agent_id: int = 0, slot: int = 0) -> dict[str, int]:
        """Choose the slot of a piece."""
        pieces, ordered = observation["inventory"].tolist(), Size(*observation["ordered_piece"].tolist())
        return {"piece_idx": smallest_that_fits(pieces, ordered)}


class GreedyCutting(FlatPolicy):
    """Chooses the rotation and the order of the cuts that leave the largest rectangle.

    Example:
        >>> piece, ordered = np.array([4, 3], np.int32), np.array([1, 2], np.int32)
        >>> GreedyCutting().act({"chosen_piece": piece, "ordered_piece": ordered})
        {'rotation': 0, 'order': 0}
    """

    def act(self, observation: Mapping[str, Any], agent_id: int = 0, slot: int = 0) -> dict[str, int]:
        """Choose rotation and order of the cuts."""
        piece, ordered = Size(*observation["chosen_piece"].tolist()), Size(*observation["ordered_piece"].tolist())
        rotation, order = cut_that_leaves_most(piece, ordered)
        return {"rotation": rotation, "order": order}


class GreedyFlatCutting(FlatPolicy):
    """Chooses the piece as `GreedySelection` does, and then the cut as `GreedyCutting` does.

    Example:
        >>> stock = np.array([[4, 3], [0, 0]], np.int32)
        >>> GreedyFlatCutting().act({"inventory": stock, "ordered_piece": np.array([1, 2], np.int32)})
        {'piece_idx': 0, 'rotation': 0, 'order': 0}
    """

    def act(self, observation: Mapping[str, Any], agent_id: int = 0, slot: int = 0) -> dict[str, int]:
        """Choose the slot of a piece, rotation and order of the cuts."""
        pieces, ordered = observation["inventory"].tolist(), Size(*observation["ordered_piece"].tolist())
        piece_idx = smallest_that_fits(pieces, ordered)
        rotation, order = cut_that_leaves_most(Size(*pieces[piece_idx]), ordered)
        return {"piece_idx": piece_idx, "rotation": rotation, "order": order}


class Cutting2DGreedyPolicy(DefaultPolicy):
    """Cuts from the smallest piece that fits, in the way that leaves the largest rectangle, in every variant.

    It reads sizes from observations, so it looks at the spaces first: where a wrapper has changed what it would read
    (other keys, shapes, dtypes or bounds) or the form of the actions, it refuses. What wrappers add does not matter.

    Args:
        observation_spaces: Of the environment, its wrappers included.
        action_spaces: Likewise.

    Raises:
        ConfigurationError: If they are not those of the 2D cutting problem.

    Example:
        >>> from maze_envs.logistics.cutting_2d.cutting_2d_flat_env import Cutting2DFlatEnv
        >>> from maze_envs.logistics.cutting_2d.demand import StaticDemand
        >>> env = Cutting2DFlatEnv([4, 3], StaticDemand([[1, 2]]), max_pieces_in_inventory=3)
        >>> policy = Cutting2DGreedyPolicy(env.observation_spaces, env.action_spaces)
        >>> policy.act(env.reset(seed=1)[0], env.actor_id())
        {'piece_idx': 0, 'rotation': 0, 'order': 0}
    """

    def __init__(self, observation_spaces: Spaces, action_spaces: Spaces) -> None:
        """Choose the policies of the variant."""
        super().__init__(_policies_for(observation_spaces, action_spaces))


def smallest_that_fits(pieces: Sequence[Sequence[int]], ordered: Size) -> int:
    """Slot of the piece with the least area that an order fits into; the first of several.

    Args:
        pieces: Width and height of each piece; 0 and 0 where a slot is empty.
        ordered: What is to be cut out.

    Raises:
        ValueError: If it fits into none.

    Example:
        >>> smallest_that_fits([[4, 3], [1, 2], [2, 1]], Size(2, 1))
        1
    """
    areas = {slot: piece[0] * piece[1] for slot, piece in enumerate(pieces) if ordered.fits_somehow_into(Size(*piece))}
    if not areas:
        raise ValueError(f"{ordered} fits into no piece of {pieces}: check that the first one is the raw piece")
    return min(areas, key=areas.__getitem__)


def cut_that_leaves_most(piece: Size, ordered: Size) -> tuple[int, int]:
    """Rotation, and order of the cuts, that leave the largest rectangle; the first of several.

    Args:
        piece: What is cut; the order fits into it, one way at least.
        ordered: What is to be cut out.

    Example:
        >>> cut_that_leaves_most(Size(4, 3), Size(3, 1))
        (1, 0)
    """
    choices = [
        (rotation, order)
        for rotation, part in enumerate((ordered, ordered.rotated()))
        if part.fits_into(piece)
        for order in CutOrder
    ]
    rotation, order = max(choices, key=lambda choice: _largest_remaining_area(piece, ordered, *choice))
    return rotation, int(order)


def _largest_remaining_area(piece: Size, ordered: Size, rotation: int, order: CutOrder) -> int:
    remains = remains_of(piece, ordered.rotated() if rotation else ordered, order)
    return max((width * height for width, height in remains), default=0)


# What it can read ----------------------------------------------------------------------------------------------------


def _policies_for(observation_spaces: Spaces, action_spaces: Spaces) -> dict[StepKey, FlatPolicy]:
    try:
        if list(action_spaces) == [0]:
            n_slots, _ = _read_stock(observation_spaces[0])
            _see_actions(action_spaces[0], {"piece_idx": n_slots, "rotation": 2, "order": 2})
            return {0: GreedyFlatCutting()}
        _see(list(action_spaces) == [0, 1], f"the step keys are {list(action_spaces)}")
        n_slots, _ = _read_stock(observation_spaces[0])
        _see_actions(action_spaces[0], {"piece_idx": n_slots})
        _, raw_piece = _read_stock(observation_spaces[1])
        _see_bounds(observation_spaces[1], "chosen_piece", 1, raw_piece)
        _see_actions(action_spaces[1], {"rotation": 2, "order": 2})
    except _UnreadableError as error:
        raise ConfigurationError(
            f"the greedy cutting policy cannot read this environment, for {error}: "
            "take the 2D cutting problem without wrappers that change sizes or the form of actions, or another policy"
        ) from None
    return {0: GreedySelection(), 1: GreedyCutting()}


class _UnreadableError(Exception):
    """Something is not as the policy knows it."""


def _see(is_so: bool, otherwise: str) -> None:
    if not is_so:
        raise _UnreadableError(otherwise)


def _read_stock(space: gymnasium.Space[Any]) -> tuple[int, np.ndarray]:
    """Slots of the inventory, and width and height of the raw piece, as the bounds have them."""
    inventory = _sizes(space, "inventory")
    _see(len(inventory.shape) == INVENTORY_RANK, f"the observation 'inventory' is {_in_words(inventory)}")
    n_slots, raw_piece = len(inventory.high), inventory.high[0]
    _see_bounds(space, "inventory", 0, np.tile(raw_piece, (n_slots, 1)))
    _see_bounds(space, "ordered_piece", 1, np.full(2, raw_piece.max()))
    return n_slots, raw_piece


def _see_bounds(space: gymnasium.Space[Any], key: str, least: int, most: np.ndarray) -> None:
    sizes = _sizes(space, key)
    is_as_expected = sizes.shape == most.shape and (sizes.low == least).all() and (sizes.high == most).all()
    _see(bool(is_as_expected) and most.shape[-1] == SIDES, f"the observation {key!r} is {_in_words(sizes)}")


def _sizes(space: gymnasium.Space[Any], key: str) -> spaces.Box:
    """The space of an observation of whole numbers."""
    child = space.spaces.get(key) if isinstance(space, spaces.Dict) else None
    if not isinstance(child, spaces.Box) or not np.issubdtype(child.dtype, np.integer):
        found = (
            f"there is no observation {key!r}" if child is None else f"the observation {key!r} is {_in_words(child)}"
        )
        raise _UnreadableError(found)
    return child


def _see_actions(space: gymnasium.Space[Any], n_choices: Mapping[str, int]) -> None:
    expected = spaces.Dict({key: spaces.Discrete(n) for key, n in n_choices.items()})
    _see(space == expected, f"the action is {_in_words(space)}")


def _in_words(space: gymnasium.Space[Any]) -> str:
    """A space in one line, without all the bounds of an array."""
    if isinstance(space, spaces.Box):
        return f"Box({space.low.min()} to {space.high.max()}, {space.shape}, {space.dtype})"
    return " ".join(str(space).split())
