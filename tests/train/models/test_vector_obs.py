from __future__ import annotations

import pytest
import torch
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.models.vector_obs import VectorObs, VectorObsNetwork


def test_each_vector_has_layers_of_its_own() -> None:
    space = spaces.Dict({"a": spaces.Box(-1, 1, (3,)), "b": spaces.Discrete(5), "c": spaces.Box(-1, 1, ())})
    network = VectorObsNetwork(space, [8], [16], "relu")
    assert [layers[0].in_features for layers in network.vectors] == [3, 5, 1]  # type: ignore[index]
    observation = {"a": torch.zeros(2, 3), "b": torch.tensor([0, 4]), "c": torch.zeros(2)}
    assert network(observation).shape == (2, 16)


def test_pictures_are_refused_in_one_line() -> None:
    with pytest.raises(ConfigurationError, match="has the shape \\(4, 4\\), which is no vector: choose"):
        VectorObs({0: spaces.Box(0, 1, (4, 4))}, {0: spaces.Discrete(2)})
