"""From episodes to tensors: what was observed and done at each step key, and how much better it was than expected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from maze.core.env.actor_id import StepKey
from maze.train.action_distribution import ActionDistribution
from maze.train.advantages import estimated_advantages
from maze.train.collected_episode import CollectedEpisode, Decisions
from maze.train.models.actor_critic import ActorCritic

ROWS_AT_ONCE = 1024
"""Of a forward over all that was collected, so that memory stays bounded."""


@dataclass(frozen=True)
class KeyBatch:
    """The decisions of one step key, from several episodes."""

    leaves: list[Tensor]
    """The arrays of its observations, each (n, ...)."""

    actions: Tensor
    """(n, n_columns) float32."""

    log_probs: Tensor
    """(n,) float32: of these actions, by the policy that has chosen them."""

    advantages: Tensor
    """(n,) float32."""

    value_targets: Tensor
    """(n,) float32."""

    values: Tensor
    """(n,) float32: what the critic had expected."""

    def __len__(self) -> int:
        """Count the decisions."""
        return len(self.actions)


def decision_batch(
    episodes: Sequence[CollectedEpisode], model: ActorCritic, device: torch.device, gamma: float, gae_lambda: float
) -> dict[StepKey, KeyBatch]:
    """Put the decisions of episodes together, with their advantages.

    Args:
        episodes: With their decisions.
        model: Whose critics say what is expected.
        device: Where the tensors shall be.
        gamma: Discount of a round; within a round nothing is discounted.
        gae_lambda: Weight of longer estimates (https://arxiv.org/abs/1506.02438); within a round it is 1.
    """
    collected = [(episode, episode.decisions) for episode in episodes if episode.decisions is not None]
    decisions = [of_episode for _, of_episode in collected]
    step_keys = np.concatenate([each.step_keys for each in decisions])
    is_decision = np.concatenate([each.is_decision for each in decisions])
    leaves = {key: _observations(decisions, key, device) for key in model.step_keys}
    values = np.zeros(len(step_keys), np.float32)
    for index, key in enumerate(model.step_keys):
        if leaves[key]:
            values[step_keys == index] = _in_pieces(partial(_values, model, key), leaves[key]).cpu().numpy()
    advantages = estimated_advantages(collected, values, gamma, gae_lambda)
    batch = {}
    for index, key in enumerate(model.step_keys):
        of_key = step_keys == index
        rows = torch.from_numpy(is_decision[of_key].nonzero()[0]).to(device)
        if not len(rows):
            continue
        advantage, value = (
            torch.from_numpy(column[of_key & is_decision]).to(device) for column in (advantages, values)
        )
        actions = torch.from_numpy(np.concatenate([each.actions[key] for each in decisions if key in each.actions]))
        observed = [leaf[rows] for leaf in leaves[key]]
        batch[key] = KeyBatch(
            leaves=observed,
            actions=actions.to(device),
            log_probs=_in_pieces(partial(_log_probs, model, key), [actions.to(device), *observed]),
            advantages=advantage,
            value_targets=advantage + value,
            values=value,
        )
    return batch


def _observations(decisions: Sequence[Decisions], key: StepKey, device: torch.device) -> list[Tensor]:
    """The arrays of a step key's observations, in order of the episodes, final ones among them."""
    arrays = [each.observations[key] for each in decisions if key in each.observations]
    return [torch.from_numpy(np.concatenate(parts)).to(device) for parts in zip(*arrays, strict=True)]


def _values(model: ActorCritic, key: StepKey, *leaves: Tensor) -> Tensor:
    return model.values(key, leaves)


def _log_probs(model: ActorCritic, key: StepKey, actions: Tensor, *leaves: Tensor) -> Tensor:
    return ActionDistribution(model.action_parameters(key, leaves), model.action_layouts[key]).log_prob(actions)


def _in_pieces(function: Callable[..., Tensor], tensors: Sequence[Tensor]) -> Tensor:
    """What a function without gradients gives for all rows, some of them at a time."""
    with torch.no_grad():
        pieces = zip(*(torch.split(tensor, ROWS_AT_ONCE) for tensor in tensors), strict=True)
        return torch.cat([function(*piece) for piece in pieces])
