"""What is drawn from the models of Stable-Baselines3."""

from __future__ import annotations

from typing import Any, cast

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from sb3_contrib import MaskablePPO
from stable_baselines3 import DQN, PPO, SAC

from maze.interop.sb3_actor import SB3Actor

N = 3000
GENERATORS = [np.random.default_rng(seed) for seed in range(N)]
SEEN = np.tile(np.array([0.3, -0.2, 0.1], np.float32), (N, 1))


class Still(gymnasium.Env[np.ndarray, Any]):
    """Spaces to make a model for."""

    observation_space = spaces.Box(-1, 1, (3,))

    def __init__(self, action_space: spaces.Space[Any]) -> None:
        self.action_space = action_space


def small() -> dict[str, Any]:
    return {"device": "cpu", "seed": 1, "policy_kwargs": {"net_arch": [8]}}


def ppo(action_space: spaces.Space[Any], **settings: Any) -> PPO:
    model = PPO("MlpPolicy", Still(action_space), n_steps=8, batch_size=8, **small(), **settings)
    torch.manual_seed(2)
    with torch.no_grad():  # away from the even chances that networks begin with
        cast(torch.Tensor, model.policy.action_net.bias).normal_()
    return model


def distribution(model: PPO) -> Any:
    with torch.inference_mode():
        return model.policy.get_distribution(torch.from_numpy(SEEN[:1])).distribution


def drawn(model: Any, **arguments: Any) -> np.ndarray:
    before = torch.random.get_rng_state()
    actor = SB3Actor(model)
    noise = [actor.draw_noise(generator) for generator in GENERATORS]
    actions = actor.act(SEEN, N, GENERATORS, noise=noise, **arguments)[0]
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(action in model.action_space for action in actions)
    return actions


def test_one_of_several() -> None:
    model = ppo(spaces.Discrete(3))
    shares = np.bincount(drawn(model), minlength=3) / N
    assert shares == pytest.approx(distribution(model).probs[0].numpy(), abs=0.03)


def test_several_of_several() -> None:
    model = ppo(spaces.MultiDiscrete([2, 3]))
    actions = drawn(model)
    for column, part in enumerate(distribution(model)):
        shares = np.bincount(actions[:, column], minlength=part.probs.shape[1]) / N
        assert shares == pytest.approx(part.probs[0].numpy(), abs=0.03)


def test_bits() -> None:
    model = ppo(spaces.MultiBinary(4))
    assert drawn(model).mean(0) == pytest.approx(distribution(model).probs[0].numpy(), abs=0.03)


def test_gaussian_numbers_are_clipped_to_their_bounds() -> None:
    model = ppo(spaces.Box(np.array([-50, -50, 0], np.float32), np.array([50, 50, 1], np.float32)))
    actions, normal = drawn(model), distribution(model)
    assert actions[:, :2].mean(0) == pytest.approx(normal.mean[0, :2].numpy(), abs=0.1)
    assert actions[:, :2].std(0) == pytest.approx(normal.stddev[0, :2].numpy(), rel=0.05)
    assert {0.0, 1.0} < set(actions[:, 2].tolist())


def test_squashed_numbers_are_rescaled_to_their_bounds() -> None:
    model = SAC("MlpPolicy", Still(spaces.Box(-3, 5, (2,))), buffer_size=1, **small())
    torch.manual_seed(3)
    with torch.inference_mode():
        own = model.policy._predict(torch.from_numpy(SEEN)).numpy() * 4 + 1
    actions = drawn(model)
    assert actions.mean(0) == pytest.approx(own.mean(0), abs=0.2)
    assert actions.std(0) == pytest.approx(own.std(0), rel=0.05)


def test_state_dependent_noise_is_that_of_the_episode() -> None:
    model = ppo(spaces.Box(-50, 50, (2,)), use_sde=True)
    actions, normal = drawn(model), distribution(model)
    assert actions.mean(0) == pytest.approx(normal.mean[0].numpy(), abs=0.1)
    assert actions.std(0) == pytest.approx(normal.stddev[0].numpy(), rel=0.05)
    actor = SB3Actor(model)
    noise = [actor.draw_noise(np.random.default_rng(1))] * N
    again = actor.act(SEEN, N, GENERATORS, noise=noise)[0]
    assert np.unique(again, axis=0).shape == (1, 2)


def test_random_actions_are_as_frequent_as_training_left_them() -> None:
    model = DQN("MlpPolicy", Still(spaces.Discrete(4)), buffer_size=1, **small())
    model.exploration_rate = 0.4
    shares = np.bincount(drawn(model), minlength=4) / N
    assert sorted(shares) == pytest.approx([0.1, 0.1, 0.1, 0.7], abs=0.03)
    greedy = SB3Actor(model).act(SEEN, N, None)[0]
    assert set(greedy.tolist()) == {int(shares.argmax())}


@pytest.mark.parametrize("space", [spaces.MultiDiscrete([2, 2]), spaces.MultiBinary(2)])
def test_masks_of_components(space: spaces.Space[Any]) -> None:
    model = MaskablePPO("MlpPolicy", Still(space), n_steps=8, batch_size=8, **small())
    actions = drawn(model, masks=np.array([[1, 0, 1, 1]], bool).repeat(N, 0))
    assert set(actions[:, 0].tolist()) == {0}
    assert set(actions[:, 1].tolist()) == {0, 1}


def test_what_is_no_number_is_an_error() -> None:
    for space in (spaces.Discrete(3), spaces.Box(-1, 1, (2,))):
        model = ppo(space)
        for generators in (None, GENERATORS[:1]):
            with pytest.raises(ValueError, match="no numbers: look for NaN in the observation"):
                SB3Actor(model).act(np.full((1, 3), np.nan, np.float32), 1, generators)
