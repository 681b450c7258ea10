from __future__ import annotations

from typing import Any

import pytest
import torch
from gymnasium import spaces
from torch import Tensor, nn

from maze.factory import ConfigurationError
from maze.train.models.observation_layout import ObservationLayout
from maze.train.models.step_key_networks import StepKeyNetworks, module_names

LAYOUTS: Any = {
    "pick": ObservationLayout(spaces.Dict({"goods": spaces.Box(0, 1, (3,)), "legal": spaces.MultiBinary(2)})),
    "place": ObservationLayout(spaces.Dict({"goods": spaces.Box(0, 1, (3,)), "held": spaces.Discrete(2)})),
}


class Seen(nn.Module):
    """Tells what it gets, all in one row."""

    def __init__(self, space: Any) -> None:
        super().__init__()
        self.keys = list(space)

    def forward(self, observation: dict[str, Tensor]) -> Tensor:
        return torch.cat([observation[key].reshape(len(observation[key]), -1).float() for key in self.keys], 1)


def leaves_of(key: str) -> list[Tensor]:
    return [torch.ones_like(torch.from_numpy(buffer)) for buffer in LAYOUTS[key].buffers(2)]


def test_a_shared_network_sees_zeros_where_a_step_key_observes_nothing() -> None:
    networks = StepKeyNetworks(LAYOUTS, Seen, shared=True)
    assert networks.n_features == {"pick": 6, "place": 6}
    assert list(networks.networks) == ["shared"]
    keys = networks.networks["shared"].keys
    assert keys == ["goods", "legal", "held"]
    assert networks("pick", leaves_of("pick")).tolist() == [[1, 1, 1, 1, 1, 0]] * 2
    assert networks("place", leaves_of("place")).tolist() == [[1, 1, 1, 0, 0, 1]] * 2


def test_networks_of_their_own_see_what_their_step_key_observes() -> None:
    networks = StepKeyNetworks(LAYOUTS, Seen, shared=False)
    assert networks.n_features == {"pick": 5, "place": 4}
    assert list(networks.networks) == ["step_pick", "step_place"]


def test_what_makes_no_network_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"int is no torch\.nn\.Module: derive it from that"):
        StepKeyNetworks(LAYOUTS, lambda _: 3, shared=False)  # type: ignore[arg-type, return-value]


def test_step_keys_need_names_of_their_own() -> None:
    assert module_names([0, "a.b"]) == {0: "step_0", "a.b": "step_a_b"}
    with pytest.raises(ConfigurationError, match="cannot be told apart as text: give them other names"):
        module_names(["a.b", "a_b"])
