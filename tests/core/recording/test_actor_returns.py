"""What each actor of an episode has earned."""

from __future__ import annotations

from math import nan
from pathlib import Path
from typing import Any

import pytest
from gymnasium import spaces
from tests.core.rollout.sample_envs import Trade, Walk

from maze.core.env.actor_id import ActorID
from maze.core.recording.actor_returns import add_actor_returns
from maze.core.recording.segment import Segment
from maze.core.recording.trajectory_schema import TrajectorySchema
from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner

SPACES: Any = {"buy": spaces.Discrete(3), 1: spaces.Discrete(3)}


def segment(credits_: list[float], actors: list[ActorID]) -> Segment:
    n = len(credits_)
    return Segment(
        0,
        [0] * len(actors),
        [0] * n,
        [1.0] * n,
        actors=actors,
        times=[0] * len(actors),
        credits=credits_,
        terminated=True,
    )


def test_credits_are_added_up_by_actor() -> None:
    schema = TrajectorySchema(SPACES, SPACES)
    first, second, other = ActorID("buy", 0), ActorID("buy", 12), ActorID(1, 0)
    returns = {"buy_12": 100.0}
    add_actor_returns(returns, schema.pack(segment([1, 2, 4, 8], [first, second, other, first])), schema.names)
    assert returns == {"buy_0": 9, "buy_12": 102, "1_0": 4}


def test_what_came_too_late_counts_too() -> None:
    schema = TrajectorySchema(SPACES, SPACES)
    ended = segment([1, 2], [ActorID("buy", 0)] * 2 + [ActorID("buy", 0), ActorID(1, 3)])
    ended.credits = [1, 2, nan, -4]
    ended.actions, ended.rewards = [0, 0], [1.0, 1.0]
    returns: dict[str, float] = {}
    add_actor_returns(returns, schema.pack(ended), schema.names)
    assert returns == {"buy_0": 3, "1_3": -4}


def test_an_episode_keeps_the_returns_of_its_actors(tmp_path: Path) -> None:
    (episode,) = SequentialRolloutRunner(n_episodes=1).run_with(Trade, run_dir=tmp_path / "trade")
    assert episode.actor_returns == {"offer_0": 0.75, "offer_1": 0, "accept_0": 2.25}
    assert sum(episode.actor_returns.values()) == pytest.approx(episode.episode_return)
    (flat,) = SequentialRolloutRunner(n_episodes=1).run_with(Walk, run_dir=tmp_path / "walk")
    assert flat.actor_returns == {}
