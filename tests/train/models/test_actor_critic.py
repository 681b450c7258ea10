from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces

from maze.factory import ConfigurationError
from maze.train.models.actor_critic import ILLEGAL, ActorCritic
from maze.train.models.flatten_concat import FlattenConcat
from maze.train.weights import weights_of

LEGAL = spaces.MultiBinary(4)
OBSERVATIONS: dict[Any, gymnasium.Space[Any]] = {
    "pick": spaces.Dict({"goods": spaces.Box(0, 1, (3,)), "legal": LEGAL}),
    "place": spaces.Dict({"goods": spaces.Box(0, 1, (3,)), "held": spaces.Discrete(2)}),
}
ACTIONS: dict[Any, gymnasium.Space[Any]] = {
    "pick": spaces.Dict({"turn": spaces.Box(-1, 1, (1,)), "which": spaces.Discrete(4)}),
    "place": spaces.Discrete(2),
}
MASKS: dict[Any, Any] = {"pick": {"which": "legal"}}


def leaves_of(model: ActorCritic, key: Any, n: int = 3) -> list[torch.Tensor]:
    space = OBSERVATIONS[key]
    space.seed(1)
    return [
        torch.from_numpy(array) for array in model.observation_layouts[key].stack([space.sample() for _ in range(n)])
    ]


def test_a_mask_says_what_cannot_be_chosen() -> None:
    model = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS)
    leaves = leaves_of(model, "pick")
    legal = leaves[1]
    parameters = model.action_parameters("pick", leaves)
    which = model.action_layouts["pick"].parts_at(("which",))[0]
    assert ((parameters[:, which.parameters] == ILLEGAL) == (legal == 0)).all()
    turn = model.action_layouts["pick"].parts_at(("turn",))[0]
    assert (parameters[:, turn.parameters] > ILLEGAL).all()
    assert model.has_masks("pick")
    assert not model.has_masks("place")


def test_the_configuration_may_override_masks() -> None:
    free = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS, masks={})
    assert not free.has_masks("pick")
    own = FlattenConcat(OBSERVATIONS, ACTIONS, {}, masks={"pick": {"which": "legal"}})
    assert own.has_masks("pick")
    whole = FlattenConcat(
        OBSERVATIONS, {**ACTIONS, "pick": spaces.Discrete(4)}, {}, masks={"pick": {"action": "legal"}}
    )
    assert whole.has_masks("pick")


@pytest.mark.parametrize(
    ("masks", "message"),
    [
        ({"pck": {}}, "model.masks has 'pck', which is no step key"),
        ({"pick": {"wich": "legal"}}, "masks the action 'wich'"),
        ({"pick": {"which": "illegal"}}, "the mask 'illegal' is no observation of 'pick'"),
        ({"pick": {"which": "goods"}}, "the mask 'goods' of 'pick' has 3 values, its action has 4"),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_in_one_line(masks: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        FlattenConcat(OBSERVATIONS, ACTIONS, {}, masks=masks)


@pytest.mark.parametrize("shared_network", [True, False])
@pytest.mark.parametrize("critic", ["shared", "per_step_key"])
def test_networks_and_critics_are_shared_as_asked(shared_network: bool, critic: Any) -> None:
    model = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS, shared_network=shared_network, critic=critic)
    for key in OBSERVATIONS:
        assert model.action_parameters(key, leaves_of(model, key)).shape == (3, model.action_layouts[key].n_parameters)
        assert model.values(key, leaves_of(model, key)).shape == (3,)
    assert len(model.policy_networks.networks) == (1 if shared_network else 2)
    assert len(model.critic_networks.networks) == (1 if critic == "shared" else 2)
    heads = [model.critic_heads[model.names[key]] for key in OBSERVATIONS]
    assert (heads[0] is heads[1]) == (critic == "shared")


def test_a_critic_on_the_policys_network_has_no_weights_of_its_own_there() -> None:
    model = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS, critic_on_policy_network=True)
    assert model.critic_networks is model.policy_networks
    assert not [name for name in weights_of(model) if name.startswith("critic_networks")]
    with pytest.raises(ConfigurationError, match="needs a network of its own"):
        FlattenConcat(OBSERVATIONS, ACTIONS, MASKS, critic_on_policy_network=True, critic="shared")


def test_standard_deviations_stand_behind_their_means() -> None:
    model = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS)
    turn = model.action_layouts["pick"].parts_at(("turn",))[0]
    with torch.no_grad():
        model.log_stds[model.names["pick"]].fill_(-1.25)
    parameters = model.action_parameters("pick", leaves_of(model, "pick"))[:, turn.parameters]
    np.testing.assert_allclose(parameters[:, 1].detach().numpy(), -1.25)


def test_policy_parameters_are_without_critics() -> None:
    model = FlattenConcat(OBSERVATIONS, ACTIONS, MASKS)
    n = sum(parameter.numel() for parameter in model.policy_parameters())
    critics = sum(p.numel() for module in (model.critic_networks, model.critic_heads) for p in module.parameters())
    assert n + critics == sum(parameter.numel() for parameter in model.parameters())
