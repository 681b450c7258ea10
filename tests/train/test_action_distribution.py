from __future__ import annotations

import numpy as np
import pytest
import torch
from gymnasium import spaces
from torch.distributions import Bernoulli, Categorical, Independent, Normal
from torchrl.modules import MaskedCategorical, TanhNormal

from maze.train.action_distribution import ActionDistribution
from maze.train.models.action_layout import ActionLayout
from maze.train.models.actor_critic import ILLEGAL


def test_probabilities_of_a_dict_action_multiply() -> None:
    space = spaces.Dict({"a": spaces.Discrete(3), "b": spaces.MultiDiscrete([2, 4]), "c": spaces.MultiBinary(2)})
    layout = ActionLayout(space)
    parameters = torch.randn(6, layout.n_parameters)
    space.seed(1)
    columns = torch.from_numpy(layout.columns([space.sample() for _ in range(6)]))
    distribution = ActionDistribution(parameters, layout)
    parts = [
        (Categorical(logits=parameters[:, 0:3]), columns[:, 0]),
        (Categorical(logits=parameters[:, 3:5]), columns[:, 1]),
        (Categorical(logits=parameters[:, 5:9]), columns[:, 2]),
        (Independent(Bernoulli(logits=parameters[:, 9:11]), 1), columns[:, 3:5]),
    ]
    expected = sum(part.log_prob(value) for part, value in parts)
    torch.testing.assert_close(distribution.log_prob(columns), expected)
    torch.testing.assert_close(distribution.entropy(), sum(part.entropy() for part, _ in parts))
    assert distribution.mode[:, 0].tolist() == parameters[:, 0:3].argmax(1).tolist()


def test_masked_categories_are_as_torchrl_has_them() -> None:
    layout = ActionLayout(spaces.Discrete(5))
    logits, mask = torch.randn(8, 5), torch.rand(8, 5) < 0.6
    mask[:, 2] = True
    distribution = ActionDistribution(logits.masked_fill(~mask, ILLEGAL), layout)
    reference = MaskedCategorical(logits=logits, mask=mask)
    chosen = torch.full((8,), 2)
    torch.testing.assert_close(distribution.log_prob(chosen[:, None].float()), reference.log_prob(chosen))
    torch.testing.assert_close(distribution.entropy(), reference.entropy())


def test_squashed_numbers_are_as_torchrl_has_them() -> None:
    space = spaces.Box(np.array([-2, 0], np.float32), np.array([2, 10], np.float32))
    layout = ActionLayout(space)
    means, log_stds = torch.randn(6, 2), torch.randn(6, 2).clamp(-2, 1)
    space.seed(2)
    actions = torch.from_numpy(layout.columns([space.sample() for _ in range(6)]))
    distribution = ActionDistribution(torch.cat([means, log_stds], 1), layout)
    low, high = torch.from_numpy(space.low), torch.from_numpy(space.high)
    reference = TanhNormal(means, log_stds.exp(), low=low, high=high, tanh_loc=False)
    torch.testing.assert_close(distribution.log_prob(actions), reference.log_prob(actions), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("bound", ["low", "high"])
def test_at_its_bounds_a_squashed_number_is_as_likely_as_just_before_them(bound: str) -> None:
    space = spaces.Box(np.array([-2, 0], np.float32), np.array([2, 1000], np.float32))
    layout = ActionLayout(space)
    parameters = torch.tensor([[0.5, -1.0, 0.0, -1.0]], requires_grad=True)
    at = torch.from_numpy(getattr(space, bound))[None]
    just_before = at + (1e-7 if bound == "low" else -1e-7) * torch.from_numpy(space.high - space.low)
    log_probs = [ActionDistribution(parameters, layout).log_prob(value) for value in (at, just_before)]
    assert torch.isfinite(log_probs[0]).all()
    torch.testing.assert_close(*log_probs)
    log_probs[0].sum().backward()  # type: ignore[no-untyped-call]
    assert parameters.grad is not None
    assert torch.isfinite(parameters.grad).all()


def test_a_policy_that_pushes_far_beyond_its_bounds_stays_within_them_and_finite() -> None:
    space = spaces.Box(-1, 3, (1,))
    layout = ActionLayout(space)
    parameters = np.array([[40.0, 2.0], [-40.0, 2.0]], np.float32)
    actions = layout.actions(layout.choose(parameters, None))
    assert all(action in space for action in actions)
    columns = torch.from_numpy(layout.columns(actions))
    assert torch.isfinite(ActionDistribution(torch.from_numpy(parameters), layout).log_prob(columns)).all()


def test_what_is_no_number_is_said_to_be_none() -> None:
    distribution = ActionDistribution(torch.tensor([[0.0, float("nan")]]), ActionLayout(spaces.Discrete(2)))
    with pytest.raises(FloatingPointError, match="the network gives values that are not finite"):
        distribution.entropy()


def test_unbounded_numbers_are_normal() -> None:
    layout = ActionLayout(spaces.Box(-np.inf, np.inf, (2,)))
    parameters, actions = torch.tensor([[0.5, -1.0, 0.0, -1.0]]), torch.tensor([[0.0, 2.0]])
    normal = Normal(parameters[:, :2], parameters[:, 2:].exp())
    distribution = ActionDistribution(parameters, layout)
    expected = normal.log_prob(actions).sum(1)  # type: ignore[no-untyped-call]
    torch.testing.assert_close(distribution.log_prob(actions), expected)


@pytest.mark.parametrize("space", [spaces.Discrete(3), spaces.MultiBinary(2), spaces.Box(-1, 1, (2,))], ids=str)
def test_what_a_policy_draws_is_as_likely_as_the_loss_believes(space: spaces.Space[object]) -> None:
    """The mean of -log_prob over what is drawn is the entropy (of squashed numbers that of the distribution itself)."""
    layout = ActionLayout(space)
    parameters = np.tile(np.random.default_rng(3).normal(size=layout.n_parameters).astype(np.float32), (20_000, 1))
    uniforms = 1 - np.random.default_rng(4).random((20_000, layout.n_uniforms))
    columns = layout.columns(layout.actions(layout.choose(parameters, uniforms)))
    distribution = ActionDistribution(torch.from_numpy(parameters), layout)
    surprise = -distribution.log_prob(torch.from_numpy(columns)).mean()
    if isinstance(space, spaces.Box):
        means, log_stds = torch.from_numpy(parameters[:1, :2]), torch.from_numpy(parameters[:1, 2:])
        drawn = torch.tanh(means + log_stds.exp() * torch.randn(200_000, 2, generator=torch.Generator().manual_seed(1)))
        rows = torch.from_numpy(parameters[:1]).expand(200_000, -1)
        expected = -ActionDistribution(rows, layout).log_prob(drawn).mean()
    else:
        expected = distribution.entropy().mean()
    torch.testing.assert_close(surprise, expected, atol=0.04, rtol=0)
