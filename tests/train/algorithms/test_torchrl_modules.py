"""TorchRL's losses on our models: one ratio per decision, whatever an action consists of."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
import torch
from gymnasium import spaces
from torchrl.objectives import A2CLoss, ClipPPOLoss

from maze.train.action_distribution import ActionDistribution
from maze.train.algorithms.torchrl_modules import LOG_PROB, actor_of, critic_of, tensordict_of
from maze.train.decision_batch import KeyBatch
from maze.train.models.flatten_concat import FlattenConcat

N, CLIP = 12, 0.2
ACTION = spaces.Dict({"turn": spaces.Box(-1, 1, (1,)), "which": spaces.Discrete(4), "flags": spaces.MultiBinary(2)})
OBSERVATION: gymnasium.Space[Any] = spaces.Dict({"legal": spaces.MultiBinary(4), "x": spaces.Box(-1, 1, (2,))})


def made() -> tuple[FlattenConcat, KeyBatch]:
    """A model, and decisions of an earlier one."""
    torch.manual_seed(1)
    model = FlattenConcat({"pick": OBSERVATION}, {"pick": ACTION}, {"pick": {"which": "legal"}}, hidden_sizes=[8])
    ACTION.seed(1)
    actions = [ACTION.sample() for _ in range(N)]
    legal = torch.ones(N, 4, dtype=torch.int8)
    for row, action in enumerate(actions):
        legal[row, (int(action["which"]) + 1) % 4] = 0
    leaves = [legal, torch.rand(N, 2)]
    columns = torch.from_numpy(model.action_layouts["pick"].columns(actions))
    with torch.no_grad():
        before = ActionDistribution(model.action_parameters("pick", leaves), model.action_layouts["pick"])
        log_probs = before.log_prob(columns)
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.3)
    return model, KeyBatch(
        leaves=leaves,
        actions=columns,
        log_probs=log_probs,
        advantages=torch.randn(N),
        value_targets=torch.randn(N),
        values=torch.randn(N),
    )


def log_probs_now(model: FlattenConcat, batch: KeyBatch) -> torch.Tensor:
    parameters = model.action_parameters("pick", batch.leaves)
    return ActionDistribution(parameters, model.action_layouts["pick"]).log_prob(batch.actions)


def test_ppo_clips_one_ratio_per_decision() -> None:
    model, batch = made()
    loss = ClipPPOLoss(
        actor_of(model, "pick"),
        critic_of(model, "pick"),
        clip_epsilon=CLIP,
        entropy_coeff=0.1,
        critic_coeff=0.5,
        functional=False,
    )
    loss.set_keys(sample_log_prob=LOG_PROB)
    out = loss(tensordict_of(batch))
    ratio = (log_probs_now(model, batch) - batch.log_probs).exp()
    assert ((ratio < 1 - CLIP) | (ratio > 1 + CLIP)).any()
    advantages = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std() + 1e-8)
    # The bounds are exact in logarithms: 1 - clip and 1 + clip.
    gains = torch.minimum(ratio * advantages, ratio.clamp(1 - CLIP, 1 + CLIP) * advantages)
    torch.testing.assert_close(out["loss_objective"], -gains.mean())
    torch.testing.assert_close(out["kl_approx"], (batch.log_probs - log_probs_now(model, batch)).mean())
    values = model.values("pick", batch.leaves)
    expected = 0.5 * torch.nn.functional.smooth_l1_loss(values, batch.value_targets)
    torch.testing.assert_close(out["loss_critic"], expected)
    parameters = model.action_parameters("pick", batch.leaves)
    entropy = ActionDistribution(parameters, model.action_layouts["pick"]).entropy().mean()
    torch.testing.assert_close(out["loss_entropy"], -0.1 * entropy)


def test_a2c_weighs_the_logarithm_of_the_whole_action() -> None:
    model, batch = made()
    loss = A2CLoss(actor_of(model, "pick"), critic_of(model, "pick"), functional=False)
    loss.set_keys(sample_log_prob=LOG_PROB)
    advantages = (batch.advantages - batch.advantages.mean()) / (batch.advantages.std() + 1e-8)
    out = loss(tensordict_of(batch))
    torch.testing.assert_close(out["loss_objective"], -(log_probs_now(model, batch) * advantages).mean())


def test_what_is_not_legal_gets_no_gradient() -> None:
    model, batch = made()
    loss = ClipPPOLoss(actor_of(model, "pick"), critic_of(model, "pick"), functional=False, entropy_coeff=0.1)
    loss.set_keys(sample_log_prob=LOG_PROB)
    out = loss(tensordict_of(batch))
    parameters = model.action_parameters("pick", batch.leaves)
    (out["loss_objective"] + out["loss_entropy"]).backward()
    assert all(torch.isfinite(each.grad).all() for each in model.policy_parameters() if each.grad is not None)
    which = model.action_layouts["pick"].parts_at(("which",))[0]
    shares = torch.softmax(parameters[:, which.parameters], 1)
    assert (shares[batch.leaves[0] == 0] == 0).all()


def test_the_advantage_of_a_single_decision_stays_as_it_is() -> None:
    _, batch = made()
    single = KeyBatch(
        leaves=[leaf[:1] for leaf in batch.leaves],
        actions=batch.actions[:1],
        log_probs=batch.log_probs[:1],
        advantages=batch.advantages[:1],
        value_targets=batch.value_targets[:1],
        values=batch.values[:1],
    )
    assert tensordict_of(single)["advantage"].item() == pytest.approx(batch.advantages[0].item())
