from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.maze_envs.logistics.cutting_2d.variants import CUTTING, SELECTION, make

from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv
from maze_envs.logistics.cutting_2d.events import (
    InvalidCut,
    InvalidPieceSelected,
    PieceReplenished,
    PiecesInInventory,
    ValidCut,
)

PAIRS = [("tutorial_cutting_2d_flat", "tutorial_cutting_2d_struct"), ("cutting_2d_flat", "cutting_2d_struct_masked")]


def step(env: Cutting2DEnv, **action: int) -> tuple[Any, float, list[Any]]:
    observation, reward, *_ = env.step(action)
    events = list(env.pending_events)
    env.pending_events.clear()
    return observation, float(reward), events


@pytest.fixture
def env() -> Cutting2DEnv:
    env = make("tutorial_cutting_2d_struct_masked")
    env.reset(seed=0)
    return env


def test_a_round_is_a_choice_and_a_cut(env: Cutting2DEnv) -> None:
    assert (env.actor_id(), env.time) == (SELECTION, 0)
    observation, reward, events = step(env, piece_idx=0)
    assert (env.actor_id(), env.time, reward, events) == (CUTTING, 0, 0.0, [])
    assert observation["chosen_piece"].tolist() == [4, 3]
    assert observation["ordered_piece"].tolist() == [1, 2]
    assert env.state()["chosen_slot"] == 0
    observation, reward, events = step(env, rotation=0, order=1)
    assert (env.actor_id(), env.time, reward) == (SELECTION, 1, -1.0)
    assert events == [ValidCut(4, 3, 1, 2), PieceReplenished(4, 3), PiecesInInventory(3)]
    assert observation["inventory"].tolist() == [[4, 3], [4, 1], [3, 2], [0, 0], [0, 0], [0, 0]]


def test_an_empty_slot_ends_the_round(env: Cutting2DEnv) -> None:
    _, reward, events = step(env, piece_idx=1)
    assert (env.actor_id(), env.time, reward) == (SELECTION, 1, -2.0)
    assert events == [InvalidPieceSelected(1), PiecesInInventory(1)]


def test_a_piece_that_the_order_fits_neither_way_ends_the_round(env: Cutting2DEnv) -> None:
    step(env, piece_idx=0)
    step(env, rotation=0, order=0)  # leaves 3×3 and 1×1
    _, reward, events = step(env, piece_idx=2)
    assert (env.actor_id(), env.time, reward) == (SELECTION, 2, -2.0)
    assert events == [InvalidCut(1, 1, 1, 2), PiecesInInventory(3)]


def test_a_rotation_that_does_not_fit_is_a_mistake() -> None:
    env = make("tutorial_cutting_2d_struct", raw_piece=[4, 2])
    env.reset(seed=0)
    step(env, piece_idx=0)
    step(env, rotation=1, order=1)  # leaves 4×1 and 2×1
    step(env, piece_idx=1)
    _, reward, events = step(env, rotation=0, order=0)
    assert (env.actor_id(), env.time, reward) == (SELECTION, 2, -2.0)
    assert events == [InvalidCut(4, 1, 1, 2), PiecesInInventory(3)]


def test_reset_forgets_the_chosen_piece(env: Cutting2DEnv) -> None:
    step(env, piece_idx=0)
    observation, _ = env.reset(seed=0)
    assert env.actor_id() == SELECTION
    assert "chosen_piece" not in observation


def test_masks_are_declared_only_where_there_are_some(env: Cutting2DEnv) -> None:
    assert env.action_masks == {0: {"piece_idx": "inventory_mask"}, 1: {"rotation": "cutting_mask"}}
    unmasked = make("tutorial_cutting_2d_struct")
    assert unmasked.action_masks == {}
    assert not any("mask" in key for space in unmasked.observation_spaces.values() for key in space)  # type: ignore[attr-defined]


def is_valid(env: Cutting2DEnv, trial: Cutting2DEnv, slot: int, rotation: int, order: int) -> bool:
    """Whether a cut succeeds, tried out on a flat environment with the same stock and order."""
    trial.reset(seed=0)
    trial.pending_events.clear()
    trial.inventory.pieces = list(env.inventory.pieces)
    trial._ordered = env._ordered
    trial.step({"piece_idx": slot, "rotation": rotation, "order": order})
    return any(isinstance(event, ValidCut) for event in trial.pending_events)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6))
def test_masks_are_exactly_the_valid_actions(seed: int) -> None:
    env = make("cutting_2d_struct_masked", max_pieces_in_inventory=8)
    trial = make("cutting_2d_flat", max_pieces_in_inventory=8)
    observation, _ = env.reset(seed=seed)
    generator = np.random.default_rng(seed)
    for _ in range(25):
        brute = [
            [[is_valid(env, trial, slot, rotation, order) for order in (0, 1)] for rotation in (0, 1)]
            for slot in range(8)
        ]
        assert observation["inventory_mask"].tolist() == [int(np.any(cuts)) for cuts in brute]
        slot = int(generator.choice(np.flatnonzero(observation["inventory_mask"])))
        observation, *_ = step(env, piece_idx=slot)
        for order in (0, 1):
            assert observation["cutting_mask"].tolist() == [int(brute[slot][rotation][order]) for rotation in (0, 1)]
        rotation = int(generator.choice(np.flatnonzero(observation["cutting_mask"])))
        observation, _, events = step(env, rotation=rotation, order=int(generator.integers(2)))
        assert isinstance(events[0], ValidCut)


@pytest.mark.parametrize(("flat", "struct"), PAIRS)
@settings(deadline=None, max_examples=10)
@given(actions=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1), st.integers(0, 1)), max_size=60))
def test_one_decision_or_two_give_the_same_rounds(flat: str, struct: str, actions: list[tuple[int, int, int]]) -> None:
    flat_env, struct_env = make(flat), make(struct)
    flat_env.reset(seed=5)
    struct_env.reset(seed=5)
    for piece_idx, rotation, order in actions:
        _, flat_reward, flat_events = step(flat_env, piece_idx=piece_idx, rotation=rotation, order=order)
        _, reward, events = step(struct_env, piece_idx=piece_idx)
        if struct_env.actor_id() == CUTTING:
            _, reward, events = step(struct_env, rotation=rotation, order=order)
        assert reward == flat_reward
        assert [type(event) for event in events] == [type(event) for event in flat_events]
        states: list[Mapping[str, Any]] = [each.state() for each in (flat_env, struct_env)]
        assert [state["inventory"] for state in states] == [flat_env.state()["inventory"]] * 2
        assert states[0]["ordered_piece"] == states[1]["ordered_piece"]
