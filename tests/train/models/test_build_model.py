from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from maze.factory import ConfigurationError
from maze.train.models.build_model import build_model, check_model
from maze.train.weights import weights_of

SPACE = spaces.Dict({"a": spaces.Box(-1, 1, (3,)), "b": spaces.Discrete(2)})


class Own(nn.Module):
    """A network as a user may write it."""

    def __init__(self, observation_space: gymnasium.Space[Any], width: int = 8) -> None:
        super().__init__()
        self.layer = nn.Linear(int(np.prod(observation_space["a"].shape)) + 1, width)  # type: ignore[index]

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        features: Tensor = self.layer(torch.cat([observation["a"], observation["b"][:, None].float()], 1))
        return features


class NoFeatures(nn.Module):
    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        return observation["a"].sum()


OWN = f"{__name__}.Own"


def test_a_users_own_module_becomes_one_network_per_step_key(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "own_networks", sys.modules[__name__])
    config = {"_target_": "own_networks.Own", "width": 5, "critic": "shared"}
    model = build_model(config, {0: SPACE, 1: SPACE}, {0: spaces.Discrete(2), 1: spaces.Discrete(3)}, seed=1)
    assert [type(network) for network in model.policy_networks.networks.values()] == [Own, Own]
    assert model.policy_networks.n_features == {0: 5, 1: 5}
    with pytest.raises(ConfigurationError, match="gave \\(\\) for two observations: return a tensor of shape"):
        build_model({"_target_": "own_networks.NoFeatures"}, {0: SPACE}, {0: spaces.Discrete(2)})
    with pytest.raises(ConfigurationError, match="has no argument 'wdth': did you mean 'width'"):
        check_model({"_target_": "own_networks.Own", "wdth": 5})


def test_a_seed_determines_the_weights_and_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(3)
    first, second, other = (
        weights_of(build_model(None, {0: SPACE}, {0: spaces.Discrete(2)}, seed=s)) for s in (1, 1, 2)
    )
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not all(torch.equal(first[name], other[name]) for name in first)
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"hidden_sizes": [8]}, "the model has nothing to build"),
        ({"_target_": "maze.train.models.flatten_concat.FlattenConcat", "critics": "shared"}, "did you mean 'critic'"),
        (
            {"_target_": "maze.train.models.flaten_concat.FlattenConcat"},
            "did you mean 'flatten_concat'|no 'flaten_concat'",
        ),
    ],
)
def test_mistakes_are_found_before_anything_is_built(config: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        check_model(config)


def test_only_allowed_targets_are_built() -> None:
    with pytest.raises(ConfigurationError, match="is not built"):
        build_model(
            {"_target_": "torch.nn.Flatten"}, {0: SPACE}, {0: spaces.Discrete(2)}, allowed=["maze.train.models"]
        )
