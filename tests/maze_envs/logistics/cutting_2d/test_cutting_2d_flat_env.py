from __future__ import annotations

from typing import Any

import pytest
from tests.maze_envs.logistics.cutting_2d.variants import make

from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv
from maze_envs.logistics.cutting_2d.events import (
    InvalidCut,
    InvalidPieceSelected,
    PieceReplenished,
    PiecesInInventory,
    ValidCut,
)


@pytest.fixture
def env() -> Cutting2DEnv:
    env = make("tutorial_cutting_2d_flat")
    env.reset(seed=0)
    return env


def step(env: Cutting2DEnv, piece_idx: int, rotation: int, order: int) -> tuple[Any, float, list[Any]]:
    observation, reward, *_ = env.step({"piece_idx": piece_idx, "rotation": rotation, "order": order})
    events = list(env.pending_events)
    env.pending_events.clear()
    return observation, float(reward), events


def test_cuts_the_raw_piece(env: Cutting2DEnv) -> None:
    observation, reward, events = step(env, 0, 0, 0)
    assert observation["inventory"].tolist() == [[4, 3], [3, 3], [1, 1], [0, 0], [0, 0], [0, 0]]
    assert observation["ordered_piece"].tolist() == [1, 2]
    assert reward == -1
    assert events == [ValidCut(4, 3, 1, 2), PieceReplenished(4, 3), PiecesInInventory(3)]


def test_cuts_remains_for_nothing(env: Cutting2DEnv) -> None:
    step(env, 0, 0, 0)
    observation, reward, events = step(env, 1, 1, 1)
    assert observation["inventory"].tolist() == [[4, 3], [1, 1], [3, 2], [1, 1], [0, 0], [0, 0]]
    assert reward == 0
    assert events == [ValidCut(3, 3, 2, 1), PiecesInInventory(4)]


@pytest.mark.parametrize("slot", [3, 5, 6, -1])
def test_an_empty_slot_is_a_mistake(env: Cutting2DEnv, slot: int) -> None:
    before, *_ = step(env, 0, 0, 0)
    observation, reward, events = step(env, slot, 0, 0)
    assert (observation["inventory"] == before["inventory"]).all()
    assert (observation["ordered_piece"] == before["ordered_piece"]).all()
    assert reward == -2
    assert events == [InvalidPieceSelected(slot), PiecesInInventory(3)]


def test_what_does_not_fit_is_a_mistake(env: Cutting2DEnv) -> None:
    step(env, 0, 0, 0)
    observation, reward, events = step(env, 2, 1, 0)
    assert observation["ordered_piece"].tolist() == [1, 2]
    assert reward == -2
    assert events == [InvalidCut(1, 1, 2, 1), PiecesInInventory(3)]


def test_every_step_is_a_round_of_the_only_actor(env: Cutting2DEnv) -> None:
    assert env.actor_id() == (0, 0)
    assert env.time is None
    assert list(env.action_spaces) == [0]
