"""Runs for the commands: small, and recorded as a user would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maze import rollout
from maze.core.rollout.rollout_result import RolloutResult


def cart_pole(
    folder: Path, name: str = "run", *, env_base_seed: int = 1, n_episodes: int = 6, **settings: Any
) -> RolloutResult:
    """Random actions in CartPole."""
    seeding = {"env_base_seed": env_base_seed, "agent_base_seed": settings.pop("agent_base_seed", 2)}
    return rollout("CartPole-v1", n_episodes=n_episodes, run_dir=folder / name, seeding=seeding, **settings)
