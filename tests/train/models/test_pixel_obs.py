from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.models.pixel_obs import PixelObs, PixelObsNetwork


@pytest.mark.parametrize(
    "shape", [(84, 84), (84, 84, 3), (4, 84, 84), (10, 12, 3), (4, 64, 48, 3), (2, 3, 20, 20), (5, 5)], ids=str
)
def test_pictures_of_all_layouts_become_features(shape: tuple[int, ...]) -> None:
    space = spaces.Box(0, 255, shape, np.uint8)
    network = PixelObsNetwork(space, [4, 8, 8], [16])
    features = network(torch.from_numpy(np.stack([space.sample(), np.zeros(shape, np.uint8)])))
    assert features.shape == (2, 16)
    assert not torch.equal(features[0], features[1])


def test_pictures_and_vectors_come_together() -> None:
    observation = spaces.Dict({"picture": spaces.Box(0, 1, (8, 8, 1)), "speed": spaces.Box(-1, 1, (2,))})
    model = PixelObs({0: observation}, {0: spaces.Discrete(2)}, channels=[4], hidden_sizes=[8])
    leaves = [torch.zeros(3, 8, 8, 1), torch.zeros(3, 2)]
    other = [leaves[0], torch.ones(3, 2)]
    assert not torch.equal(model.values(0, leaves), model.values(0, other))
    assert model.critic_networks is model.policy_networks


@pytest.mark.parametrize("space", [spaces.Box(-1, 1, (4,)), spaces.Discrete(3)])
def test_observations_without_a_picture_are_refused(space: gymnasium.Space[Any]) -> None:
    with pytest.raises(ConfigurationError, match="is a picture: choose model=flatten_concat"):
        PixelObsNetwork(space, [4], [8])
