"""Draws docs/assets/cutting_2d.png: the 2D cutting problem in the middle of an episode."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy import Cutting2DGreedyPolicy
from maze_envs.logistics.cutting_2d.cutting_2d_struct_env import Cutting2DStructEnv
from maze_envs.logistics.cutting_2d.demand import RandomDemand

TARGET = Path(__file__).parents[1] / "docs" / "assets" / "cutting_2d.png"


def picture() -> np.ndarray:
    """Play half of a round after some others, and give what `render` shows."""
    env = Cutting2DStructEnv([120, 80], RandomDemand([10, 10], [60, 60]), 20, render_mode="rgb_array")
    policy = Cutting2DGreedyPolicy(env.observation_spaces, env.action_spaces)
    observation, _ = env.reset(seed=4)
    while env.time < N_ROUNDS or env.actor_id().step_key == 0:
        observation, *_ = env.step(policy.act(observation, env.actor_id()))
    rendered: np.ndarray = env.render()
    return rendered


N_ROUNDS = 14
"""Rounds before the one that is drawn: few enough for a stock that one can look over."""


def png(colors: np.ndarray) -> bytes:
    """Encode a picture.

    Args:
        colors: (height, width, 3) of uint8.
    """
    height, width, _ = colors.shape
    lines = np.concatenate([np.zeros((height, 1), np.uint8), colors.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits each of red, green, blue
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


if __name__ == "__main__":
    TARGET.write_bytes(png(picture()))
    print(TARGET)
