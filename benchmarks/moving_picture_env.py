"""An environment that computes for a millisecond per step and shows a moving picture, the size of an Atari frame stack.

Importing it registers `MovingPicture-v0`, so that `gymnasium.make("moving_picture_env:MovingPicture-v0")` finds it.
"""

from __future__ import annotations

from time import thread_time_ns
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box, Discrete

SIDE, N_FRAMES, N_SPRITES, N_STEPS = 84, 4, 6, 100


class MovingPictureEnv(gymnasium.Env[np.ndarray, np.int64]):
    """Sprites that fly over a textured background; episodes of 100 steps.

    The observation holds the latest four grey frames, uint8 of shape (84, 84, 4), and is a new array in every step.

    Args:
        milliseconds: CPU time of a step. It is time of this thread and not of the clock on the wall: a step that has
            to share its core takes longer, as one of a real simulation would.
    """

    def __init__(self, milliseconds: float = 1.0) -> None:
        self.observation_space = Box(0, 255, (SIDE, SIDE, N_FRAMES), np.uint8)
        self.action_space = Discrete(5)
        self._nanoseconds = int(milliseconds * 1e6)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        super().reset(seed=seed)
        slope = np.linspace(30, 110, SIDE)
        # A gradient with grain: compresses like a drawn scene, neither like noise nor like an empty picture.
        grain = self.np_random.integers(0, 12, (SIDE // 4, SIDE // 4)).repeat(4, 0).repeat(4, 1)
        self._background = (slope[:, None] / 2 + slope[None, :] / 2 + grain).astype(np.uint8)
        self._positions = self.np_random.uniform(0, SIDE - 10, (N_SPRITES, 2))
        self._velocities = self.np_random.uniform(-3, 3, (N_SPRITES, 2))
        self._shades = self.np_random.integers(130, 255, N_SPRITES)
        self._time = 0
        self._frames = [self._draw()] * N_FRAMES
        return np.stack(self._frames, axis=-1), {}

    def step(self, action: np.int64) -> tuple[np.ndarray, float, bool, bool, dict[str, Any]]:
        deadline = thread_time_ns() + self._nanoseconds
        self._velocities[0] += ((0, 0), (0, 1), (0, -1), (1, 0), (-1, 0))[action]
        self._positions += self._velocities
        outside = (self._positions < 0) | (self._positions > SIDE - 10)
        self._velocities[outside] *= -1
        np.clip(self._positions, 0, SIDE - 10, out=self._positions)
        self._frames = [*self._frames[1:], self._draw()]
        self._time += 1
        observation = np.stack(self._frames, axis=-1)
        state = self._time
        while thread_time_ns() < deadline:
            state = (state * 1103515245 + 12345) % 2147483648
        return observation, float(action == 0), self._time == N_STEPS, False, {}

    def _draw(self) -> np.ndarray:
        frame = self._background.copy()
        for (row, column), shade in zip(self._positions.astype(int).tolist(), self._shades.tolist(), strict=True):
            frame[row : row + 10, column : column + 6] = shade
        return frame


gymnasium.register(id="MovingPicture-v0", entry_point=f"{__name__}:{MovingPictureEnv.__name__}")
