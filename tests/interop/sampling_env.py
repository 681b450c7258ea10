"""An environment of any spaces: what is observed is sampled, by its own seed."""

from __future__ import annotations

import sys
from copy import deepcopy
from functools import partial
from pathlib import Path
from typing import Any

import cloudpickle
import gymnasium
import numpy as np
from gymnasium import spaces

from maze import load, rollout
from maze.core.recording.recording import Recording

cloudpickle.register_pickle_by_value(sys.modules[__name__])

PICTURES = spaces.Dict(
    {
        "camera": spaces.Box(0, 255, (9, 12, 3), np.uint8),
        "joints": spaces.Box(-1, 1, (3,), np.float64),
        "depth": spaces.Box(0, 255, (8, 10), np.uint8),
        "grid": spaces.Box(-9, 9, (2, 3), np.int16),
        "mode": spaces.Discrete(3, start=-1),
    }
)
NESTED = spaces.Dict(
    {
        "pair": spaces.Tuple((spaces.Discrete(4), spaces.Box(-1, 1, (2, 2)))),
        "flags": spaces.MultiBinary(5),
        "levels": spaces.MultiDiscrete([3, 4]),
        "word": spaces.Text(6),
        "height": spaces.Box(-np.inf, np.inf, (), np.float32),
    }
)


class Sampling(gymnasium.Env[Any, Any]):
    metadata = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012 - as gymnasium has it

    def __init__(
        self,
        observation_space: spaces.Space[Any] = PICTURES,
        action_space: spaces.Space[Any] | None = None,
        n_steps: int = 4,
        render_mode: str | None = None,
    ) -> None:
        self.observation_space = deepcopy(observation_space)
        self.action_space = action_space or spaces.Box(-1, 1, (2,))
        self.n_steps, self.render_mode = n_steps, render_mode

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.observation_space.seed(seed)
        self.n = 0
        return self.observation_space.sample(), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.n += 1
        reward = float(self.np_random.normal())
        info = {"n": self.n, "is_success": reward > 0}
        return self.observation_space.sample(), reward, self.n == self.n_steps, False, info

    def render(self) -> Any:
        return np.full((24, 32, 3), 60 * self.n, np.uint8)


def recorded(
    folder: Path,
    observation_space: spaces.Space[Any] = PICTURES,
    action_space: spaces.Space[Any] | None = None,
    *,
    n_episodes: int = 3,
    **settings: Any,
) -> Recording:
    """A run of an environment with these spaces."""
    env = partial(Sampling, observation_space, action_space)
    run_dir = folder / "run"
    rollout(env, n_episodes=n_episodes, run_dir=run_dir, seeding={"env_base_seed": 5}, **settings)
    return load(run_dir)
