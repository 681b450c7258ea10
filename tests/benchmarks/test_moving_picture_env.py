from __future__ import annotations

import importlib
from pathlib import Path
from time import thread_time
from typing import Any

import gymnasium
import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> gymnasium.Env[Any, Any]:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    env: gymnasium.Env[Any, Any] = importlib.import_module("moving_picture_env").MovingPictureEnv()
    env.reset(seed=3)
    return env


def test_every_step_shows_a_new_frame_behind_the_latest_three(env: gymnasium.Env[Any, Any]) -> None:
    before, _ = env.reset(seed=3)
    for _ in range(10):
        after = env.step(0)[0]
        assert env.observation_space.contains(after)
        assert not np.shares_memory(before, after)
        assert (after[..., :3] == before[..., 1:]).all()
        assert (after[..., 3] != before[..., 3]).any()
        before = after


def test_a_step_takes_its_millisecond_of_the_processor(env: gymnasium.Env[Any, Any]) -> None:
    began = thread_time()
    for _ in range(20):
        env.step(1)
    assert thread_time() - began >= 0.020


def test_the_same_seed_gives_the_same_picture(env: gymnasium.Env[Any, Any]) -> None:
    first = [env.reset(seed=5)[0], *(env.step(action)[0] for action in (1, 2, 3, 4))]
    again = [env.reset(seed=5)[0], *(env.step(action)[0] for action in (1, 2, 3, 4))]
    assert all((one == other).all() for one, other in zip(first, again, strict=True))


def test_an_episode_has_a_hundred_steps(env: gymnasium.Env[Any, Any]) -> None:
    ends = [env.step(0)[2] for _ in range(100)]
    assert ends == [False] * 99 + [True]
