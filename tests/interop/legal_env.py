"""A small environment with masks, for policies that are trained elsewhere."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces

from maze.core.env.gym_env import GymEnv

Observation = dict[str, np.ndarray]


class Legal(gymnasium.Env[Any, Any]):
    """Some actions are legal in each step, others raise. sb3-contrib asks for masks by `action_masks()`."""

    observation_space = spaces.Dict({"legal": spaces.MultiBinary(4), "where": spaces.Box(-1, 1, (2,))})

    def __init__(self, action_space: spaces.Space[Any] | None = None) -> None:
        self.action_space = action_space or spaces.Discrete(4)

    def action_masks(self) -> np.ndarray:
        return self._legal.astype(bool)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._step = 0
        return self._observation(), {}

    def step(self, action: Any) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        chosen = np.ravel(action) + np.array([0, 2])[: np.size(action)]
        if not self._legal[chosen].all():
            raise ValueError(f"{action} is not legal: {self._legal}")
        self._step += 1
        return self._observation(), float(np.sum(action)), self._step == 10, False, {}

    def _observation(self) -> Observation:
        self._legal = self.np_random.integers(0, 2, 4).astype(np.int8)
        self._legal[self.np_random.integers(2)] = self._legal[2 + self.np_random.integers(2)] = 1
        return {"legal": self._legal, "where": self.np_random.uniform(-1, 1, 2).astype(np.float32)}


class Undeclared(Legal):
    """The same without a method for masks."""

    action_masks = None  # type: ignore[assignment]


def declared(components: bool = False) -> GymEnv:
    """The environment as one that declares masks."""
    env = GymEnv(Undeclared(spaces.MultiDiscrete([2, 2]) if components else None))
    env.action_masks = {0: {None: "legal"}}
    return env
