from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete

import maze
from maze.core.env.actor_id import ActorID
from maze.core.env.structured_env import StructuredEnv
from maze.viewer.divergence import first_divergence


def test_an_episode_does_not_differ_from_itself(runs: Path) -> None:
    recording = maze.load(runs / "talking")
    episode = next(iter(recording))
    assert set(first_divergence(episode, episode).values()) == {None}


def test_the_first_step_of_each_difference(runs: Path) -> None:
    recordings = [maze.load(runs / name) for name in ("careful", "careless")]
    number = next(number for number in range(12) if recordings[0][number].length != recordings[1][number].length)
    one, other = (recording[number] for recording in recordings)
    n = min(len(one.actions), len(other.actions))
    found = first_divergence(one, other)
    assert found["action"] == np.argmax(one.actions[:n] != other.actions[:n])
    assert found["observation"] == np.argmax((one.observations[:n] != other.observations[:n]).any(axis=1))
    assert found["observation"] == int(np.argmax(one.actions[:n] != other.actions[:n])) + 1
    assert found["reward"] == n  # each step of either gives 1, until one ends
    assert found["first"] == found["action"]


class TwoActorsEnv(StructuredEnv):
    """Two kinds of decisions by turns; from the fifth on the order is another where `swaps` is set."""

    def __init__(self, swaps: bool = False, noise_at: int = -1, n_steps: int = 12) -> None:
        self.observation_spaces = {"one": Box(0, 1e6, (1,)), "two": Dict({"n": Discrete(10**6)})}
        self.action_spaces = {"one": Discrete(1), "two": Discrete(1)}
        self.swaps, self.noise_at, self.n_steps = swaps, noise_at, n_steps

    def actor_id(self) -> ActorID:
        return ActorID("one" if (self.n + (self.swaps and self.n >= 5)) % 2 == 0 else "two", 0)

    def observe(self) -> Any:
        n = self.n + (self.n == self.noise_at)
        return np.array([n], np.float32) if self.actor_id().step_key == "one" else {"n": n}

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.n = 0
        return self.observe(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n += 1
        return self.observe(), 0.0, self.n == self.n_steps, False, {}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, {"action": None, "observation": None, "reward": None, "first": None}),
        ({"swaps": True}, {"action": 5, "observation": 5, "reward": None, "first": 5}),
        ({"noise_at": 7}, {"action": None, "observation": 7, "reward": None, "first": 7}),
        ({"noise_at": 2, "swaps": True}, {"action": 5, "observation": 2, "reward": None, "first": 2}),
    ],
)
def test_several_actors(tmp_path: Path, settings: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, make in (("plain", TwoActorsEnv), ("other", partial(TwoActorsEnv, **settings))):
        maze.rollout(make, n_episodes=1, seeding={"env_base_seed": 1}, run_dir=tmp_path / name)
    episodes = [maze.load(tmp_path / name)[0] for name in ("plain", "other")]
    assert first_divergence(*episodes) == expected


def test_long_episodes(tmp_path: Path) -> None:
    make = partial(TwoActorsEnv, n_steps=20_000)
    for name, settings in (("plain", {}), ("noisy", {"noise_at": 17_001}), ("shorter", {"n_steps": 9000})):
        env = partial(make, **settings)
        maze.rollout(env, n_episodes=1, max_episode_steps=0, seeding={"env_base_seed": 1}, run_dir=tmp_path / name)
    plain, noisy, shorter = (maze.load(tmp_path / name)[0] for name in ("plain", "noisy", "shorter"))
    assert len(list(plain.segments())) == 3
    assert first_divergence(plain, plain)["first"] is None
    assert first_divergence(plain, noisy)["first"] == 17_001
    assert first_divergence(shorter, plain) == {"action": 9000, "observation": 9000, "reward": 9000, "first": 9000}
