"""Rewards in another unit."""

from __future__ import annotations

from math import inf, nan
from pathlib import Path

import pytest
from tests.core.wrappers.market import LegalPolicy, Market

from maze.core.rollout.sequential_rollout_runner import SequentialRolloutRunner
from maze.core.wrappers.reward_scaling_wrapper import RewardScalingWrapper
from maze.factory import ConfigurationError
from maze.testing.env_check import check_env

SCALING = {"_target_": "maze.core.wrappers.reward_scaling_wrapper.RewardScalingWrapper", "scale": 0.5}


def test_rewards_and_credits_are_scaled(tmp_path: Path) -> None:
    seeding = {"env_base_seed": 1, "agent_base_seed": 2}
    runner = SequentialRolloutRunner(n_episodes=2)
    plain = runner.run_with(Market, None, LegalPolicy, seeding=seeding, run_dir=tmp_path / "plain")
    scaled = runner.run_with(Market, SCALING, LegalPolicy, seeding=seeding, run_dir=tmp_path / "scaled")
    for episode, other in zip(plain, scaled, strict=True):
        assert (other.rewards == 0.5 * episode.rewards).all()
        assert (other.credits == 0.5 * episode.credits).all()
        assert other.credits.sum() == other.rewards.sum() != 0


@pytest.mark.parametrize("scale", [inf, nan])
def test_only_finite_factors_are_taken(scale: float) -> None:
    with pytest.raises(ConfigurationError, match=r"scale=.*: give a finite number"):
        RewardScalingWrapper(Market(), scale)


def test_it_keeps_every_rule() -> None:
    check_env(Market, SCALING)
    check_env("CartPole-v1", SCALING)
