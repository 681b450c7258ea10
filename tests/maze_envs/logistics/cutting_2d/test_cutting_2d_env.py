"""What holds for all variants of the environment."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.maze_envs.logistics.cutting_2d.variants import LARGE, TUTORIALS, VARIANTS, env_config, make

import maze
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import FLAT_ACTOR
from maze.core.env.event import EventRecord
from maze.factory import ConfigurationError
from maze.testing import ConformanceWarning, check_env
from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv
from maze_envs.logistics.cutting_2d.cutting_2d_flat_env import Cutting2DFlatEnv
from maze_envs.logistics.cutting_2d.demand import RandomDemand, StaticDemand
from maze_envs.logistics.cutting_2d.events import (
    InvalidCut,
    InvalidPieceSelected,
    PieceDiscarded,
    PieceReplenished,
    PiecesInInventory,
    ValidCut,
)


def area(size: Any) -> int:
    width, height = size
    return int(width * height)


def unmasked_random(env: Cutting2DEnv, seed: int = 0) -> RandomPolicy:
    policy = RandomPolicy(env.action_spaces)
    policy.reset(seed)
    return policy


@pytest.mark.parametrize("variant", LARGE)
def test_keeps_every_rule(variant: str) -> None:
    check_env(env_config(variant), n_steps=300)


@pytest.mark.parametrize("variant", TUTORIALS)
def test_keeps_every_rule_although_nothing_is_random(variant: str) -> None:
    with pytest.warns(ConformanceWarning, match="gave the same episode"):
        check_env(env_config(variant), n_steps=300)


@pytest.mark.parametrize("variant", VARIANTS)
@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 10**6))
def test_no_area_is_lost_and_nothing_outside_the_spaces(variant: str, seed: int) -> None:
    env = make(variant)
    policy = unmasked_random(env, seed)
    observation, _ = env.reset(seed=seed)
    raw_area, sold = area(env.inventory.raw_piece), 0
    bought, discarded, n_rounds = raw_area, 0, 0
    for _ in range(80):
        assert env.observation_space.contains(observation)
        ordered, rounds_before = env.state()["ordered_piece"], env.state()["rounds"]
        observation, reward, terminated, truncated, _ = env.step(policy.act(observation, env.actor_id()))
        events = list(env.pending_events)
        env.pending_events.clear()
        kinds = [type(event) for event in events]
        assert not terminated
        assert not truncated
        assert kinds.count(PiecesInInventory) == env.state()["rounds"] - rounds_before
        n_mistakes = kinds.count(InvalidCut) + kinds.count(InvalidPieceSelected)
        assert kinds.count(ValidCut) + n_mistakes == kinds.count(PiecesInInventory)
        assert reward == -kinds.count(PieceReplenished) - 2 * n_mistakes
        if n_mistakes:
            assert env.state()["ordered_piece"] == ordered  # it waits
        bought += raw_area * kinds.count(PieceReplenished)
        sold += sum(area((e.ordered_width, e.ordered_height)) for e in events if isinstance(e, ValidCut))
        discarded += sum(e.area for e in events if isinstance(e, PieceDiscarded))
        assert bought == sold + discarded + sum(map(area, env.inventory.pieces))
        assert len(env.inventory.pieces) <= env.inventory.max_pieces
        n_rounds = env.state()["rounds"]
    assert n_rounds > 0


@pytest.mark.parametrize("variant", LARGE)
def test_orders_are_those_of_the_seed(variant: str) -> None:
    orders = []
    for seed in (7, 7, 8):
        env = make(variant)
        env.reset(seed=seed)
        orders.append(env.state()["ordered_piece"])
    assert orders[0] == orders[1] != orders[2]


def test_static_orders_come_in_turn_after_valid_cuts_only() -> None:
    env = make("tutorial_cutting_2d_flat")
    env.reset(seed=0)
    seen = []
    for slot in (0, 5, 0, 0, 0, 5, 0, 0, 0):  # slot 5 is empty at first, and later as small as the order is large
        seen.append(env.state()["ordered_piece"])
        env.step({"piece_idx": slot, "rotation": 0, "order": 0})
        env.inventory.reset()
    assert seen == [[1, 2], [1, 2], [1, 2], [1, 1], [2, 2], [1, 2], [1, 2], [1, 1], [1, 2]]


def test_kpi_counts_raw_pieces_by_round() -> None:
    env = make("tutorial_cutting_2d_flat")
    happened = [PieceReplenished(4, 3), PiecesInInventory(3), PiecesInInventory(3), PiecesInInventory(2)]
    records = [EventRecord(step, step, FLAT_ACTOR, event) for step, event in enumerate(happened)]
    assert env.kpis(records, {}) == {"raw_pieces_per_step": 1 / 3}
    assert env.kpis([], {}) == {}


def test_the_reward_aggregator_can_be_exchanged() -> None:
    env = Cutting2DFlatEnv(
        [4, 3],
        StaticDemand([[1, 2]]),
        3,
        reward_aggregator=lambda events: float(sum(isinstance(event, ValidCut) for event in events)),
    )
    env.reset(seed=0)
    assert env.step({"piece_idx": 0, "rotation": 0, "order": 0})[1] == 1
    assert env.step({"piece_idx": 2, "rotation": 0, "order": 0})[1] == 0


@pytest.mark.parametrize("variant", VARIANTS)
def test_observations_are_never_written_into_again(variant: str) -> None:
    env = make(variant)
    policy = unmasked_random(env)
    observations = [env.reset(seed=1)[0]]
    copies = [{key: value.copy() for key, value in observations[0].items()}]
    for _ in range(60):
        observations.append(env.step(policy.act(observations[-1], env.actor_id()))[0])
        copies.append({key: value.copy() for key, value in observations[-1].items()})
    for observation, copied in zip(observations, copies, strict=True):
        assert all(np.array_equal(observation[key], copied[key]) for key in copied)


@pytest.mark.parametrize("variant", VARIANTS)
def test_renders_and_tells_its_state(variant: str) -> None:
    env = make(variant, render_mode="rgb_array")
    policy = unmasked_random(env)
    observation, _ = env.reset(seed=1)
    shapes = set()
    for _ in range(30):
        picture = env.render()
        assert picture.dtype == np.uint8
        shapes.add(picture.shape)
        assert json.loads(json.dumps(env.state())) == env.state()
        observation, *_ = env.step(policy.act(observation, env.actor_id()))
    assert len(shapes) == 1


def test_renders_nothing_without_a_render_mode() -> None:
    env = make("tutorial_cutting_2d_flat")
    env.reset(seed=0)
    assert env.render() is None


def test_state_tells_of_the_last_round() -> None:
    env = make("tutorial_cutting_2d_flat")
    env.reset(seed=0)
    env.step({"piece_idx": 0, "rotation": 1, "order": 1})
    assert env.state() == {
        "ordered_piece": [1, 2],
        "inventory": [[4, 3], [4, 2], [2, 1]],
        "max_pieces_in_inventory": 6,
        "chosen_slot": None,
        "last_cut": {
            "piece": [4, 3],
            "part": [2, 1],
            "order": "horizontal_first",
            "remains": [[4, 2], [2, 1]],
            "discarded": [],
        },
        "last_mistake": "",
        "rounds": 1,
    }
    env.step({"piece_idx": 3, "rotation": 1, "order": 1})
    assert env.state()["last_cut"] is None
    assert env.state()["last_mistake"] == "slot 3 is empty"


def test_a_raw_piece_has_room_for_every_order() -> None:
    Cutting2DFlatEnv([4, 3], StaticDemand([[3, 4], [4, 3]]), 3)
    with pytest.raises(ConfigurationError, match=r"no order of 4×4 can be cut from raw_piece=4×3"):
        Cutting2DFlatEnv([4, 3], StaticDemand([[1, 1], [4, 4]]), 3)
    with pytest.raises(ConfigurationError, match=r"no order of 5×1 can be cut"):
        Cutting2DFlatEnv([4, 3], RandomDemand([1, 1], [5, 1]), 3)
    with pytest.raises(ConfigurationError, match=r"raw_piece=\[4\] is no size"):
        Cutting2DFlatEnv([4], StaticDemand([[1, 1]]), 3)


@pytest.mark.parametrize("variant", ["tutorial_cutting_2d_flat", "cutting_2d_struct_masked"])
def test_episodes_are_the_same_in_one_process_and_in_two(variant: str, tmp_path: Path) -> None:
    seeding = {"env_base_seed": 3, "agent_base_seed": 4}
    results = []
    for n_processes in (1, 2):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # two processes may be more than there are cores
            results.append(
                maze.rollout(
                    env_config(variant),
                    n_episodes=6,
                    max_episode_steps=30,
                    n_processes=n_processes,
                    seeding=seeding,
                    run_dir=tmp_path / str(n_processes),
                )
            )
    assert results[0].status == results[1].status == "completed"
    assert results[0].hash == results[1].hash
