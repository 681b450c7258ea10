"""The configured variants of the environment, for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

import maze_envs.logistics.cutting_2d
from maze.core.env.actor_id import ActorID
from maze.core.rollout.recipes import EnvRecipe
from maze_envs.logistics.cutting_2d.cutting_2d_env import Cutting2DEnv

CONF = Path(maze_envs.logistics.cutting_2d.__file__).parent / "conf"
TUTORIALS = ["tutorial_cutting_2d_flat", "tutorial_cutting_2d_struct", "tutorial_cutting_2d_struct_masked"]
LARGE = ["cutting_2d_flat", "cutting_2d_struct", "cutting_2d_struct_masked"]
VARIANTS = [*TUTORIALS, *LARGE]
GREEDY = "maze_envs.logistics.cutting_2d.cutting_2d_greedy_policy.Cutting2DGreedyPolicy"


def read(name: str) -> dict[str, Any]:
    config: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    return dict(config)


def env_config(variant: str) -> dict[str, Any]:
    return read(f"env/{variant}")


def make(variant: str, **changes: Any) -> Cutting2DEnv:
    env = EnvRecipe(env_config(variant) | changes)()
    assert isinstance(env, Cutting2DEnv)
    return env


SELECTION, CUTTING = ActorID(0, 0), ActorID(1, 0)
