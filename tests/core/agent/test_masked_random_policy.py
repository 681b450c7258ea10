"""Random legal decisions, where the environment says what is legal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from gymnasium import spaces

from maze.core.agent.masked_random_policy import MaskedRandomPolicy
from maze.core.agent.random_policy import RandomPolicy
from maze.core.env.actor_id import ActorID
from maze.factory import ConfigurationError, build

ACTIONS: Any = {"play": spaces.Discrete(5)}
MASKS: Any = {"play": {None: "legal"}}


def test_it_decides_as_the_random_policy() -> None:
    masked, random = MaskedRandomPolicy(ACTIONS, MASKS), RandomPolicy(ACTIONS, MASKS)
    generator = np.random.default_rng(0)
    masked.reset(4)
    random.reset(4)
    for _ in range(50):
        observation = {"legal": np.append(generator.integers(0, 2, 4), 1).astype(np.int8)}
        assert masked.act(observation, ActorID("play", 1)) == random.act(observation, ActorID("play", 1))


@pytest.mark.parametrize("masks", [None, {}, {"play": {}}])
def test_an_environment_without_masks_is_refused(masks: Any) -> None:
    config = {"_target_": "maze.core.agent.masked_random_policy.MaskedRandomPolicy"}
    with pytest.raises(ConfigurationError, match="declares no action_masks for masked_random_policy: choose policy="):
        build(config, action_spaces=ACTIONS, action_masks=masks)
